/**
 * Rounding with regard to a linear's inputs: GPTQ (Frantar et al. 2023), as what it is, Babai's nearest plane (Chen et al.
 * 2025). With H = XᵀX over sample inputs, an error e = w − q of a row costs |X e|² = e H eᵀ = |e L|² where H = L Lᵀ.
 * L is lower triangular, so column j of e L holds e_j and the errors of the inputs after it alone: taken from the last
 * input to the first, each q_j is the level that brings column j nearest to 0. The inputs that are read the loudest are
 * taken first, when the most others are left to make up for their errors.
 */

/** Share of H's mean diagonal that is added to the diagonal: GPTQ's own. */
const DAMPING = 0.01;
/** Rows that are factored, and rounded, together. */
const ROWS = 4;

/** How the inputs of a linear count. */
export interface InputOrder {
  /** Mean square of each input, damped: its diagonal of H. */
  readonly importance: Float64Array;
  /** Inputs in the order of the factor's rows and columns: the least read first. */
  readonly order: Uint32Array;
  /** [K, K] row-major, in that order: in row j at k > j what an error at input k leaves input j to make up for, L_kj / L_jj. */
  readonly factor: Float32Array;
}

/** The order and factor for `gram`, f32 [K, K] XᵀX, whose scale does not matter. Work K³ / 6. */
export function inputOrder(gram: Float32Array, K: number): InputOrder {
  let trace = 0;
  for (let k = 0; k < K; k++) trace += gram[k * K + k];
  // Inputs that are all zero: every error is as good as another, and the nearest level is taken.
  const damping = trace > 0 ? (DAMPING * trace) / K : 1;
  const importance = Float64Array.from({ length: K }, (_, k) => gram[k * K + k] + damping);
  const order = Uint32Array.from({ length: K }, (_, k) => k).sort((a, b) => importance[a] - importance[b] || a - b);
  const L = new Float64Array(K * K);
  const sums = new Float64Array(ROWS);
  // Some rows at a time, so that those above, which no cache holds, are read once for all of them.
  for (let first = 0; first < K; first += ROWS) {
    const end = Math.min(K, first + ROWS);
    for (let j = 0; j < end; j++) {
      dots(L, first, K, j, sums);
      for (let i = Math.max(first, j); i < end; i++) {
        const h = i === j ? importance[order[i]] : gram[order[i] * K + order[j]];
        const rest = h - sums[i - first];
        // Above the diagonal's own rounding: damping keeps every pivot of an exact H larger.
        L[i * K + j] = i === j ? Math.sqrt(Math.max(rest, damping / 2)) : rest / L[j * K + j];
      }
    }
  }
  const factor = new Float32Array(K * K);
  for (let k = 0; k < K; k++) for (let j = 0; j < k; j++) factor[j * K + k] = L[k * K + j] / L[j * K + j];
  return { importance, order, factor };
}

/** sums[r] = Σ L[first + r, k] L[j, k], k < j; rows past the last are the last. */
function dots(L: Float64Array, first: number, K: number, j: number, sums: Float64Array): void {
  const row = (r: number) => Math.min(first + r, K - 1) * K;
  const [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = 0, at = j * K; k < j; k++, at++) {
    const l = L[at];
    a += L[r0 + k] * l;
    b += L[r1 + k] * l;
    c += L[r2 + k] * l;
    d += L[r3 + k] * l;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/**
 * Rounds rows of K weights, one after the other, each to the level that makes up best for the errors before it.
 * `level(i, value)` gives what weight i of `values` becomes where `value` is wanted there.
 */
export function roundRows(
  { order, factor }: InputOrder,
  values: Float32Array,
  level: (i: number, value: number) => number,
): void {
  const K = order.length;
  // Errors of four rows at each place in the order; a row past the last has none.
  const errors = new Float64Array(ROWS * K);
  const owed = new Float64Array(ROWS);
  const rows = values.length / K;
  for (let first = 0; first < rows; first += ROWS) {
    const count = Math.min(ROWS, rows - first);
    errors.fill(0);
    for (let j = K - 1; j >= 0; j--) {
      sumOwed(errors, factor, j, K, owed);
      for (let r = 0; r < count; r++) {
        const i = (first + r) * K + order[j];
        errors[ROWS * j + r] = values[i] - level(i, values[i] + owed[r]);
      }
    }
  }
}

/** owed[r] = Σ errors[k, r] factor[j, k], j < k < K. */
function sumOwed(errors: Float64Array, factor: Float32Array, j: number, K: number, owed: Float64Array): void {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = j + 1, at = j * K + k, e = ROWS * k; k < K; k++, at++, e += ROWS) {
    const l = factor[at];
    a += errors[e] * l;
    b += errors[e + 1] * l;
    c += errors[e + 2] * l;
    d += errors[e + 3] * l;
  }
  owed[0] = a;
  owed[1] = b;
  owed[2] = c;
  owed[3] = d;
}
