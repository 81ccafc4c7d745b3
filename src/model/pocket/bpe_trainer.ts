/**
 * Learns a byte-level BPE vocabulary (Sennrich et al. 2016, on bytes as in GPT-2) from words and how often they come:
 * the most frequent pair of neighbours becomes a token, again and again. For vocabularies of a few thousand tokens.
 */

export interface LearntBpe {
  /** Tokens in the order of their ids, spelt in GPT-2's alphabet of bytes: the 256 bytes, then a token for each merge. */
  readonly tokens: readonly string[];
  /** Pairs in the order of their rank. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

/** GPT-2's letter for every byte: printable bytes stand for themselves, the others for U+0100 and on. */
export const BYTE_LETTERS: readonly string[] = byteLetters();

function byteLetters(): string[] {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    letters.push(String.fromCharCode(printable ? byte : next++));
  }
  return letters;
}

/** Pairs of ids as one number. */
const WIDTH = 2 ** 20;

/**
 * `size` tokens at most, fewer where no pair comes twice. Of pairs that are equally frequent the one with the lower
 * ids is taken, so that the result depends on the words and counts alone and not on their order.
 */
export function trainBpe(words: ReadonlyMap<string, number>, size: number): LearntBpe {
  if (size < 256 || size > WIDTH) throw new RangeError(`a vocabulary of ${size}, must be from 256 to ${WIDTH}`);
  const utf8 = new TextEncoder();
  const spelt = [...words.keys()].map((word) => Array.from(utf8.encode(word)));
  const counts = [...words.values()];
  const tokens = [...BYTE_LETTERS];
  const merges: [string, string][] = [];

  const frequency = new Map<number, number>();
  const places = new Map<number, Set<number>>();
  /** Adds the pairs of a word, or takes them away. */
  const count = (word: number, sign: 1 | -1) => {
    const ids = spelt[word];
    for (let i = 0; i + 1 < ids.length; i++) {
      const pair = ids[i] * WIDTH + ids[i + 1];
      frequency.set(pair, (frequency.get(pair) ?? 0) + sign * counts[word]);
      if (sign < 0) continue;
      const at = places.get(pair);
      if (at) at.add(word);
      else places.set(pair, new Set([word]));
    }
  };
  spelt.forEach((_, word) => {
    count(word, 1);
  });

  while (tokens.length < size) {
    let best = -1;
    let most = 1;
    for (const [pair, times] of frequency)
      if (times > most || (times === most && best >= 0 && pair < best)) [best, most] = [pair, times];
    if (best < 0) break;
    const [left, right] = [Math.floor(best / WIDTH), best % WIDTH];
    const id = tokens.length;
    merges.push([tokens[left], tokens[right]]);
    tokens.push(tokens[left] + tokens[right]);
    for (const word of places.get(best)!) {
      count(word, -1);
      spelt[word] = joined(spelt[word], left, right, id);
      count(word, 1);
    }
    frequency.delete(best);
    places.delete(best);
  }
  return { tokens, merges };
}

/** The ids with every `left right`, from the left, as `id`. */
function joined(ids: readonly number[], left: number, right: number, id: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++)
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(id);
      i++;
    } else out.push(ids[i]);
  return out;
}
