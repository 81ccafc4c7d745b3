/** Cuts texts of many lengths into packed batches: longest first, so that the largest batch comes first and any failure with it. */

export interface Limits {
  /** Tokens of a batch at most; a single longer sequence is refused. */
  tokens: number;
  sequences: number;
}

/** Indices of `lengths`, batch by batch. Every index is in exactly one batch. */
export function packBatches(lengths: ArrayLike<number>, limits: Limits): number[][] {
  const order = Array.from({ length: lengths.length }, (_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const batches: number[][] = [];
  let room = 0;
  for (const i of order) {
    if (lengths[i] > limits.tokens) throw new RangeError(`a sequence of ${lengths[i]} tokens exceeds ${limits.tokens}`);
    const last = batches.at(-1);
    if (last && lengths[i] <= room && last.length < limits.sequences) {
      last.push(i);
      room -= lengths[i];
    } else {
      batches.push([i]);
      room = limits.tokens - lengths[i];
    }
  }
  return batches;
}
