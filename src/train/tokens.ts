/** What a training run's texts, known before it begins, say of the memory it needs: embeddings' rows, and the longest text. */
import type { TrainingData } from './events.ts';

/** Ids of all tokens that the data has, validation included, in ascending order, each once. */
export function tokensOf({ queries, passages, validation }: Omit<TrainingData, 'labels'>): Uint32Array {
  const ids = new Set<number>();
  for (const texts of [queries, passages, validation?.queries ?? [], validation?.passages ?? []])
    for (const text of texts) for (const id of text) ids.add(id);
  return Uint32Array.from(ids).sort();
}

/** Tokens of the longest text that is trained on. */
export const longestText = ({ queries, passages }: Pick<TrainingData, 'queries' | 'passages'>): number =>
  [...queries, ...passages].reduce((n, ids) => Math.max(n, ids.length), 0);
