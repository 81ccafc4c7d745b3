import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { backwardMatrixCode, backwardMatrixTile } from './attention.backward.matrix.ts';
import { attentionBackward, plainBackward, planBackward } from './attention.backward.ts';
import { startsOf } from './attention.check.ts';
import { attentionBackwardRef, attentionLse, attentionRef } from './attention.ref.ts';
import type { AttentionShape } from './attention.ts';
import { Sequences } from './sequences.ts';

/**
 * A bound on the error of dqkv before it is stored, for a kernel that computes in f32 and reads a y that is off by
 * `yShare` of itself and a lse that was rounded to f32. With u = 2^-24: a score is off by (D + 3) u sum |q k| / sqrt(D),
 * and p by that share of itself, along with WGSL's exp2, (6 + 5 |z|) u, and two roundoffs of lse; dp and D are off by
 * D + 3 roundoffs of their terms; then ds = p (dp - D) takes both over, and the sums over keys, or over queries of all heads, add as many roundoffs as they have terms. On subgroup matrices u is
 * 2^-22, and p and ds are rounded to f16, whose smallest number is 2^-24.
 */
function bound(
  qkv: Float64Array,
  y: Float64Array,
  dy: Float64Array,
  starts: number[],
  s: AttentionShape,
  yShare: number,
  matrix: boolean,
) {
  const u = matrix ? 2 ** -22 : 2 ** -24;
  const [weight, floor] = matrix ? [EPS.f16, 2 ** -25] : [0, 0];
  const { heads: H, kvHeads: KV, headDim: D } = s;
  const width = (H + 2 * KV) * D;
  const off = new Float64Array(qkv.length);
  const sums = (a: Float64Array, i: number, b: Float64Array, j: number) => {
    let [sum, size] = [0, 0];
    for (let d = 0; d < D; d++) {
      sum += a[i + d] * b[j + d];
      size += Math.abs(a[i + d] * b[j + d]);
    }
    return [sum, size];
  };
  for (let n = 0; n + 1 < starts.length; n++)
    for (let row = starts[n]; row < starts[n + 1]; row++)
      for (let head = 0; head < H; head++) {
        const q = row * width + head * D;
        const out = (row * H + head) * D;
        const k = (j: number) => j * width + (H + Math.floor((head * KV) / H)) * D;
        const v = (j: number) => k(j) + KV * D;
        const keys = Array.from({ length: row - starts[n] + 1 }, (_, j) => starts[n] + j);
        const scores = keys.map((j) => sums(qkv, q, qkv, k(j)).map((x) => x / Math.sqrt(D)));
        const max = Math.max(...scores.map(([x]) => x));
        const total = scores.reduce((sum, [x]) => sum + Math.exp(x - max), 0);
        const lse = max + Math.log(total);
        const shares = scores.map(
          ([x, size]) => (D + 3) * u * size + (6 + (5 * (max - x)) / Math.LN2 + 2 * Math.abs(lse)) * u,
        );
        const [along, alongSize] = sums(dy, out, y, out);
        const alongOff = ((D + 3) * u + yShare) * alongSize;
        const terms = (starts[n + 1] - starts[n]) * (H / KV) + 4;
        keys.forEach((j, i) => {
          const p = Math.exp(scores[i][0] - max) / total;
          const share = 2 * shares[i];
          const [dp, dpSize] = sums(dy, out, qkv, v(j));
          const ds = Math.abs(p * (dp - along));
          const dsOff =
            share * ds + p * (1 + share) * ((D + 3) * u * dpSize + alongOff + 2 * u * (Math.abs(dp) + Math.abs(along)));
          for (let d = 0; d < D; d++) {
            const perQ = (dsOff + (terms * u + weight) * ds + floor) / Math.sqrt(D);
            off[q + d] += perQ * Math.abs(qkv[k(j) + d]);
            off[k(j) + d] += perQ * Math.abs(qkv[q + d]);
            off[v(j) + d] += ((share + terms * u + weight) * p + floor) * Math.abs(dy[out + d]);
          }
        });
      }
  return off;
}

/** Runs batch after batch through one recording and compares. */
async function check(g: Gpu, shape: AttentionShape, tileRows: number, lengths: number[][], deviation = 1) {
  const { heads, kvHeads, headDim } = shape;
  const [width, inner] = [(heads + 2 * kvHeads) * headDim, heads * headDim];
  const tokens = lengths.map((l) => l.reduce((a, b) => a + b));
  // Capacity for one token more than there is: its row is never read and never written.
  const T = Math.max(...tokens) + 1;
  const sequences = new Sequences(g, T, Math.max(...lengths.map((l) => l.length)), tileRows);
  const [qkv, y, dy] = [width, inner, inner].map((w, i) => poisoned(g, `input ${i}`, g.activation, [T, w]));
  const lse = poisoned(g, 'lse', 'f32', [T, heads]);
  const dqkv = poisoned(g, 'dqkv', g.activation, [T, width]);
  const r = new Recorder(g);
  attentionBackward(r, { qkv, y, lse, dy, dqkv, sequences, ...shape });
  const matrix = planBackward(g.caps, shape, g.activation).form === 'matrix';
  expect(matrix).toBe(g.caps.matrix && headDim % 32 === 0 && headDim <= 128);
  const labels = ['attention backward queries', 'attention backward keys'];
  expect(r.dispatches.map((d) => d.label)).toEqual(labels.map((l) => (matrix ? `${l} matrix` : l)));
  const recording = await r.finish();
  for (let b = 0; b < lengths.length; b++) {
    const starts = startsOf(lengths[b]);
    const n = tokens[b];
    const wide = normal(10 + b, n * width, g.activation, deviation);
    const values = normal(20 + b, n * width, g.activation).map((v, i) =>
      i % width < (heads + kvHeads) * headDim ? wide[i] : v,
    );
    const gradient = normal(30 + b, n * inner, g.activation);
    const exact = attentionRef(values, starts, shape);
    const stored = exact.map(g.caps.f16 ? (v) => fromHalf(toHalf(v)) : Math.fround);
    for (const [to, from, w] of [
      [qkv, values, width],
      [y, stored, inner],
      [dy, gradient, inner],
    ] as const) {
      const input = toGpu(g, 'input', g.activation, [n, w], from);
      const encoder = g.device.createCommandEncoder();
      encoder.copyBufferToBuffer(input.buffer, 0, to.buffer, 0, Math.ceil((n * w * (g.caps.f16 ? 2 : 4)) / 4) * 4);
      g.device.queue.submit([encoder.finish()]);
    }
    g.write(lse, Float32Array.from(attentionLse(values, starts, shape)));
    sequences.set(lengths[b].map((l) => new Uint32Array(l)));
    recording.replay();
    const got = await fromGpu(g, dqkv);
    const atol = bound(values, exact, gradient, starts, shape, EPS[g.activation], matrix).map(
      (v) => v + (g.caps.f16 ? 2 ** -25 : 0),
    );
    const expected = attentionBackwardRef(values, gradient, starts, shape);
    expectClose(got.slice(0, n * width), expected, EPS[g.activation], atol);
    expect(got.slice((T - 1) * width).every(Number.isNaN)).toBe(true);
  }
  recording.free();
}

describeGpus('attention backward', (gpu) => {
  // [heads, kvHeads, headDim, tileRows, lengths]: every split of D; ratios 1, 2, 3; tile ends; tiles smaller and larger.
  test.each([
    [1, 1, 8, 32, [1]],
    [6, 2, 64, 32, [1, 7, 33, 40]],
    [2, 2, 24, 16, [31, 17]],
    [2, 1, 80, 64, [70, 3]],
    [1, 1, 160, 32, [9, 35]],
  ] as [number, number, number, number, number[]][])(
    '%d heads, %d kv, D %d, tiles of %d, lengths %j',
    async (heads, kvHeads, headDim, tileRows, lengths) => {
      await check(gpu(), { heads, kvHeads, headDim }, tileRows, [lengths]);
    },
  );

  test('one recording, batch after batch, with scores of dozens', async () => {
    await check(gpu(), { heads: 3, kvHeads: 1, headDim: 16 }, 32, [[5, 40], [97], [1, 1, 1]], 4);
  });
});

// Every width that registers allow 64 rows and one that they do not; tile ends; groups; one query; smaller tiles too.
describeMatrixGpu('attention backward', (gpu, emulated) => {
  const cases: [number, number, number, number, number[]][] = [
    [3, 1, 64, 64, [33, 2, 70]],
    [2, 2, 96, 32, [35, 1]],
    [2, 1, 32, 64, [1, 64, 65]],
    [2, 1, 128, 64, [70, 3]],
  ];
  // A software driver takes seconds for each: two of them there.
  for (const [heads, kvHeads, headDim, tileRows, lengths] of cases)
    test.skipIf(emulated && headDim !== 64 && headDim !== 96)(
      `${heads} heads, ${kvHeads} kv, D ${headDim}, tiles of ${tileRows}, lengths ${lengths}`,
      async () => check(gpu(), { heads, kvHeads, headDim }, tileRows, [lengths]),
    );

  test('one recording, batch after batch, with scores of dozens', async () => {
    await check(gpu(), { heads: 3, kvHeads: 1, headDim: 64 }, 64, [[5, 40], [97], [1, 1, 1]], 3);
  });
});

test('the tier matrix takes subgroup matrices where the heads are whole pairs of them', () => {
  const forms = [32, 64, 80, 96, 128, 160].map((headDim) => planBackward(H200, { heads: 4, kvHeads: 2, headDim }));
  expect(forms.map((p) => p.form)).toEqual(['matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect(forms.map((p) => p.rows)).toEqual([64, 64, 32, 32, 32, 32]);
  expect(planBackward(H200, { heads: 4, kvHeads: 2, headDim: 64 }, 'f32').form).toBe('plain');
});

test.skipIf('Deno' in globalThis)('every width compiles on subgroup matrices, written out and not', async () => {
  const shapes = [32, 64, 96, 128].map((headDim) => ({ heads: 14, kvHeads: 2, headDim }));
  const both = (loops: boolean) =>
    shapes.flatMap((s) =>
      (['queries', 'keys'] as const).map((of) => backwardMatrixCode(of, s, backwardMatrixTile(s.headDim), loops)),
    );
  // Two workgroups a processor on an H200.
  await compileAll([...both(true), ...both(false)], { ...H200, maxWorkgroupStorage: 23 * 1024 });
});

test('the plan stays within the portable limits and splits heads evenly', () => {
  for (let headDim = 8; headDim <= 256; headDim += 8) {
    const p = plainBackward(headDim);
    expect(8 * p.keys * (headDim + p.parts * p.rows) + 16 * (p.rows + p.keys)).toBeLessThanOrEqual(16384);
    expect(headDim % (4 * p.parts)).toBe(0);
    expect(p.rows * p.parts).toBeLessThanOrEqual(256);
  }
});
