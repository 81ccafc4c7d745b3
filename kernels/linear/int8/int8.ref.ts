/** What the i8 products mean, in float64 and whole numbers. Layouts: int8.*.wgsl. */
type Numbers = ArrayLike<number>;

/** Where number k of a row lies in tiles of 16 x 32, K columns in all; `squares`: as int8.rows.wgsl makes them. */
export function tileIndex(row: number, k: number, K: number, squares: boolean): number {
  const [r, c, byte] = [row % 16, Math.floor(k / 16) % 2, k % 16];
  const vector = squares ? 16 * Math.floor(r / 8) + 8 * c + (r % 8) : 2 * r + c;
  return (Math.floor(row / 16) * (K / 32) + Math.floor(k / 32)) * 512 + 16 * vector + byte;
}

/** Rows of whole numbers out of tiles: [rows, K]. */
export function fromTiles(tiles: Int8Array, rows: readonly number[], K: number, squares: boolean): Int8Array[] {
  return rows.map((row) => {
    const out = new Int8Array(K);
    for (let k = 0; k < K; k += 16) {
      const at = tileIndex(row, k, K, squares);
      out.set(tiles.subarray(at, at + 16), k);
    }
    return out;
  });
}

/** Σk x[k] w[k], exact. */
export function dotInt8(x: Int8Array, w: Int8Array): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += x[k] * w[k];
  return sum;
}

/** Each 32 numbers of a row turned by the Hadamard matrix, H[i, j] = (-1)^(bits that i and j share). */
export function hadamardRef(row: Numbers): Float64Array {
  const out = Float64Array.from(row);
  for (let apart = 1; apart < 32; apart *= 2)
    for (let i = 0; i < out.length; i++) {
      if (i & apart) continue;
      const [a, b] = [out[i], out[i + apart]];
      out[i] = a + b;
      out[i + apart] = a - b;
    }
  return out;
}

/** A row's scale, its largest number becoming 127, and how far off a kernel's may be. */
export function scaleRef(row: Numbers): { value: number; allowed: number } {
  let most = 0;
  for (let k = 0; k < row.length; k++) most = Math.max(most, Math.abs(row[k]));
  return { value: most / 127, allowed: (most / 127) * ROUNDOFFS * 2 ** -24 };
}

/**
 * The largest distance of a turned row's whole numbers from what they stand for, in units of its scale: at most ROUNDING. Beside
 * the 1/2 of rounding to the nearest, in roundoffs of the row's largest turned number, which is no less than √(Σ v²) of any 32
 * and so than any v: five additions, 5 √32; 32 weights off by one roundoff of their parts each, which are at most eight times the
 * largest weight, 256; the quotients that make scale and its reciprocal, 8 more.
 */
export function roundingError(q: Int8Array, row: Numbers, scale: number): number {
  let off = 0;
  for (let k = 0; k < q.length; k++) {
    const exact = scale > 0 && k < row.length ? row[k] / scale : 0;
    // NaN must be seen.
    if (!(Math.abs(q[k] - exact) <= off)) off = Math.abs(q[k] - exact);
  }
  return off;
}
const ROUNDOFFS = 300;
export const ROUNDING = 0.5 + 127 * ROUNDOFFS * 2 ** -24;

/**
 * y of an exact sum, and how far off the kernel may be: sum to f32, the two products of the scales and that with the sum round
 * once each, as does what is added after, and the store.
 */
export function epilogueRef(
  sum: number,
  sx: number,
  sw: number,
  y: 'f16' | 'f32',
  { bias = 0, held = 0, scale = 1 }: { bias?: number; held?: number; scale?: number } = {},
): { value: number; allowed: number } {
  const scaled = scale * sum * sx * sw;
  const value = scaled + bias + held;
  const size = Math.abs(scaled) + Math.abs(bias) + Math.abs(held);
  const store = y === 'f16' ? 2 ** -11 * Math.abs(value) + 2 ** -25 : 0;
  return { value, allowed: size * 8 * 2 ** -24 + store };
}
