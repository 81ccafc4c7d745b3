/** How kernels on subgroup matrices read int4 words: alias Packed of linear.matrix.q4.wgsl and linear.tall.q4.wgsl. */

/** Words that each of `threads` reads at once of a step's `words`: 4, 2 or 1, as many as leave no thread idle. */
export function packedWords(words: number, threads: number): number {
  let vectors = 4;
  while (vectors > 1 && (words / vectors) % threads) vectors /= 2;
  return vectors;
}

/** The WGSL type of so many words, which an index picks one of. */
export const packedType = (vectors: number): string =>
  vectors === 4 ? 'vec4<u32>' : vectors === 2 ? 'vec2<u32>' : 'array<u32, 1>';
