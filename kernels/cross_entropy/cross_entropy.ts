/**
 * Cross-entropy over a vocabulary: what training on next tokens minimises. Formulas and layouts: cross_entropy.wgsl and
 * cross_entropy.backward.wgsl. No model here is trained so yet: it is for rerankers and generators.
 *
 * A workgroup takes a row, so a large GPU is full from some 512 tokens on; fewer leave a part of it idle in the forward
 * pass, which the product that made the logits, reading the whole vocabulary's weights, then outweighs.
 */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../src/gpu/wgsl.ts';
import { floatBits } from '../adamw/bits.ts';
import source from './cross_entropy.wgsl' with { type: 'text' };
import scalar from './logits.scalar.wgsl' with { type: 'text' };
import vec4 from './logits.vec4.wgsl' with { type: 'text' };
import vec8 from './logits.vec8.wgsl' with { type: 'text' };

/** The target of a token that carries no loss: a prompt's, or padding. */
export const IGNORED = 0xffffffff;

export interface CrossEntropy {
  /** [T, V], f16 or f32. -Infinity is a token that cannot come; at least one of each row is finite. */
  logits: Tensor;
  /** u32 [T]: each below V, or IGNORED */
  targets: Tensor;
  /** f32 [T]: 0 where ignored */
  losses: Tensor;
  /** f32 [T]: the logarithm of the sum of a row's exponentials, kept for the gradient; 0 where ignored */
  lse: Tensor;
  /** Set by `setCrossEntropyBatch`. */
  batch: Dim;
}

/**
 * How many rows there are, at most T, and what the gradient of a row's loss is multiplied by: the loss scale over the
 * number of tokens that carry loss makes the gradient of their mean.
 */
export function setCrossEntropyBatch(batch: Dim, rows: number, gain = 1): void {
  batch.set(rows, floatBits(gain));
}

export interface CrossEntropyPlan {
  /** Logits a read, 16 bytes where V allows: no read straddles two rows. */
  width: 1 | 4 | 8;
  /** Threads a workgroup. */
  WG: 64 | 256;
  /** Reads that a thread has under way. */
  PER: number;
}

export function plan({ V, dtype }: { V: number; dtype: 'f16' | 'f32' }): CrossEntropyPlan {
  const width = dtype === 'f16' && V % 8 === 0 ? 8 : V % 4 === 0 ? 4 : 1;
  return { width, WG: V / width > 1024 ? 256 : 64, PER: 4 };
}

/** How both passes read logits: the plan, the form's name, and what their text asks for. */
export function reading({ dtype, shape: [, V] }: Tensor) {
  if (dtype === 'u32') throw new Error('cross_entropy: logits are f16 or f32');
  const { width, WG, PER } = plan({ V, dtype });
  const READS = V / width;
  const { form, text, alias } = {
    1: { form: 'scalar', text: scalar, alias: { Read: dtype } },
    4: { form: 'vec4', text: vec4, alias: { Read: `vec4<${dtype}>` } },
    8: { form: 'vec8', text: vec8, alias: { Read: 'vec4<u32>' } },
  }[width];
  const enable = dtype === 'f16' ? ['f16'] : [];
  return { READS, WG, PER, form, text, specialised: { enable, alias, constants: { IGNORED, READS, PER, WG } } };
}

export function crossEntropy(r: Recorder, a: CrossEntropy): void {
  const { PER, form, text, specialised } = reading(a.logits);
  r.dispatch({
    label: `cross_entropy ${form}`,
    code: unroll(specialise(source, { ...specialised, include: [text] }), { PER }),
    bindings: [a.logits, a.targets, a.losses, a.lse, a.batch],
    grid: () => fold(a.batch.count),
  });
}
