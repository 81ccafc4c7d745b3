import { expect, test } from 'vitest';
import { PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { attentionBackwardRef, attentionBound, attentionRef } from './attention.ref.ts';
import { type AttentionShape, attention, plan } from './attention.ts';
import { Sequences } from './sequences.ts';

// [heads, kvHeads, headDim, lengths]: one of each; every split of D over threads; ratios 1, 2, 3, 7; tile ends.
const CASES: [number, number, number, number[]][] = [
  [1, 1, 8, [1]],
  [3, 1, 16, [1, 7, 33, 128, 2]],
  [2, 2, 24, [31, 32, 65]],
  [9, 3, 64, [1, 7, 33, 70, 2]],
  [7, 1, 80, [40, 1, 32]],
  [4, 2, 128, [33, 20]],
  [1, 1, 256, [9, 35]],
  [1, 1, 8, [2100]],
];

function startsOf(lengths: number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}

/** Runs batch after batch through one recording, each with its own numbers, and compares. */
async function check(g: Gpu, shape: AttentionShape, batches: { lengths: number[]; values: Float64Array }[]) {
  const { heads, kvHeads, headDim } = shape;
  const width = (heads + 2 * kvHeads) * headDim;
  const { rows, keys } = plan(g.caps, shape);
  // Capacity for one token more than there is: its row is never read and never written.
  const T = Math.max(...batches.map((b) => b.values.length / width)) + 1;
  const sequences = new Sequences(g, T, Math.max(...batches.map((b) => b.lengths.length)), rows);
  const qkv = poisoned(g, 'qkv', g.activation, [T, width]);
  const y = poisoned(g, 'y', g.activation, [T, heads * headDim]);
  const r = new Recorder(g);
  attention(r, { qkv, y, sequences, ...shape });
  expect(r.dispatches.map((d) => d.label)).toEqual(['attention']);
  const recording = await r.finish();
  for (const { lengths, values } of batches) {
    const tokens = values.length / width;
    const input = toGpu(g, 'input', g.activation, [tokens, width], values);
    const encoder = g.device.createCommandEncoder();
    encoder.copyBufferToBuffer(input.buffer, 0, qkv.buffer, 0, tokens * width * (g.caps.f16 ? 2 : 4));
    g.device.queue.submit([encoder.finish()]);
    sequences.set(lengths.map((n) => new Uint32Array(n)));
    recording.replay();
    const starts = startsOf(lengths);
    const size = tokens * heads * headDim;
    const atol = attentionBound(values, starts, shape, keys).map((b) => b + (g.caps.f16 ? 2 ** -25 : 0));
    const result = await fromGpu(g, y);
    expectClose(result.slice(0, size), attentionRef(values, starts, shape), EPS[g.activation], atol);
    expect(result.slice((T - 1) * heads * headDim).every(Number.isNaN)).toBe(true);
    g.free(input);
  }
  recording.free();
  sequences.free();
  g.free(qkv, y);
}

/** Random values of unit deviation, with q and k scaled by `deviation` each: scores have its square as theirs. */
function random(g: Gpu, seed: number, { heads, kvHeads, headDim }: AttentionShape, lengths: number[], deviation = 1) {
  const width = (heads + 2 * kvHeads) * headDim;
  const T = lengths.reduce((a, b) => a + b);
  const qk = normal(seed, T * width, g.activation, deviation);
  const v = normal(seed + 1, T * width, g.activation);
  return { lengths, values: qk.map((x, i) => (i % width < (heads + kvHeads) * headDim ? x : v[i])) };
}

describeGpus('attention', (gpu) => {
  test.each(CASES)('%d heads, %d kv, D %d, lengths %j', async (heads, kvHeads, headDim, lengths) => {
    const shape = { heads, kvHeads, headDim };
    await check(gpu(), shape, [random(gpu(), 1, shape, lengths)]);
  });

  test('one recording, batch after batch', async () => {
    const shape = { heads: 3, kvHeads: 1, headDim: 16 };
    const batches = [[5, 40], [97], [1, 1, 1], [33, 64]];
    await check(
      gpu(),
      shape,
      batches.map((lengths, i) => random(gpu(), 10 + i, shape, lengths)),
    );
  });

  test('scores of hundreds, rising, falling and all very negative', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 16 };
    const wild = random(g, 20, shape, [70, 3], 9);
    // Key j's score is slope * j + offset for every query: q = 4 and k = score / 16 in each of 16 channels.
    const line = (slope: number, offset: number) => {
      const b = random(g, 21, shape, [70]);
      const width = 5 * 16;
      for (let t = 0; t < 70; t++) {
        b.values.fill(4, t * width, t * width + 48);
        b.values.fill(Math.round(slope * t + offset) / 16, t * width + 48, t * width + 64);
      }
      return b;
    };
    await check(g, shape, [wild, line(4, 20), line(-4, 300), line(0.5, -400), line(0, -3000)]);
  });
});

test('the plan stays within the portable workgroup memory and splits heads evenly', () => {
  for (let headDim = 8; headDim <= 256; headDim += 8) {
    const p = plan(PORTABLE_CAPS, { heads: 14, kvHeads: 2, headDim });
    expect(4 * p.keys * (headDim + p.parts * p.rows)).toBeLessThanOrEqual(16384);
    expect([headDim % (4 * p.parts), p.rows % p.each]).toEqual([0, 0]);
    expect(p.keys).toBeGreaterThanOrEqual(8);
  }
  expect(plan(PORTABLE_CAPS, { heads: 9, kvHeads: 3, headDim: 64 })).toEqual({
    form: 'plain',
    rows: 32,
    each: 2,
    parts: 4,
    keys: 20,
  });
});

test.each([
  { heads: 4, kvHeads: 3, headDim: 64 },
  { heads: 4, kvHeads: 4, headDim: 20 },
  { heads: 4, kvHeads: 4, headDim: 264 },
])('the plan refuses %j', (shape) => {
  expect(() => plan(PORTABLE_CAPS, shape)).toThrow('attention');
});

test('the reference gradient agrees with central differences', () => {
  const shape = { heads: 4, kvHeads: 2, headDim: 3 };
  const starts = [0, 4, 5];
  const qkv = normal(3, 5 * 24);
  const dy = normal(4, 5 * 12);
  const h = 1e-5;
  const loss = (x: Float64Array) => attentionRef(x, starts, shape).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => qkv.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(qkv, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(attentionBackwardRef(qkv, dy, starts, shape), slopes, 1e-6, 1e-8);
});
