/** A linear layer: y = x Wᵀ (nn.Linear), for weights dense or int4, with bias, residual, act-order and an adapter. */
import type { Recorder } from '../../src/gpu/recorder.ts';
import { down, lora } from '../lora/lora.ts';
import { permuteColumns } from '../permute_columns/permute_columns.ts';
import { planFor, product, sumsUpdate } from './linear.product.ts';
import { type Linear, shapeOf } from './linear.types.ts';

export { type Plan, plan } from './linear.product.ts';
export type { Linear, LinearShape } from './linear.types.ts';

/**
 * Records y[:, column ..] (+)= scale · x Wᵀ + bias + lora.scale · d(x) Aᵀ Bᵀ, d being dropout or nothing.
 * Act-order weights read x through a gathered copy. On subgroup matrices an adapter's second product is one step more of
 * the layer's own, so that y is written once. Throws an Error where shapes do not fit each other.
 */
export function linear(r: Recorder, a: Linear): void {
  const { x, weight, rows, y, column, dropout } = a;
  if (a.add && y.dtype !== 'f32') throw new Error(`linear ${x.label} -> ${y.label}: the residual stream is f32`);
  const update = fused(r, a);
  if (update) down(r, { x, A: update.lora.A, H: update.H, rows, dropout });
  const perm = weight.kind === 'q4' ? weight.perm : undefined;
  if (perm) {
    const gathered = r.scratch('act-order x', x.dtype, x.shape);
    permuteColumns(r, { x, perm, y: gathered, rows });
    product(r, { ...a, x: gathered, update });
  } else product(r, { ...a, update });
  if (a.lora && !update) lora(r, { x, lora: a.lora, y, rows, column, dropout, H: a.H });
}

/** The adapter's part in the product's own sums, where the form that suits the shape has them. */
function fused(r: Recorder, a: Linear): Linear['update'] {
  const { lora, x } = a;
  if (!lora) return undefined;
  const [M, ranks] = [x.shape[0], lora.A.shape[0]];
  const shape = { ...shapeOf(a), update: { rank: lora.r, widths: lora.widths } };
  if (!sumsUpdate(planFor(r.gpu, shape))) return undefined;
  return { lora, H: a.H ?? r.scratch('lora H', 'f32', [M, ranks]) };
}
