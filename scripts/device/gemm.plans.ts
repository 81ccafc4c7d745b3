/** What gemm.ts tries: tiles of linear.tall.ts. */
import { TALL, type TallPlan } from '../../kernels/linear/linear.tall.ts';

export const PLANS: [string, TallPlan][] = [
  ['256x128x64, now', TALL],
  ['256x128x64, 8 tiles down', { ...TALL, GROUP_M: 8 }],
  ['256x64x64 of 32x64', { ...TALL, BN: 64, WN: 64 }],
];
