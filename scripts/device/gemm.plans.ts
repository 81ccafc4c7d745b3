/** What gemm.ts tries: tiles of linear.tall.ts. */
import { TALL, type TallPlan } from '../../kernels/linear/linear.tall.ts';

export const PLANS: [string, TallPlan][] = [
  ['256x128x64, now', TALL],
  ['256x128x64, 1 ahead', { ...TALL, AHEAD: 1 }],
  ['384x128x64 of 48x128, 1 ahead', { ...TALL, BM: 384, WM: 48, AHEAD: 1 }],
  ['192x128x64 of 48x128, 1 ahead', { ...TALL, BM: 192, WM: 48, AHEAD: 1 }],
];
