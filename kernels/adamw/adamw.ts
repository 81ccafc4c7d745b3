/** AdamW over one flat buffer, one dispatch for all parameters. Formula and layouts: adamw.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import { elements, type Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './adamw.wgsl' with { type: 'text' };
import { floatBits } from './bits.ts';

/** What stays the same through a run. */
export interface AdamwOptions {
  beta1: number;
  beta2: number;
  eps: number;
}

/** What changes from step to step. */
export interface AdamwStep {
  lr: number;
  /** Decoupled: p shrinks by lr * weightDecay. */
  weightDecay: number;
  /** The updates made so far and this one: 1 for the first. A skipped step does not count, as in torch. */
  t: number;
}

export interface Adamw extends AdamwOptions {
  /** f32 [N]; m and v start as zeros */
  parameters: Tensor;
  gradients: Tensor;
  m: Tensor;
  v: Tensor;
  /** f32 [4] from gradNorm: [1] 0 skips the step, [2] multiplies every gradient */
  stats: Tensor;
  /** Set by `setAdamw`. */
  state: Dim;
}

/** Sets this step's rates; the bias corrections are computed here, in float64. */
export function setAdamw(state: Dim, { lr, weightDecay, t }: AdamwStep, { beta1, beta2 }: AdamwOptions): void {
  const step = lr / (1 - beta1 ** t);
  const root = 1 / Math.sqrt(1 - beta2 ** t);
  state.set(floatBits(step), floatBits(root), floatBits(lr * weightDecay));
}

/** Threads a workgroup; each has four elements. */
export function plan(_caps: Caps): { WG: number } {
  return { WG: 256 };
}

export function adamw(r: Recorder, a: Adamw): void {
  const VECTORS = Math.ceil(elements(a.parameters.shape) / 4);
  const { WG } = plan(r.gpu.caps);
  r.dispatch({
    label: 'adamw',
    code: specialise(source, {
      constants: { VECTORS, GAIN1: float(1 - a.beta1), GAIN2: float(1 - a.beta2), EPS: float(a.eps), WG },
    }),
    bindings: [a.parameters, a.gradients, a.m, a.v, a.stats, a.state],
    grid: fold(Math.ceil(VECTORS / WG)),
  });
}
