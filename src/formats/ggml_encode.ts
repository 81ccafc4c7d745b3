/**
 * Numbers into ggml blocks, Q4_1 and Q8_0. A Q4_1 block's scale and offset are searched for: spreading 16 levels over
 * minimum and maximum is not what errs least, a few levels fewer or more than the range, refitted by least squares, is.
 */
import { UserError } from '../errors.ts';
import { fromHalf, toHalf } from '../half.ts';

/** Values in a block of either type. */
const BLOCK = 32;

/** Intervals that the range of a block is cut into at first; the fit moves scale and offset from there. */
const INTERVALS = [15, 14, 16, 13, 15.5, 14.5, 12, 17, 11, 10];
/** Times that codes and line are fitted to each other for each of them. */
const REFITS = 3;

/** What rounding cost: Σ (w − ŵ)² and Σ w²; and in Q4_1 what it costs weights that lie anywhere between levels d apart, Σ d² / 12. */
export interface RoundingError {
  squared: number;
  norm: number;
  uniform: number;
}

export interface Q4Options {
  /** One for each of a row's inputs: how much an error there counts in the fit of scale and offset; all the same without. */
  importance?: Float64Array;
  /** Uniform in [0, 1): a value goes up as often as it lies high between two levels, so that what is lost is noise. */
  random?: () => number;
  /** Asks in an order of its own for the level of every value i, near a number that it names. Without: each near itself. */
  visit?: (values: Float32Array, level: (i: number, wanted: number) => number) => void;
}

/**
 * Q4_1 blocks of `values`, whose number 32 divides: 20 bytes for 32 values, d·q + m with f16 d and m. Adds to `error`.
 * UserError, opening with `name`, for a value beyond f16.
 */
export function encodeQ4_1(
  values: Float32Array,
  error: RoundingError,
  name: string,
  { importance, random, visit = visitEach }: Q4Options = {},
): Uint8Array<ArrayBuffer> {
  const blocks = values.length / BLOCK;
  const bytes = new Uint8Array(blocks * 20);
  const x = new Float64Array(BLOCK);
  const w = new Float64Array(BLOCK).fill(1);
  const [scales, offsets] = [new Float64Array(blocks), new Float64Array(blocks)];
  for (let block = 0, first = 0; block < blocks; block++, first += BLOCK) {
    for (let i = 0; i < BLOCK; i++) x[i] = checked(values[first + i], name, first + i);
    if (importance) for (let i = 0; i < BLOCK; i++) w[i] = importance[(first + i) % importance.length];
    const [dBits, mBits] = fitLine(x, w);
    [scales[block], offsets[block]] = [fromHalf(dBits), fromHalf(mBits)];
    put16(bytes, block * 20, dBits);
    put16(bytes, block * 20 + 2, mBits);
    error.uniform += (BLOCK * scales[block] ** 2) / 12;
  }
  visit(values, (i, wanted) => {
    const [block, place] = [Math.floor(i / BLOCK), i % BLOCK];
    const [d, m] = [scales[block], offsets[block]];
    const code = d === 0 ? 0 : nearestCode((wanted - m) / d, random?.());
    bytes[block * 20 + 4 + (place & 15)] |= place < 16 ? code : code << 4;
    const level = d * code + m;
    error.squared += (values[i] - level) ** 2;
    error.norm += values[i] ** 2;
    return level;
  });
  return bytes;
}

function visitEach(values: Float32Array, level: (i: number, wanted: number) => number): void {
  for (let i = 0; i < values.length; i++) level(i, values[i]);
}

/** Q8_0 blocks of `values`, whose number 32 divides: 34 bytes for 32 values, d·q with q from −127 to 127. */
export function encodeQ8_0(values: Float32Array, error: RoundingError, name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((values.length / BLOCK) * 34);
  for (let first = 0, at = 0; first < values.length; first += BLOCK, at += 34) {
    let largest = 0;
    for (let i = first; i < first + BLOCK; i++) largest = Math.max(largest, Math.abs(checked(values[i], name, i)));
    const dBits = toHalf(largest / 127);
    const d = fromHalf(dBits);
    put16(bytes, at, dBits);
    for (let i = 0; i < BLOCK; i++) {
      const value = values[first + i];
      const code = d === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(value / d)));
      bytes[at + 2 + i] = code;
      error.squared += (value - d * code) ** 2;
      error.norm += value ** 2;
    }
  }
  return bytes;
}

/** The f16 bits of scale and offset that err least over the starting points tried. */
function fitLine(x: Float64Array, w: Float64Array): [number, number] {
  let [low, high] = [x[0], x[0]];
  let [sw, sx, sxx] = [0, 0, 0];
  for (let i = 0; i < BLOCK; i++) {
    low = Math.min(low, x[i]);
    high = Math.max(high, x[i]);
    sw += w[i];
    sx += w[i] * x[i];
    sxx += w[i] * x[i] * x[i];
  }
  let best: [number, number] = [0, toHalf(sw > 0 ? sx / sw : low)];
  if (high === low || !(sw > 0)) return best;
  let least = Number.POSITIVE_INFINITY;
  for (const intervals of INTERVALS) {
    let offset = low;
    let inverse = intervals / (high - low);
    for (let round = 0; round < REFITS; round++) {
      let sq = 0;
      let sqq = 0;
      let sqx = 0;
      for (let i = 0; i < BLOCK; i++) {
        const value = (x[i] - offset) * inverse;
        const q = value <= 0 ? 0 : value >= 15 ? 15 : (value + 0.5) | 0;
        const wq = w[i] * q;
        sq += wq;
        sqq += wq * q;
        sqx += wq * x[i];
      }
      const determinant = sw * sqq - sq * sq;
      if (!(determinant > 0)) break;
      const dBits = toHalf((sw * sqx - sq * sx) / determinant);
      const d = fromHalf(dBits);
      if (!(d > 0)) break;
      // The offset that suits the scale as it is stored.
      const mBits = toHalf((sx - d * sq) / sw);
      const m = fromHalf(mBits);
      const error = sxx - 2 * (d * sqx + m * sx) + d * d * sqq + 2 * d * m * sq + m * m * sw;
      if (error < least) {
        least = error;
        best = [dBits, mBits];
      }
      if (m === offset && 1 / d === inverse) break;
      offset = m;
      inverse = 1 / d;
    }
  }
  return best;
}

/** The level at or below `value` + `add`. */
function nearestCode(value: number, add = 0.5): number {
  return value <= 0 ? 0 : value >= 15 ? 15 : (value + add) | 0;
}

function checked(value: number, name: string, at: number): number {
  if (!(Math.abs(value) < 65504))
    throw new UserError(`${name}: value ${at} is ${value}, which blocks with f16 scales cannot hold; not written`);
  return value;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 255;
  bytes[at + 1] = value >> 8;
}
