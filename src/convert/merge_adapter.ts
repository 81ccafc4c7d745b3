/** A LoRA adapter added into the weights that it adapts: W' = W + s·B·A, as PEFT's merge_and_unload. */
import { UserError } from '../errors.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import type { Adapter, LoraTensors } from '../formats/peft.ts';
import type { WeightRows } from '../formats/weight_rows.ts';
import type { LazyWeight, ModelWeights } from './weights.ts';

/**
 * The weights with the adapter in them. `adapter` was read against the model's config, which checked its shapes.
 * UserError where it changes a head that is the embedding too.
 */
export function mergeAdapter(weights: ModelWeights, adapter: Adapter): ModelWeights {
  const merged = new Map<string, LazyWeight>(weights);
  for (const [path, lora] of adapter.modules) {
    const weight = weights.get(path);
    if (!weight)
      throw new UserError(
        `${adapter.name}: ${path} is adapted, but this model's ${path} is its embedding as well: the two cannot be merged`,
      );
    merged.set(path, { ...weight, open: async () => withDelta(await weight.open(), lora) });
  }
  return merged;
}

async function withDelta(rows: WeightRows, { A, B, r, scale }: LoraTensors): Promise<WeightRows> {
  const K = rows.columns;
  const a = await readMatrix(A);
  const b = await readMatrix(B);
  const sum = new Float64Array(K);
  return {
    ...rows,
    async read(begin, end) {
      const values = await rows.read(begin, end);
      for (let n = begin; n < end; n++) {
        const row = values.subarray((n - begin) * K, (n - begin + 1) * K);
        sum.set(row);
        for (let j = 0; j < r; j++) {
          const factor = scale * b[n * r + j];
          for (let k = 0, at = j * K; k < K; k++, at++) sum[k] += factor * a[at];
        }
        row.set(sum);
      }
      return values;
    },
  };
}
