/** A linear layer: y = x Wᵀ (nn.Linear), for weights dense or int4, with bias, residual, act-order and an adapter. */
import type { Recorder } from '../../src/gpu/recorder.ts';
import { lora } from '../lora/lora.ts';
import { permuteColumns } from '../permute_columns/permute_columns.ts';
import { product } from './linear.product.ts';
import type { Linear } from './linear.types.ts';

export { type Plan, plan } from './linear.product.ts';
export type { Linear, LinearShape } from './linear.types.ts';

/**
 * Records y[:, column ..] (+)= scale · x Wᵀ + bias + lora.scale · x Aᵀ Bᵀ.
 * Act-order weights read x through a gathered copy. Throws an Error where shapes do not fit each other.
 */
export function linear(r: Recorder, a: Linear): void {
  const { x, weight, rows, y, column } = a;
  if (a.add && y.dtype !== 'f32') throw new Error(`linear ${x.label} -> ${y.label}: the residual stream is f32`);
  const perm = weight.kind === 'q4' ? weight.perm : undefined;
  if (perm) {
    const gathered = r.scratch('act-order x', x.dtype, x.shape);
    permuteColumns(r, { x, perm, y: gathered, rows });
    product(r, { ...a, x: gathered });
  } else product(r, a);
  if (a.lora) lora(r, { x, lora: a.lora, y, rows, column });
}
