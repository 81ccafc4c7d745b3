/**
 * Rounding with regard to a linear's inputs: GPTQ (Frantar et al. 2023), as what it is, Babai's nearest plane (Chen et al.
 * 2025). With H = XᵀX over sample inputs, an error e = w − q of a row costs |X e|² = e H eᵀ = |e L|² where H = L Lᵀ.
 * L is lower triangular, so column j of e L holds e_j and the errors of the inputs after it alone: taken from the last
 * input to the first, each q_j is the level that brings column j nearest to 0. The inputs that are read the loudest are
 * taken first, when the most others are left to make up for their errors.
 */

/** Share of H's mean diagonal that is added to the diagonal: GPTQ's own. */
const DAMPING = 0.01;
/** Rows that are rounded together, which read the factor once. */
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
  for (let i = 0; i < K; i++) {
    const row = L.subarray(i * K, i * K + i + 1);
    for (let j = 0; j <= i; j++) {
      const other = L.subarray(j * K, j * K + j + 1);
      let sum = i === j ? importance[order[i]] : gram[order[i] * K + order[j]];
      for (let k = 0; k < j; k++) sum -= row[k] * other[k];
      // Above the diagonal's own rounding: damping keeps every pivot of an exact H larger.
      row[j] = i === j ? Math.sqrt(Math.max(sum, damping / 2)) : sum / other[j];
    }
  }
  const factor = new Float32Array(K * K);
  for (let k = 0; k < K; k++) for (let j = 0; j < k; j++) factor[j * K + k] = L[k * K + j] / L[j * K + j];
  return { importance, order, factor };
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
  // Errors of four rows by place in the order; a row past the last has none.
  const errors = Array.from({ length: ROWS }, () => new Float64Array(K));
  const [a, b, c, d] = errors;
  const rows = values.length / K;
  for (let first = 0; first < rows; first += ROWS) {
    const count = Math.min(ROWS, rows - first);
    for (let j = K - 1; j >= 0; j--) {
      let [owedA, owedB, owedC, owedD] = [0, 0, 0, 0];
      for (let k = j + 1, at = j * K + k; k < K; k++, at++) {
        const l = factor[at];
        owedA += a[k] * l;
        owedB += b[k] * l;
        owedC += c[k] * l;
        owedD += d[k] * l;
      }
      const owed = [owedA, owedB, owedC, owedD];
      for (let r = 0; r < count; r++) {
        const i = (first + r) * K + order[j];
        errors[r][j] = values[i] - level(i, values[i] + owed[r]);
      }
    }
  }
}
