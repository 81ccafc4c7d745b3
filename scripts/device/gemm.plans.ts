/** What gemm.ts tries: tiles of linear.tall.ts. */
import { TALL, type TallPlan } from '../../kernels/linear/linear.tall.ts';

export const PLANS: [string, TallPlan][] = [
  ['256x128x64, now', TALL],
  ['384x96x64 of 48x96', { ...TALL, BM: 384, BN: 96, WM: 48, WN: 96 }],
  ['384x96x64 of 48x96, 1 ahead', { ...TALL, BM: 384, BN: 96, WM: 48, WN: 96, AHEAD: 1 }],
  ['384x128x64 of 48x128, 1 ahead', { ...TALL, BM: 384, WM: 48, AHEAD: 1 }],
  ['256x160x64 of 32x160', { ...TALL, BN: 160, WN: 160 }],
  ['256x160x64 of 32x160, 1 ahead', { ...TALL, BN: 160, WN: 160, AHEAD: 1 }],
  ['256x160x64 of 64x80, 1 ahead', { ...TALL, BN: 160, WM: 64, WN: 80, AHEAD: 1 }],
  ['256x128x64, 8 tiles down', { ...TALL, GROUP_M: 8 }],
];
