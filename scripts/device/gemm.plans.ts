/** What gemm.ts tries: tiles of linear.tall.ts. */
import { TALL, type TallPlan } from '../../kernels/linear/linear.tall.ts';

/** Half the rows and half of k a step: two workgroups on a processor, which need not wait for each other. */
const TWO: TallPlan = { ...TALL, BM: 128, BK: 32 };

export const PLANS: [string, TallPlan][] = [
  ['256x128x64, now', TALL],
  ['256x128x64, 4 tiles down', { ...TALL, GROUP_M: 4 }],
  ['256x128x64, 16 tiles down', { ...TALL, GROUP_M: 16 }],
  ['128x128x32, two a processor', TWO],
  ['128x128x32, two a processor, 16 tiles down', { ...TWO, GROUP_M: 16 }],
  ['256x128x32', { ...TALL, BK: 32 }],
  ['256x64x64 of 32x64', { ...TALL, BN: 64, WN: 64 }],
];
