/** The two ways to train a model, as one thing: which parameters there are, and what the kernels read of them. */
import { copy } from '../../kernels/copy/copy.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder, type Recording } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Gradients } from '../model/backward.ts';
import type { ModelWeights } from '../model/weights.ts';
import type { Parameters } from './parameters.ts';

export interface Trainable {
  /** Its trained weights are views of the parameters, or copies of them in the tier's type. */
  model: ModelWeights;
  parameters: Parameters;
  /** From the tensors of the model that are trained to their gradients. */
  gradients: Gradients;
  /** Whether the embedding table is among them. */
  embedding: boolean;
  /** Brings the copies up to date: after every update, and after the masters were written. */
  refresh: Recording;
  /** Frees all of it, the model too. */
  free(): void;
}

/** Records `to` = `from` for all copies, rounded to their type. Each is [rows, columns]. */
export async function recordCopies(gpu: Gpu, copies: readonly { from: Tensor; to: Tensor }[]): Promise<Recording> {
  const r = new Recorder(gpu);
  for (const { from, to } of copies) copy(r, { x: from, y: to, rows: gpu.dim('rows of a copy', from.shape[0]) });
  return r.finish();
}
