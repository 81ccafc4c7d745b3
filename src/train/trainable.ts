/** The two ways to train a model, as one thing: which parameters there are, and what the kernels read of them. */
import type { Recording } from '../gpu/recorder.ts';
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
