/** What scripts/device/int8.ts times: the likeliest first. */
import type { Int8Plan } from './int8.ts';

const TURNS: Int8Plan = { BM: 256, BN: 128, BK: 128, WM: 32, WN: 128, stages: 2, ahead: 3, GROUP_M: 4 };
/** Two workgroups of four subgroups a processor drift apart: one multiplies while the other waits. */
const TWO: Int8Plan = { ...TURNS, BM: 128, stages: 1 };
/** Nine matrices for eighteen multiplications, where 32 x 128 takes ten for sixteen; f16 weights ran best so. */
const NARROW = { BN: 96, WM: 48, WN: 96 };

export const PLANS: [string, Int8Plan][] = [
  ['256x128x128 of 32x128, in turns', TURNS],
  ['128x128x128 of 32x128, one stage', TWO],
  ['384x96x128 of 48x96, in turns', { ...TURNS, ...NARROW, BM: 384 }],
  ['192x96x128 of 48x96, one stage', { ...TWO, ...NARROW, BM: 192 }],
  ['128x128x64 of 32x128, in turns', { ...TWO, BK: 64, stages: 2 }],
  ['192x96x64 of 48x96, in turns', { ...TWO, ...NARROW, BM: 192, BK: 64, stages: 2 }],
  ['256x128x64 of 32x128, in turns', { ...TURNS, BK: 64 }],
  ['256x128x128 of 64x64, in turns', { ...TURNS, WM: 64, WN: 64, ahead: 1 }],
  ['256x160x128 of 32x160, in turns', { ...TURNS, BN: 160, WN: 160 }],
  ['256x128x128 of 32x128, x 1 ahead', { ...TURNS, ahead: 1 }],
  ['128x128x128 of 64x64, one stage', { ...TWO, WM: 64, WN: 64, ahead: 1 }],
  ['256x192x64 of 64x96, x 1 ahead', { ...TURNS, BN: 192, BK: 64, WM: 64, WN: 96, ahead: 1 }],
  ['256x128x128 of 64x64, no stage', { ...TURNS, WM: 64, WN: 64, stages: 0, ahead: 1 }],
];
