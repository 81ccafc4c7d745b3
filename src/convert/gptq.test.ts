/** Rounding with regard to a linear's inputs: against GPTQ as its paper has it, and what it gains. */
import { expect, test } from 'vitest';
import { normal } from '../../test/numeric.ts';
import { inputOrder, roundRows } from './gptq.ts';

/** Without −0. */
const nearest = (value: number) => Math.round(value * 4) / 4 + 0;

/** XᵀX, f32, of T inputs that go together: each is a mixture of `sources` numbers, some inputs louder than others. */
function correlated(seed: number, T: number, K: number, sources: number) {
  const [a, b] = [normal(seed, T * sources), normal(seed + 1, sources * K)];
  const noise = normal(seed + 2, T * K, 'f32', 0.2);
  const X = Float64Array.from({ length: T * K }, (_, i) => {
    const [t, k] = [Math.floor(i / K), i % K];
    let sum = noise[i];
    for (let s = 0; s < sources; s++) sum += a[t * sources + s] * b[s * K + k];
    return sum * (1 + (k % 5));
  });
  const gram = new Float32Array(K * K);
  for (let i = 0; i < K; i++)
    for (let j = 0; j < K; j++) {
      let sum = 0;
      for (let t = 0; t < T; t++) sum += X[t * K + i] * X[t * K + j];
      gram[i * K + j] = sum;
    }
  return { X, gram };
}

function rounded(order: ReturnType<typeof inputOrder>, values: Float32Array): Float64Array {
  const out = new Float64Array(values.length).fill(Number.NaN);
  roundRows(order, values, (i, wanted) => {
    out[i] = nearest(wanted);
    return out[i];
  });
  return out;
}

/** Algorithm 1 of the paper, one column at a time, without its batching: U is the upper Cholesky factor of H⁻¹. */
function textbook(gram: Float32Array, K: number, order: Uint32Array, row: Float32Array): Float64Array {
  let trace = 0;
  for (let k = 0; k < K; k++) trace += gram[k * K + k];
  const at = (i: number, j: number) => gram[i * K + j] + (i === j ? (0.01 * trace) / K : 0);
  const first = [...order].reverse();
  // Gauss-Jordan.
  const M = Array.from({ length: K }, (_, i) =>
    Array.from({ length: 2 * K }, (_, j) => (j < K ? at(first[i], first[j]) : Number(j - K === i))),
  );
  for (let p = 0; p < K; p++) {
    const pivot = M[p][p];
    M[p] = M[p].map((v) => v / pivot);
    for (let i = 0; i < K; i++) {
      const factor = M[i][p];
      if (i !== p && factor !== 0) for (let j = 0; j < 2 * K; j++) M[i][j] -= factor * M[p][j];
    }
  }
  const inverse = M.map((r) => r.slice(K));
  const U = inverse.map((r) => r.map(() => 0));
  for (let i = 0; i < K; i++)
    for (let j = i; j < K; j++) {
      let sum = inverse[i][j];
      for (let k = 0; k < i; k++) sum -= U[k][i] * U[k][j];
      U[i][j] = i === j ? Math.sqrt(sum) : sum / U[i][i];
    }
  const w = first.map((k) => row[k]);
  const out = new Float64Array(K);
  for (let j = 0; j < K; j++) {
    const q = nearest(w[j]);
    out[first[j]] = q;
    const error = (w[j] - q) / U[j][j];
    for (let l = j; l < K; l++) w[l] -= error * U[j][l];
  }
  return out;
}

const outputError = (X: Float64Array, K: number, w: Float32Array, q: Float64Array) => {
  let total = 0;
  for (let t = 0; t < X.length / K; t++)
    for (let n = 0; n < w.length / K; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += X[t * K + k] * (w[n * K + k] - q[n * K + k]);
      total += sum * sum;
    }
  return total;
};

test.each([
  [1, 1, 3],
  [2, 24, 7],
  [3, 65, 5],
])('seed %i, %i inputs, %i rows: the levels that the paper’s algorithm gives', (seed, K, rows) => {
  const { gram } = correlated(seed, 200, K, 4);
  const order = inputOrder(gram, K);
  const w = Float32Array.from(normal(seed + 9, rows * K));
  const q = rounded(order, w);
  for (let n = 0; n < rows; n++)
    expect(q.subarray(n * K, (n + 1) * K)).toEqual(textbook(gram, K, order.order, w.subarray(n * K, (n + 1) * K)));
});

test('outputs err less than half as much as with the nearest levels, where inputs go together', () => {
  const [K, rows] = [96, 6];
  const { X, gram } = correlated(5, 400, K, 6);
  const w = Float32Array.from(normal(6, rows * K));
  const ours = outputError(X, K, w, rounded(inputOrder(gram, K), w));
  expect(ours / outputError(X, K, w, Float64Array.from(w, nearest))).toBeLessThan(0.25);
});

test('a change below half a level, the same in all rows, is kept', () => {
  const [K, rows] = [64, 5];
  const { X, gram } = correlated(7, 400, K, 2);
  const base = Float64Array.from(normal(8, rows * K), nearest);
  const change = normal(9, K, 'f32', 0.03);
  const w = Float32Array.from(base, (value, i) => value + change[i % K]);
  expect(Float64Array.from(w, nearest)).toEqual(base);
  expect(outputError(X, K, w, rounded(inputOrder(gram, K), w)) / outputError(X, K, w, base)).toBeLessThan(0.25);
});

test.each([
  ['inputs that are never on', () => 0],
  ['inputs that have nothing to do with each other', (i: number, j: number) => (i === j ? 1 + i : 0)],
  ['one input that is never on', (i: number, j: number) => (i > 0 && i === j ? 2 : 0)],
])('%s: the nearest levels', (_, entry) => {
  const K = 33;
  const gram = Float32Array.from({ length: K * K }, (_, i) => entry(Math.floor(i / K), i % K));
  const w = Float32Array.from(normal(11, 2 * K));
  expect(rounded(inputOrder(gram, K), w)).toEqual(Float64Array.from(w, nearest));
});

test('fewer texts than inputs leave a factor of numbers', () => {
  const { gram } = correlated(12, 3, 40, 2);
  expect(inputOrder(gram, 40).factor.every(Number.isFinite)).toBe(true);
});
