import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { l2NormalizeRef } from '../l2_normalize/l2_normalize.ref.ts';
import { contrastiveCeRef } from './contrastive_ce.ref.ts';
import { contrastiveCe, setContrastiveBatch } from './contrastive_ce.ts';

interface Case {
  /** Queries and passages, of a capacity of [Qmax, Pmax]. */
  Q: number;
  P: number;
  C: number;
  Qmax: number;
  Pmax: number;
  /** Of the vectors: 1 is cosines, 30 makes scores of thousands. */
  length: number;
  lossScale: number;
  /** Each query lies this close to its passage: 1 is on it. */
  near: number;
}
const one: Case = { Q: 1, P: 1, C: 1, Qmax: 1, Pmax: 1, length: 1, lossScale: 1, near: 0 };
const CASES: Case[] = [
  one,
  { ...one, Q: 3, P: 5, C: 7, Qmax: 5, Pmax: 9, lossScale: 65536 },
  { ...one, Q: 16, P: 111, C: 67, Qmax: 17, Pmax: 112, near: 0.5 },
  { ...one, Q: 2, P: 523, C: 300, Qmax: 2, Pmax: 523, near: 0.999 },
  { ...one, Q: 3, P: 5, C: 7, Qmax: 5, Pmax: 9, length: 30 },
];
const SCALE = 20;

function inputs({ Q, P, C, length, near }: Case) {
  const unit = (x: Float64Array, rows: number) => l2NormalizeRef(x, rows, C).map((v) => Math.fround(v * length));
  const passages = unit(normal(1, P * C), P);
  const next = uniform(3);
  const targets = Array.from({ length: Q }, () => Math.floor(next() * P));
  const noise = normal(2, Q * C);
  const mixed = noise.map(
    (x, i) => (1 - near) * x + (near * passages[targets[Math.floor(i / C)] * C + (i % C)]) / length,
  );
  return { queries: unit(mixed, Q), passages, targets };
}

/** How far f32 may be off, element by element. */
function bounds(
  { Q, P, C, length }: Case,
  queries: Float64Array,
  passages: Float64Array,
  targets: number[],
  scores: Float64Array,
) {
  // A score adds C / 32 products a thread, then a tree of five, all partial sums within length^2; three roundings more.
  const score = (Math.ceil(C / 32) + 8) * EPS.f32 * SCALE * length ** 2;
  // The softmax's sum: P / 64 a thread, then a tree of six. The products: an eighth of the terms, then eight.
  const sum = Math.ceil(P / 64) + 6;
  const terms = Math.ceil(Math.max(P, Q) / 8) + 8 + 4;
  const dq = new Float64Array(Q * C);
  const dp = new Float64Array(P * C);
  for (let q = 0; q < Q; q++) {
    const row = scores.slice(q * P, (q + 1) * P);
    const largest = row.reduce((x, y) => Math.max(x, y));
    const total = row.reduce((t, s) => t + Math.exp(s - largest), 0);
    for (let p = 0; p < P; p++) {
      const share = Math.exp(row[p] - largest) / total;
      // WGSL's exp(x) is off by 3 + 2 |x| units of 2^-23, its quotient by 2.5; moved scores move a share by theirs.
      const relative = 4 * score + (sum + 2 * (6 + 2 * (largest - row[p]))) * EPS.f32;
      const own = p === targets[q] ? 1 : 0;
      const error = (SCALE / Q) * (share * relative + Math.abs(share - own) * terms * EPS.f32 + own * EPS.f32) + 1e-37;
      for (let c = 0; c < C; c++) {
        dq[q * C + c] += error * Math.abs(passages[p * C + c]);
        dp[p * C + c] += error * Math.abs(queries[q * C + c]);
      }
    }
  }
  return { loss: 2 * score + (sum + 8) * EPS.f32, dq, dp };
}

describeGpus('contrastive_ce', (gpu) => {
  test.each(CASES)('%j', async (shape) => {
    const g = gpu();
    const { Q, P, C, Qmax, Pmax, lossScale } = shape;
    const { queries, passages, targets } = inputs(shape);
    const padded = (rows: number, values: ArrayLike<number>, width: number) =>
      Float64Array.from({ length: rows * width }, (_, i) => (i < values.length ? values[i] : Number.NaN));
    const tensors = {
      queries: toGpu(g, 'queries', 'f32', [Qmax, C], padded(Qmax, queries, C)),
      passages: toGpu(g, 'passages', 'f32', [Pmax, C], padded(Pmax, passages, C)),
      targets: toGpu(g, 'targets', 'u32', [Qmax], padded(Qmax, targets, 1)),
      loss: poisoned(g, 'loss', 'f32', [1]),
      dqueries: poisoned(g, 'dqueries', 'f32', [Qmax, C]),
      dpassages: poisoned(g, 'dpassages', 'f32', [Pmax, C]),
    };
    const batch = g.dim('batch');
    setContrastiveBatch(batch, Q, P, lossScale);
    await runOnce(g, (r) => contrastiveCe(r, { ...tensors, scale: SCALE, batch }));

    const reference = contrastiveCeRef(queries, passages, targets, C, SCALE);
    const { loss, dq: dqBound, dp: dpBound } = bounds(shape, queries, passages, targets, reference.scores);
    expectClose(await fromGpu(g, tensors.loss), [reference.loss], 8 * EPS.f32, loss);
    const dq = await fromGpu(g, tensors.dqueries);
    const dp = await fromGpu(g, tensors.dpassages);
    const times = (x: Float64Array) => x.map((v) => v * lossScale);
    expectClose(dq.slice(0, Q * C), times(reference.dqueries), 0, times(dqBound));
    expectClose(dp.slice(0, P * C), times(reference.dpassages), 0, times(dpBound));
    expect(dq.slice(Q * C).every(Number.isNaN)).toBe(true);
    expect(dp.slice(P * C).every(Number.isNaN)).toBe(true);
    g.free(...Object.values(tensors));
  });
});

test('the reference is cross-entropy: equal scores give log P, and a far positive its distance', () => {
  expect(contrastiveCeRef([1, 0], [1, 0, 1, 0, 1, 0], [1], 2, 20).loss).toBeCloseTo(Math.log(3), 12);
  expect(contrastiveCeRef([1, 0], [1, 0, -1, 0], [1], 2, 500).loss).toBeCloseTo(1000, 9);
});

test('the reference gradient agrees with central differences', () => {
  const [C, h] = [5, 1e-5];
  const { queries, passages, targets } = inputs({ ...one, Q: 3, P: 6, C, Qmax: 3, Pmax: 6, near: 0.3 });
  const { dqueries, dpassages } = contrastiveCeRef(queries, passages, targets, C, SCALE);
  const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
  const slope = (f: (by: number) => number) => (f(h) - f(-h)) / (2 * h);
  const loss = (q: Float64Array, p: Float64Array) => contrastiveCeRef(q, p, targets, C, SCALE).loss;
  const byQuery = queries.map((_, i) => slope((by) => loss(bump(queries, i, by), passages)));
  const byPassage = passages.map((_, i) => slope((by) => loss(queries, bump(passages, i, by))));
  expectClose(dqueries, byQuery, 1e-6, 1e-8);
  expectClose(dpassages, byPassage, 1e-6, 1e-8);
});
