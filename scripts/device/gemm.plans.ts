/** What gemm.ts tries: forms that do not stage x (linear.direct.ts), the most promising first, and what runs now. */
import type { DirectPlan } from '../../kernels/linear/linear.direct.ts';
import type { MatrixPlan } from '../../kernels/linear/linear.matrix.ts';

export const NOW: MatrixPlan = { BM: 128, BN: 128, BK: 64, WM: 64, WN: 64, SLICES: 1, FENCED: false };

/** 128 x 128 x 32, two workgroups a processor. */
const D: DirectPlan = {
  BM: 128,
  BN: 128,
  WM: 64,
  WN: 64,
  BK: 32,
  x: 'rows',
  element: 'vec4<u32>',
  LEFT: 2,
  LEFT_SPREAD: false,
  AHEAD: 1,
  w: 'q4',
  BUFFERS: 2,
  TURNS: 2,
  DEPTH: 1,
  unpack: 'before',
  LINES: false,
};
const SPREAD = { unpack: 'spread', DEPTH: 2 } as const;
/** 256 x 128 x 64, one workgroup of eight subgroups. */
const TALL: DirectPlan = { ...D, BM: 256, BK: 64, unpack: 'spread' };
const WIDE: DirectPlan = { ...D, BN: 256, ...SPREAD };
/** One buffer, two barriers: the form of now, but for x. */
const ONE: DirectPlan = { ...D, BK: 64, BUFFERS: 1, TURNS: 1 };
/** No stage. */
const NONE: DirectPlan = { ...D, BK: 32, BUFFERS: 1, TURNS: 1, w: 'f16 rows' };

export const DIRECT: [string, DirectPlan][] = [
  ['128x128x32 spread', { ...D, ...SPREAD }],
  ['128x128x32 before', D],
  ['128x128x32 after', { ...D, unpack: 'after' }],
  ['256x128x64 spread', TALL],
  ['128x128x64 one buffer', ONE],
  ['128x128x32 spread, x in tiles', { ...D, ...SPREAD, x: 'tiles' }],
  ['256x128x64 spread, x in tiles', { ...TALL, x: 'tiles' }],
  ['128x128x64 one buffer, x in tiles', { ...ONE, x: 'tiles' }],
  ['128x128x64 x staged, fragments ahead', { ...ONE, x: 'staged' }],
  ['f16 rows, no stage', NONE],
  ['f16 and x in tiles, no stage, 4 ahead', { ...NONE, w: 'f16 tiles', x: 'tiles', AHEAD: 4 }],
  ['128x128x32 spread, lines', { ...D, ...SPREAD, LINES: true }],
  ['256x128x64 spread, lines', { ...TALL, LINES: true }],
  ['128x128x32 spread, 4 ahead', { ...D, ...SPREAD, AHEAD: 4 }],
  ['128x128x32 spread, 0 ahead', { ...D, ...SPREAD, AHEAD: 0 }],
  ['128x128x32 spread, left spread', { ...D, ...SPREAD, LEFT_SPREAD: true }],
  ['128x128x32 spread, 1 left', { ...D, ...SPREAD, LEFT: 1 }],
  ['128x128x32 spread, one array', { ...D, TURNS: 1, unpack: 'spread', words: 1 }],
  ['128x128x32 before, one array', { ...D, TURNS: 1 }],
  ['128x128x64 spread', { ...TALL, BM: 128 }],
  ['256x128x64 before', { ...TALL, unpack: 'before' }],
  ['256x128x64 after', { ...TALL, unpack: 'after' }],
  ['256x128x32 spread', { ...D, ...SPREAD, BM: 256 }],
  ['128x256x32 spread', WIDE],
  ['128x256x32 spread, x in tiles', { ...WIDE, x: 'tiles' }],
  ['64x256x32 spread', { ...WIDE, BM: 64 }],
  ['64x256x32 one buffer', { ...WIDE, ...ONE, BM: 64, BK: 32, BN: 256 }],
  ['128x128x64 one buffer, lines', { ...ONE, LINES: true }],
  ['128x128x64 one buffer, 1 left', { ...ONE, LEFT: 1 }],
  ['128x128x64 x staged, right ahead', { ...ONE, x: 'staged', LEFT: 1 }],
  ['f16 rows, no stage, 4 ahead', { ...NONE, AHEAD: 4 }],
  ['f16 and x in tiles, no stage', { ...NONE, w: 'f16 tiles', x: 'tiles' }],
  ['f16 and x in tiles, no stage, 256x128', { ...NONE, w: 'f16 tiles', x: 'tiles', AHEAD: 4, BM: 256 }],
  ['f16 staged 128x128x32 after', { ...D, w: 'f16 staged', unpack: 'after' }],
  ['f16 staged 128x128x32 after, x in tiles', { ...D, w: 'f16 staged', unpack: 'after', x: 'tiles' }],
  ['f16 staged 128x128x64 one buffer, x in tiles', { ...ONE, w: 'f16 staged', x: 'tiles' }],
  ['128x128x32 spread, vec2<u32>', { ...D, ...SPREAD, element: 'vec2<u32>' }],
  ['128x128x32 spread, u32', { ...D, ...SPREAD, element: 'u32' }],
  ['128x128x32 spread, f16', { ...D, ...SPREAD, element: 'f16' }],
  ['128x128x32 spread, vec4<f16>', { ...D, ...SPREAD, element: 'vec4<f16>' }],
];
