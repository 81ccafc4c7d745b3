/**
 * Contrastive cross-entropy: each query's own passage against all passages of the batch (van den Oord et al. 2018,
 * InfoNCE), loss and gradients at once. Formulas and layouts: contrastive_ce.scores, .softmax, .mean, .product.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import { floatBits } from '../adamw/bits.ts';
import mean from './contrastive_ce.mean.wgsl' with { type: 'text' };
import product from './contrastive_ce.product.wgsl' with { type: 'text' };
import scores from './contrastive_ce.scores.wgsl' with { type: 'text' };
import softmax from './contrastive_ce.softmax.wgsl' with { type: 'text' };

export interface ContrastiveCe {
  /** f32 [Qmax, C], rows of length one */
  queries: Tensor;
  /** f32 [Pmax, C], rows of length one */
  passages: Tensor;
  /** u32 [Qmax]: the row of each query's own passage, below P */
  targets: Tensor;
  /** What cosines are multiplied by: the inverse temperature. */
  scale: number;
  /** f32 [1]: the mean over the queries, without the loss scale */
  loss: Tensor;
  /** f32 [Qmax, C]: lossScale times the gradient of the mean loss; rows from Q stay as they are */
  dqueries: Tensor;
  /** f32 [Pmax, C]: the same by passages */
  dpassages: Tensor;
  /** Set by `setContrastiveBatch`. */
  batch: Dim;
}

/** How many queries and passages there are, at least one each, and what f16 training multiplies gradients by. */
export function setContrastiveBatch(batch: Dim, queries: number, passages: number, lossScale = 1): void {
  batch.set(queries, passages, floatBits(lossScale));
}

/** Threads a tile of scores, and a row of the softmax. */
export function plan(_caps: Caps, { C, Pmax }: { C: number; Pmax: number }): { scores: number; softmax: number } {
  return { scores: C >= 256 ? 128 : 32, softmax: Pmax > 256 ? 256 : 64 };
}

const COLUMNS = 32;
const SLICES = 8;
const ROWS = 4;

/** Records five dispatches: scores, softmax, mean, dqueries, dpassages. */
export function contrastiveCe(r: Recorder, a: ContrastiveCe): void {
  const [Qmax, C] = a.queries.shape;
  const [Pmax] = a.passages.shape;
  const { batch } = a;
  const WG = plan(r.gpu.caps, { C, Pmax });
  const SCALE = float(a.scale);
  const s = r.scratch('contrastive_ce scores', 'f32', [Qmax, Pmax]);
  const losses = r.scratch('contrastive_ce losses', 'f32', [Qmax]);
  const Q = () => batch.value[0];
  const P = () => batch.value[1];
  r.dispatch({
    label: 'contrastive_ce scores',
    code: specialise(scores, { constants: { C, STRIDE: Pmax, SCALE, WG: WG.scores } }),
    bindings: [a.queries, a.passages, s, batch],
    grid: () => [Math.ceil(P() / ROWS), Math.ceil(Q() / ROWS)],
  });
  r.dispatch({
    label: 'contrastive_ce softmax',
    code: specialise(softmax, { constants: { STRIDE: Pmax, SCALE, WG: WG.softmax } }),
    bindings: [s, a.targets, losses, batch],
    grid: () => [Q()],
  });
  r.dispatch({ label: 'contrastive_ce mean', code: mean, bindings: [losses, a.loss, batch], grid: [1] });
  const gradient = (TRANSPOSED: boolean, x: Tensor, y: Tensor) =>
    r.dispatch({
      label: `contrastive_ce ${y === a.dqueries ? 'dqueries' : 'dpassages'}`,
      code: specialise(product, { constants: { C, STRIDE: Pmax, TRANSPOSED, COLUMNS, SLICES } }),
      bindings: [s, x, y, batch],
      grid: () => [Math.ceil(C / COLUMNS), Math.ceil((TRANSPOSED ? P() : Q()) / ROWS)],
    });
  gradient(false, a.passages, a.dqueries);
  gradient(true, a.queries, a.dpassages);
}
