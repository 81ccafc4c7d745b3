/** Models of one shape side by side, weight by weight: what interpolating (slerp.ts) and averaging (soup.ts) start from. */
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import { quote } from '../formats/quote.ts';
import type { Checkpoint } from '../formats/stored.ts';
import type { WeightRows } from '../formats/weight_rows.ts';
import { type ModelWeights, weightsOf } from './weights.ts';

/** Settings that must agree for a weight of one model to mean the same in the other; shapes are compared by tensor. */
const MEANING = [
  'family',
  'headDim',
  'heads',
  'kvHeads',
  'ropeTheta',
  'rmsEps',
] as const satisfies (keyof ModelConfig)[];

/**
 * One model of several: `combine` makes a weight of what it is in each, in their order. UserError, naming setting or
 * tensor, where one does not match the first.
 */
export async function combineModels(
  models: readonly Checkpoint[],
  combine: (weights: WeightRows[]) => WeightRows | Promise<WeightRows>,
): Promise<ModelWeights> {
  const [first, ...others] = await Promise.all(models.map(weightsOf));
  for (const [i, other] of others.entries()) check(models[0], first, models[i + 1], other);
  return new Map(
    [...first].map(([path, { shape, open }]) => [
      path,
      {
        shape,
        open: async () => combine([await open(), ...(await Promise.all(others.map((o) => o.get(path)!.open())))]),
      },
    ]),
  );
}

function check(a: Checkpoint, first: ModelWeights, b: Checkpoint, second: ModelWeights): void {
  const lone = (has: Checkpoint, lacks: Checkpoint, path: string) =>
    new UserError(`${has.name} has the tensor ${quote(path)}, ${lacks.name} has none: the two cannot be merged`);
  for (const path of second.keys()) if (!first.has(path)) throw lone(b, a, path);
  for (const [path, { shape }] of first) {
    const other = second.get(path);
    if (!other) throw lone(a, b, path);
    if (String(shape) !== String(other.shape))
      throw new UserError(
        `${quote(path)} is ${quote(shape)} in ${a.name} and ${quote(other.shape)} in ${b.name}: the two cannot be merged`,
      );
  }
  for (const key of MEANING)
    if (a.config[key] !== b.config[key])
      throw new UserError(
        `${key} is ${a.config[key]} in ${a.name} and ${b.config[key]} in ${b.name}: the two cannot be merged`,
      );
}
