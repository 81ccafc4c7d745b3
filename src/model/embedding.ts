/**
 * From the residual stream to embeddings and back: the last token's hidden state after the final norm, scaled to
 * length one. The norm is row by row, so pooling first spares it all rows but one a sequence.
 */
import type { Sequences } from '../../kernels/attention/sequences.ts';
import { l2NormalizeBackward } from '../../kernels/l2_normalize/l2_normalize.backward.ts';
import { l2Normalize } from '../../kernels/l2_normalize/l2_normalize.ts';
import { poolLastBackward } from '../../kernels/pool/pool.backward.ts';
import { poolLast } from '../../kernels/pool/pool.ts';
import { rmsNormBackward } from '../../kernels/rms_norm/rms_norm.backward.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Gradients } from './backward.ts';
import type { ModelWeights } from './weights.ts';

/** f32 [maxSequences, hidden] each. */
export interface EmbeddingActivations {
  pooled: Tensor;
  normed: Tensor;
  /** Unit vectors. */
  out: Tensor;
}

export function embeddingActivations(gpu: Gpu, seqs: Sequences, hiddenSize: number): EmbeddingActivations {
  const vectors = (label: string) => gpu.tensor(label, 'f32', [seqs.maxSequences, hiddenSize]);
  return { pooled: vectors('pooled'), normed: vectors('normed'), out: vectors('embeddings') };
}

/** e.out[s] = unit(norm(h[last token of s])). h: f32 [T, hidden]. */
export function embedding(r: Recorder, w: ModelWeights, h: Tensor, e: EmbeddingActivations, seqs: Sequences): void {
  poolLast(r, { h, starts: seqs.starts, y: e.pooled, count: seqs.count });
  rmsNorm(r, { x: e.pooled, weight: w.norm, y: e.normed, rows: seqs.count, eps: w.config.rmsEps });
  l2Normalize(r, { x: e.normed, y: e.out, rows: seqs.count });
}

/** From the gradient of the embeddings, dout [maxSequences, hidden] f32, to dh, of which every row is written. */
export function embeddingBackward(
  r: Recorder,
  w: ModelWeights,
  e: EmbeddingActivations,
  seqs: Sequences,
  { dout, dh, gradients }: { dout: Tensor; dh: Tensor; gradients: Gradients },
): void {
  const rows = seqs.count;
  const dnormed = r.scratch('gradient of normed', 'f32', e.normed.shape);
  const dpooled = r.scratch('gradient of pooled', 'f32', e.pooled.shape);
  const data = gradients.get(w.norm);
  const dweight = data && { data, add: true };
  l2NormalizeBackward(r, { x: e.normed, dy: dout, dx: dnormed, rows });
  rmsNormBackward(r, { x: e.pooled, weight: w.norm, dy: dnormed, dx: dpooled, rows, eps: w.config.rmsEps, dweight });
  poolLastBackward(r, { dy: dpooled, starts: seqs.starts, dh, count: rows });
}
