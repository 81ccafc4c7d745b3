/**
 * Several models of one shape, averaged weight by weight: a model soup (Wortsman et al. 2022, arXiv:2203.05482). Runs
 * that began from the same weights end in one basin, and its middle is mostly better than any of them.
 */
import type { Checkpoint } from '../formats/stored.ts';
import { combineModels } from './matching_weights.ts';
import type { ModelWeights } from './weights.ts';

/** The average by `shares`, which add up to 1. UserError, naming setting or tensor, where the models do not match. */
export function soup(models: readonly Checkpoint[], shares: readonly number[]): Promise<ModelWeights> {
  return combineModels(models, (weights) => ({
    ...weights[0],
    async read(begin, end) {
      const sum = new Float32Array((end - begin) * weights[0].columns);
      for (const [at, weight] of weights.entries()) {
        const values = await weight.read(begin, end);
        for (let i = 0; i < sum.length; i++) sum[i] += shares[at] * values[i];
      }
      return sum;
    },
  }));
}
