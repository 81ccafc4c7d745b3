/** Which rows of a frozen embedding a training run needs: its texts are known before it begins. */
import type { TrainingData } from './events.ts';

/** Ids of all tokens that the data has, validation included, in ascending order, each once. */
export function tokensOf({ queries, passages, validation }: Omit<TrainingData, 'labels'>): Uint32Array {
  const ids = new Set<number>();
  for (const texts of [queries, passages, validation?.queries ?? [], validation?.passages ?? []])
    for (const text of texts) for (const id of text) ids.add(id);
  return Uint32Array.from(ids).sort();
}
