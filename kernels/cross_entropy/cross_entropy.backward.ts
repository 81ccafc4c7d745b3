/** The gradient of cross_entropy. Formula and layouts: cross_entropy.backward.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../src/gpu/wgsl.ts';
import source from './cross_entropy.backward.wgsl' with { type: 'text' };
import { reading } from './cross_entropy.ts';

export interface CrossEntropyBackward {
  /** [T, V], f16 or f32: the forward's */
  logits: Tensor;
  /** u32 [T] */
  targets: Tensor;
  /** f32 [T]: the forward's */
  lse: Tensor;
  /** [T, V], of the logits' type: a tensor of its own, or `logits`, which then become their gradient */
  dlogits: Tensor;
  /** Set by `setCrossEntropyBatch`: the gain is on every gradient. */
  batch: Dim;
}

const IN_PLACE = 'fn given(i: u32) -> Read { return dlogits[i]; }';
const APART = `@group(0) @binding(4) var<storage, read> logits: array<Read>;
fn given(i: u32) -> Read { return logits[i]; }`;

export function crossEntropyBackward(r: Recorder, a: CrossEntropyBackward): void {
  const { READS, WG, PER, form, text, specialised } = reading(a.logits);
  const inPlace = a.dlogits === a.logits;
  const stretches = Math.ceil(READS / (PER * WG));
  const code = specialise(source, { ...specialised, include: [text, inPlace ? IN_PLACE : APART] });
  r.dispatch({
    label: `cross_entropy backward ${form}`,
    code: unroll(code, { PER }),
    bindings: [a.dlogits, a.targets, a.lse, a.batch, ...(inPlace ? [] : [a.logits])],
    grid: () => {
      const [y, z] = fold(a.batch.count);
      return [stretches, y, z];
    },
  });
}
