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
/** 256 x 128 x 64, one workgroup of eight subgroups. */
const TALL: DirectPlan = { ...D, BM: 256, BK: 64, unpack: 'spread' };
/** One buffer, two barriers: the form of now, but for x. */
const ONE: DirectPlan = { ...D, BK: 64, BUFFERS: 1, TURNS: 1 };

/** x in tiles, in one buffer: the fastest of the first run. */
const TILES: DirectPlan = { ...ONE, x: 'tiles' };
const TALL_TILES: DirectPlan = { ...TALL, x: 'tiles' };
/** Subgroups side by side: a matrix of x is loaded by one of them. */
const LONG = { WM: 32, WN: 128 } as const;

export const DIRECT: [string, DirectPlan][] = [
  ['128x128x64, x 1 ahead', TILES],
  ['128x128x64, x 3 ahead', { ...TILES, LEFT: 4 }],
  ['128x128x64, x 2 ahead', { ...TILES, LEFT: 4, distance: 2 }],
  ['128x128x64, x 3 ahead, spread', { ...TILES, LEFT: 4, LEFT_SPREAD: true }],
  ['256x128x64 in turns, x 3 ahead', { ...TALL_TILES, LEFT: 4 }],
  ['256x128x64 in turns, x 2 ahead', { ...TALL_TILES, LEFT: 4, distance: 2 }],
  ['128x128x64, 32x128 a subgroup, x 1 ahead', { ...TILES, ...LONG }],
  ['128x128x64, 32x128 a subgroup, x 3 ahead', { ...TILES, ...LONG, LEFT: 4 }],
  ['128x128x64, 32x128 a subgroup, x, W 3 ahead', { ...TILES, ...LONG, LEFT: 4, AHEAD: 3 }],
  ['256x128x64, 32x128 in turns, x 3 ahead', { ...TALL_TILES, ...LONG, LEFT: 4 }],
  ['256x128x64, x 3 ahead', { ...TILES, BM: 256, LEFT: 4 }],
  ['256x128x64 in turns, after, x 3 ahead', { ...TALL_TILES, LEFT: 4, unpack: 'after' }],
  ['256x128x64 in turns, before, x 3 ahead', { ...TALL_TILES, LEFT: 4, unpack: 'before' }],
  ['128x128x64, W 3 ahead', { ...TILES, AHEAD: 3 }],
  ['128x128x64, x, W 3 ahead', { ...TILES, LEFT: 4, AHEAD: 3 }],
  ['128x256x64, x 3 ahead', { ...TILES, BN: 256, LEFT: 4 }],
  ['128x128x64 in turns, x 3 ahead', { ...TALL_TILES, BM: 128, LEFT: 4 }],
  ['f16 staged 128x128x64, x 3 ahead', { ...TILES, w: 'f16 staged', LEFT: 4 }],
];
