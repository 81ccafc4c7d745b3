import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from './dropout.ref.ts';
import { dropout } from './dropout.ts';
import { keep, maskWgsl, pcg4d, threshold } from './mask.ts';
import { type Block, keyOf, philox } from './philox.ts';

// The known answers that come with the authors' Random123 library: counter, key, words.
const KNOWN: [Block, [number, number], Block][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test('philox gives the known answers', () => {
  for (const [counter, key, words] of KNOWN) expect(philox(counter, key)).toEqual(words);
});

test('the mask drops the share it is asked to, and neither steps, sites, seeds nor elements share a mask', () => {
  const n = 40_000;
  const mask = (seed: number, step: number, site: number, p: number) =>
    Array.from({ length: n }, (_, i) => keep(keyOf(seed), step, site, i, threshold(p)));
  const share = (m: boolean[]) => m.filter(Boolean).length / n;
  // Five standard deviations of a binomial.
  for (const p of [0.05, 0.5, 0.9])
    expect(Math.abs(share(mask(1, 3, 5, p)) - (1 - p))).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
  const base = mask(1, 3, 5, 0.5);
  const others = [mask(2, 3, 5, 0.5), mask(2 ** 32 + 1, 3, 5, 0.5), mask(1, 4, 5, 0.5), mask(1, 3, 6, 0.5)];
  others.push([...base.slice(1), true], [...base.slice(4), ...base.slice(0, 4)]);
  for (const other of others)
    expect(Math.abs(share(base.map((b, i) => b === other[i])) - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / n));
});

test('no lag, neighbouring site, step or seed correlates with a mask', () => {
  const n = 30_000;
  const at = (seed: number, step: number, site: number) => (i: number) =>
    keep(keyOf(seed), step, site, i, threshold(0.5));
  const base = Array.from({ length: n + 4096 }, (_, i) => at(1, 0, 0)(i));
  const agreements: number[] = [];
  const agree = (other: (i: number) => boolean) =>
    agreements.push(Array.from({ length: n }, (_, i) => other(i) === base[i]).filter(Boolean).length / n - 0.5);
  for (const lag of [1, 2, 3, 4, 5, 8, 16, 64, 576, 896, 1536, 4096]) agree((i) => base[i + lag]);
  for (let k = 0; k < 8; k++) {
    agree(at(1, 1 << k, 0));
    agree(at(1, 0, 1 << k));
    agree(at(1 + (1 << k), 0, 0));
  }
  // Each is a binomial's deviation; thirty-six of them stay within five.
  for (const a of agreements) expect(Math.abs(a)).toBeLessThan(5 * Math.sqrt(0.25 / n));
  // All sixteen patterns of four neighbours are as likely: a chi-square of 15 degrees, at one in a million.
  const counts = new Array<number>(16).fill(0);
  for (let i = 0; i < n; i += 4) counts[base.slice(i, i + 4).reduce((w, bit) => 2 * w + Number(bit), 0)]++;
  const expected = n / 4 / 16;
  expect(counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0)).toBeLessThan(56);
});

test('thresholds', () => {
  expect(threshold(0)).toBe(0);
  expect(threshold(0.5)).toBe(2 ** 31);
  expect(threshold(1 - 1e-12)).toBe(2 ** 32 - 1);
  for (const p of [1, -0.1, Number.NaN]) expect(() => threshold(p)).toThrow('in [0, 1)');
});

// [rows, channels, p]
const SHAPES = [
  [1, 1, 0.5],
  [3, 7, 0.5],
  [131, 97, 0.05],
  [5, 576, 0],
  [70001, 4, 0.9],
];

describeGpus('dropout', (gpu) => {
  test('pcg4d on the GPU is pcg4d on the host', async () => {
    const g = gpu();
    const cases = Array.from({ length: 64 }, (_, i) => philox([i, 0, 0, 1], [7, 8]));
    cases.splice(0, 2, [0, 0, 0, 0], [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]);
    const input = toGpu(g, 'input', 'u32', [64, 4], cases.flat());
    const y = poisoned(g, 'y', 'u32', [64, 4]);
    const main = `
      @group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
      @group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
      @compute @workgroup_size(64)
      fn main(@builtin(local_invocation_index) t: u32) { y[t] = pcg4d(input[t]); }`;
    await runOnce(g, (r) => r.dispatch({ label: 'pcg4d', code: maskWgsl + main, bindings: [input, y], grid: [1] }));
    expect([...(await fromGpu(g, y))]).toEqual(cases.flatMap(pcg4d));
    g.free(input, y);
  });

  test.each(SHAPES)('[%d, %d], p = %d', async (M, C, p) => {
    const g = gpu();
    const values = normal(1, M * C, g.activation);
    const x = toGpu(g, 'x', g.activation, [M, C], values);
    const y = poisoned(g, 'y', g.activation, [M + 1, C]);
    const key = keyOf(2 ** 40 + 17);
    const state = g.dim('state', ...key, 12);
    await runOnce(g, (r) => dropout(r, { x, y, rows: g.dim('rows', M), p, site: 345, state }));
    const result = await fromGpu(g, y);
    // 1 / (1 - p) is rounded, and so are its product with x and the store.
    const rtol = 2.01 * EPS.f32 + EPS[g.activation];
    const reference = dropoutRef(values, { key, step: 12, site: 345, p });
    expectClose(result.slice(0, M * C), reference, rtol, g.caps.f16 ? 2 ** -25 : 0);
    expect(result.slice(M * C).every(Number.isNaN)).toBe(true);
    g.free(x, y);
  });

  test('sites share one pipeline and no mask, and the next step has another', async () => {
    const g = gpu();
    const [M, C] = [9, 64];
    const x = toGpu(g, 'x', 'f32', [M, C], new Float64Array(M * C).fill(1));
    const y = [0, 1, 2].map((i) => poisoned(g, `y${i}`, 'f32', [M, C]));
    const rows = g.dim('rows', M);
    const states = [g.dim('state', 1, 0, 1), g.dim('state', 1, 0, 2)];
    const dispatches = await runOnce(g, (r) => {
      dropout(r, { x, y: y[0], rows, p: 0.5, site: 0, state: states[0] });
      dropout(r, { x, y: y[1], rows, p: 0.5, site: 1, state: states[0] });
      dropout(r, { x, y: y[2], rows, p: 0.5, site: 0, state: states[1] });
    });
    expect(new Set(dispatches.map((d) => d.code)).size).toBe(1);
    const [a, b, c] = await Promise.all(y.map((t) => fromGpu(g, t)));
    expect(a).not.toEqual(b);
    expect(a).not.toEqual(c);
    g.free(x, ...y);
  });
});

test('the reference gradient agrees with central differences', () => {
  const place = { key: keyOf(1), step: 2, site: 3, p: 0.3 };
  const [x, dy] = [normal(1, 24), normal(2, 24)];
  const loss = (x: Float64Array) => dropoutRef(x, place).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => x.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(x, (_, i) => (loss(bump(i, 1e-4)) - loss(bump(i, -1e-4))) / 2e-4);
  expectClose(dropoutRef(dy, place), slopes, 1e-6, 1e-8);
});
