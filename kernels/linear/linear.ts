/** A linear layer: y = x Wᵀ (nn.Linear), for weights dense or int4, with bias, residual, act-order and an adapter. */
import type { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { downShape, planDown, recordDown } from '../lora/down.ts';
import { down, type LoraUpdate, lora } from '../lora/lora.ts';
import { permuteColumns } from '../permute_columns/permute_columns.ts';
import { planFor, product, sumsUpdate } from './linear.product.ts';
import { type Linear, shapeOf } from './linear.types.ts';
import { tileScratch } from './tiles.ts';

export { type Plan, plan } from './linear.product.ts';
export type { Linear, LinearShape } from './linear.types.ts';

/**
 * Records y[:, column ..] (+)= scale · x Wᵀ + bias + lora.scale · d(x) Aᵀ Bᵀ, d being dropout or nothing.
 * Act-order weights read x through a gathered copy. On subgroup matrices an adapter's second product is one step more of
 * the layer's own, so that y is written once. Throws an Error where shapes do not fit each other.
 */
export function linear(r: Recorder, a: Linear): void {
  const { x, rows, y, column, dropout } = a;
  if (a.add && y.dtype !== 'f32') throw new Error(`linear ${x.label} -> ${y.label}: the residual stream is f32`);
  const perm = permOf(a);
  const made = fused(r, a);
  if (perm) {
    const gathered = r.scratch('act-order x', x.dtype, x.shape);
    permuteColumns(r, { x, perm, y: gathered, rows });
    product(r, { ...a, ...made, x: gathered, xTiles: undefined });
  } else product(r, { ...a, ...made });
  if (a.lora && !made) lora(r, { x, lora: a.lora, y, rows, column, dropout, H: a.H });
}

const permOf = ({ weight }: Linear) => (weight.kind === 'q4' ? weight.perm : undefined);

/**
 * Where the form that suits the shape sums an adapter with the product: records H = d(x) Aᵀ, and gives what the product
 * then takes. A form that reads tiles has them of both from the dispatch that makes H, if that is one.
 */
function fused(r: Recorder, a: Linear): Pick<Linear, 'update' | 'xTiles'> | undefined {
  const { lora, x, rows, dropout } = a;
  if (!lora) return undefined;
  const [M, K] = x.shape;
  const [A, ranks] = [lora.A, lora.A.shape[0]];
  const plan = planFor(r.gpu, { ...shapeOf(a), update: { rank: lora.r, widths: lora.widths } });
  if (!sumsUpdate(plan)) return undefined;
  const atOnce = plan.form === 'tall' ? planDown(r.gpu.caps, downShape(x, A)) : undefined;
  if (!atOnce) {
    const H = a.H ?? r.scratch('lora H', 'f32', [M, ranks]);
    down(r, { x, A, H, rows, dropout });
    return { update: { lora, H } };
  }
  const hTiles = tileScratch(r, 'H in tiles', M, ranks);
  const xTiles = permOf(a) ? undefined : tileScratch(r, 'x in tiles', M, K);
  recordDown(r, { x, A, rows, dropout, H: a.H, hTiles, xTiles }, atOnce);
  return { update: { lora, H: hTiles }, xTiles };
}

/**
 * Records the first half of an adapter's update ahead of the linears on the same x that it is added to, where that leaves x in
 * tiles for one of them, and gives the tiles; `lora` then takes the update as `ahead`. Else undefined, and nothing is
 * recorded: so too with act-order weights among them, whose own x would take the tiles' place.
 */
export function downAhead(r: Recorder, linears: readonly Linear[], update: LoraUpdate): Tensor | undefined {
  const { x, rows, dropout, lora } = update;
  const [[M, K], A] = [x.shape, lora.A];
  const plan = planDown(r.gpu.caps, downShape(x, A));
  if (!plan || linears.some(permOf) || !linears.some((a) => planFor(r.gpu, shapeOf(a)).form === 'tall'))
    return undefined;
  const xTiles = tileScratch(r, 'x in tiles', M, K);
  const H = update.H ?? r.scratch('lora H', 'f32', [M, A.shape[0]]);
  recordDown(r, { x, A, rows, dropout, H, xTiles }, plan);
  return xTiles;
}
