/** Every kernel's benchmark, by the folder it lies in. A list, since Deno has no glob of modules; a test keeps it whole. */
import { bench as adamw } from '../../kernels/adamw/adamw.bench.ts';
import { bench as attentionBackward } from '../../kernels/attention/attention.backward.bench.ts';
import { bench as attention } from '../../kernels/attention/attention.bench.ts';
import { bench as contrastiveCe } from '../../kernels/contrastive_ce/contrastive_ce.bench.ts';
import { bench as crossEntropy } from '../../kernels/cross_entropy/cross_entropy.bench.ts';
import { bench as dropout } from '../../kernels/dropout/dropout.bench.ts';
import { bench as embed } from '../../kernels/embed/embed.bench.ts';
import { bench as embedBackward } from '../../kernels/embed_backward/embed_backward.bench.ts';
import { bench as gradNorm } from '../../kernels/grad_norm/grad_norm.bench.ts';
import { bench as l2NormalizeBackward } from '../../kernels/l2_normalize/l2_normalize.backward.bench.ts';
import { bench as l2Normalize } from '../../kernels/l2_normalize/l2_normalize.bench.ts';
import { bench as linearInt8 } from '../../kernels/linear/int8/int8.bench.ts';
import { bench as linearBackward } from '../../kernels/linear/linear.backward.bench.ts';
import { bench as linear } from '../../kernels/linear/linear.bench.ts';
import { bench as lora } from '../../kernels/lora/lora.bench.ts';
import { bench as nearestExample } from '../../kernels/nearest_example/nearest_example.bench.ts';
import { bench as poolBackward } from '../../kernels/pool/pool.backward.bench.ts';
import { bench as pool } from '../../kernels/pool/pool.bench.ts';
import { bench as rmsNormBackward } from '../../kernels/rms_norm/rms_norm.backward.bench.ts';
import { bench as rmsNorm } from '../../kernels/rms_norm/rms_norm.bench.ts';
import { bench as rope } from '../../kernels/rope/rope.bench.ts';
import { bench as similarity } from '../../kernels/similarity/similarity.bench.ts';
import { bench as swigluBackward } from '../../kernels/swiglu/swiglu.backward.bench.ts';
import { bench as swiglu } from '../../kernels/swiglu/swiglu.bench.ts';
import { bench as topK } from '../../kernels/top_k/top_k.bench.ts';
import type { Bench } from '../bench.ts';

/** In the order of a training step: forward, the loss, backward, the optimiser. */
export const BENCHES: readonly Bench[] = [
  linear,
  linearInt8,
  lora,
  attention,
  embed,
  rmsNorm,
  rope,
  swiglu,
  pool,
  l2Normalize,
  similarity,
  nearestExample,
  topK,
  dropout,
  contrastiveCe,
  crossEntropy,
  linearBackward,
  attentionBackward,
  rmsNormBackward,
  swigluBackward,
  poolBackward,
  l2NormalizeBackward,
  embedBackward,
  gradNorm,
  adamw,
];
