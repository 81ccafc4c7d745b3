/**
 * A batch in pieces that fit the memory. Embeddings of all pieces are made first, the loss is taken over all of them,
 * and each piece is then walked back on its own (gradient caching, Gao et al. 2021): the gradient is that of one piece.
 */

/** Sequences first .. end of the batch, in which the queries come first. */
export interface Chunk {
  first: number;
  end: number;
}

/** Consecutive sequences together as long as they have at most `most` tokens. A sequence longer than that is an Error. */
export function chunksOf(lengths: readonly number[], most: number): Chunk[] {
  const chunks: Chunk[] = [];
  let tokens = Number.POSITIVE_INFINITY;
  for (const [i, length] of lengths.entries()) {
    if (length > most) throw new Error(`a sequence of ${length} tokens does not fit a chunk of ${most}`);
    if (tokens + length > most) {
      chunks.push({ first: i, end: i });
      tokens = 0;
    }
    tokens += length;
    chunks[chunks.length - 1].end = i + 1;
  }
  return chunks;
}
