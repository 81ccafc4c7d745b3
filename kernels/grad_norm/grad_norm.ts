/**
 * Norm and finiteness of all gradients at once, and the factor that unscales and clips them, left on the GPU for
 * adamw. Formulas and layouts: grad_norm.wgsl (a share of one tensor), grad_norm.total.wgsl (the rest).
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import { elements, type Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { floatBits } from '../adamw/bits.ts';
import total from './grad_norm.total.wgsl' with { type: 'text' };
import source from './grad_norm.wgsl' with { type: 'text' };

export interface GradNorm {
  /** f32, of any shapes: one flat buffer, or several where one binding cannot hold it */
  gradients: readonly Tensor[];
  /** f32 [4]: norm, 1 if all is finite else 0, factor for every gradient, how many are not finite */
  stats: Tensor;
  /** Set by `setGradNorm`. */
  state: Dim;
}

/** What the gradients of this step are multiplied by, and the norm they are clipped to (0: no clipping). */
export function setGradNorm(state: Dim, { lossScale = 1, clip = 0 } = {}): void {
  state.set(floatBits(lossScale), floatBits(clip));
}

/** Workgroups for a tensor of N elements: sixteen vectors a thread, until there are enough to fill any GPU. */
export function plan(_caps: Caps, N: number): { WG: number; WORKGROUPS: number } {
  const WG = 256;
  return { WG, WORKGROUPS: Math.max(1, Math.min(1024, Math.ceil(N / (4 * 16 * WG)))) };
}

export function gradNorm(r: Recorder, a: GradNorm): void {
  const plans = a.gradients.map((g) => plan(r.gpu.caps, elements(g.shape)));
  const PARTIALS = plans.reduce((n, p) => n + p.WORKGROUPS, 0);
  const partial = r.scratch('grad_norm partial', 'f32', [PARTIALS, 2]);
  let FIRST = 0;
  a.gradients.forEach((g, i) => {
    r.dispatch({
      label: 'grad_norm',
      code: specialise(source, { constants: { N: elements(g.shape), FIRST, ...plans[i] } }),
      bindings: [g, partial, a.state],
      grid: [plans[i].WORKGROUPS],
    });
    FIRST += plans[i].WORKGROUPS;
  });
  r.dispatch({
    label: 'grad_norm total',
    code: specialise(total, { constants: { PARTIALS, WG: 256 } }),
    bindings: [partial, a.stats, a.state],
    grid: [1],
  });
}
