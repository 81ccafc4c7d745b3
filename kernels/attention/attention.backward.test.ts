import { expect, test } from 'vitest';
import { uniform } from '../../src/data/random.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import {
  alongCode,
  dsArea,
  keysCode,
  type LongForm,
  longBytes,
  longForm,
  productCode,
  splitsOf,
  sumsCode,
} from './attention.backward.long.ts';
import { backwardMatrixCode, backwardTiles } from './attention.backward.matrix.ts';
import { attentionBackward, plainBackward, planBackward } from './attention.backward.ts';
import { matrixForms, startsOf } from './attention.check.ts';
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

interface Checked {
  deviation?: number;
  /** Of one seed, the shorter's numbers come first. */
  seed?: (batch: number) => number;
  long?: LongForm;
}

/** Runs batch after batch through one recording, its scratch poisoned, and compares. Returns dqkv of each. */
async function check(
  g: Gpu,
  shape: AttentionShape,
  lengths: number[][],
  { deviation = 1, seed = (b) => b, long }: Checked = {},
) {
  const { heads, kvHeads, headDim } = shape;
  const [width, inner] = [(heads + 2 * kvHeads) * headDim, heads * headDim];
  const tokens = lengths.map((l) => l.reduce((a, b) => a + b));
  // Capacity for one token more than there is: its row is never read and never written.
  const T = Math.max(...tokens) + 1;
  const most = Math.max(...lengths.map((l) => l.length));
  const sequences = new Sequences(g, T, most, undefined, Math.max(...lengths.flat()));
  const [qkv, y, dy] = [width, inner, inner].map((w, i) => poisoned(g, `input ${i}`, g.activation, [T, w]));
  const lse = poisoned(g, 'lse', 'f32', [T, heads]);
  const dqkv = poisoned(g, 'dqkv', g.activation, [T, width]);
  const r = new Recorder(g);
  const scratch: Tensor[] = [];
  const make = r.scratch.bind(r);
  r.scratch = (...of) => {
    const made = make(...of);
    scratch.push(made);
    return made;
  };
  attentionBackward(r, { qkv, y, lse, dy, dqkv, sequences, ...shape }, long);
  const matrix = planBackward(g.caps, shape, g.activation).form === 'matrix';
  expect(matrix).toBe(g.caps.matrix && headDim % 32 === 0 && headDim <= 128);
  const labels = ['attention backward queries', 'attention backward keys'];
  expect(r.dispatches.map((d) => d.label)).toEqual([
    ...labels.flatMap((l) => (matrix ? [...matrixForms(l, headDim), ...(long ? [`${l} matrix`] : [])] : l)),
    ...(long ? longLabels(long) : []),
  ]);
  const recording = await r.finish();
  const results: Float64Array[] = [];
  for (let b = 0; b < lengths.length; b++) {
    const starts = startsOf(lengths[b]);
    const n = tokens[b];
    const wide = normal(10 + seed(b), n * width, g.activation, deviation);
    const values = normal(20 + seed(b), n * width, g.activation).map((v, i) =>
      i % width < (heads + kvHeads) * headDim ? wide[i] : v,
    );
    const gradient = normal(30 + seed(b), n * inner, g.activation);
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
    for (const t of scratch) g.device.queue.writeBuffer(t.buffer, 0, new Uint8Array(t.bytes).fill(0xff));
    recording.replay();
    const got = await fromGpu(g, dqkv);
    const atol = bound(values, exact, gradient, starts, shape, EPS[g.activation], matrix).map(
      (v) => v + (g.caps.f16 ? 2 ** -25 : 0),
    );
    const expected = attentionBackwardRef(values, gradient, starts, shape);
    expectClose(got.slice(0, n * width), expected, EPS[g.activation], atol);
    expect(got.slice((T - 1) * width).every(Number.isNaN)).toBe(true);
    results.push(got.slice(0, n * width));
  }
  recording.free();
  return results;
}

describeGpus('attention backward', (gpu) => {
  // [heads, kvHeads, headDim, lengths]: every split of D; ratios 1, 2, 3; tile ends.
  test.each([
    [1, 1, 8, [1]],
    [6, 2, 64, [1, 7, 33, 40]],
    [2, 2, 24, [31, 17]],
    [2, 1, 80, [70, 3]],
    [1, 1, 160, [9, 35]],
  ] as [number, number, number, number[]][])(
    '%d heads, %d kv, D %d, lengths %j',
    async (heads, kvHeads, headDim, lengths) => {
      await check(gpu(), { heads, kvHeads, headDim }, [lengths]);
    },
  );

  test('one recording, batch after batch, with scores of dozens', async () => {
    await check(gpu(), { heads: 3, kvHeads: 1, headDim: 16 }, [[5, 40], [97], [1, 1, 1]], { deviation: 4 });
  });
});

// Every width that registers allow 64 rows and one that they do not; tile ends; groups; one query; sequences that are
// short, a little too long for it, and both.
describeMatrixGpu('attention backward', (gpu, emulated) => {
  const cases: [number, number, number, number[]][] = [
    [3, 1, 64, [33, 2, 70]],
    [2, 1, 64, [15, 65, 16, 1, 17, 63, 31, 64, 32, 200, 33]],
    [1, 1, 64, Array.from({ length: 150 }, (_, i) => 1 + ((7 * i) % 19))],
    [2, 2, 96, [35, 1]],
    [2, 1, 32, [1, 64, 65, 17]],
    [2, 1, 128, [70, 3]],
  ];
  // A software driver takes seconds for each: three widths there.
  for (const [heads, kvHeads, headDim, lengths] of cases)
    test.skipIf(emulated && headDim === 128)(
      `${heads} heads, ${kvHeads} kv, D ${headDim}, lengths ${lengths.slice(0, 12)}`,
      async () => {
        await check(gpu(), { heads, kvHeads, headDim }, [lengths]);
      },
    );

  test('a sequence has the same bits alone and in a batch', async () => {
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const others = [66, 15, 30];
    const lengths = [15, 16, 31, 40].flatMap((n) => [[n], [n, ...others]]);
    const results = await check(gpu(), shape, lengths, { seed: () => 0 });
    for (let i = 0; i < results.length; i += 2)
      expect([...results[i + 1].slice(0, results[i].length)]).toEqual([...results[i]]);
  });

  test('one recording, batch after batch, with scores of dozens', async () => {
    await check(gpu(), { heads: 3, kvHeads: 1, headDim: 64 }, [[5, 40], [97], [1, 1, 1]], { deviation: 3 });
  });
});

const longLabels = ({ splits = 1 }: LongForm): string[] =>
  ['along', 'keys', ...(splits > 1 ? ['sums'] : []), 'queries'].map((of) => `attention backward ${of} matrix long`);

// Texts of more than 64 tokens are long here: tile and block ends, of rows of 64, of 32 and of 16, one in another's place, groups.
describeMatrixGpu('attention backward of long texts', (gpu) => {
  const keys = { rows: 64, keys: 16, matrices: 2 };
  const product = { rows: 64, keys: 32, shares: 2 };
  const forms: [string, number, LongForm][] = [
    ['16 queries at a time, split', 64, { over: 64, keys, splits: 2, product }],
    [
      '32 queries at a time',
      64,
      { over: 64, keys: { ...keys, keys: 32 }, splits: 1, product: { ...product, rows: 128 } },
    ],
    ['32 keys a workgroup', 64, { over: 64, keys: { ...keys, rows: 32, keys: 32 }, splits: 1, product }],
    ['128 channels', 128, { over: 64, keys, splits: 3, product: { ...product, rows: 128, shares: 1 } }],
  ];
  const lengths = [65, 1, 191, 64, 17, 96, 128, 150, 33, 81];
  for (const [name, headDim, long] of forms)
    test(name, async () => {
      await check(gpu(), { heads: 3, kvHeads: 1, headDim }, [lengths], { long });
    });

  test('texts as long as those that have it', async () => {
    const long = { ...longForm(64)!, splits: 2 };
    await check(gpu(), { heads: 2, kvHeads: 1, headDim: 64 }, [[385, 20, 384]], { long });
  });

  test('a text of whose ds there is no room is done as others are', async () => {
    const g = gpu();
    const { maxBinding } = g.caps;
    g.caps.maxBinding = 2 ** 20;
    expect(dsArea({ maxTokens: 401, maxLength: 321 }, 3, 64, g.caps)?.upTo).toBe(320);
    await check(g, { heads: 3, kvHeads: 1, headDim: 64 }, [[321, 79]], { long: forms[0][2] });
    g.caps.maxBinding = maxBinding;
  });

  test('a sequence has the same bits alone and in a batch', async () => {
    const shape = { heads: 2, kvHeads: 2, headDim: 64 };
    const lengths = [65, 130].flatMap((n) => [[n], [n, 66, 15, 64]]);
    const results = await check(gpu(), shape, lengths, { seed: () => 0, long: forms[0][2] });
    for (let i = 0; i < results.length; i += 2)
      expect([...results[i + 1].slice(0, results[i].length)]).toEqual([...results[i]]);
  });
});

test('the tier matrix takes subgroup matrices where the heads are whole pairs of them', () => {
  const forms = [32, 64, 80, 96, 128, 160].map((headDim) => planBackward(H200, { heads: 4, kvHeads: 2, headDim }));
  expect(forms.map((p) => p.form)).toEqual(['matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect([64, 96].map((D) => backwardTiles(D).map((tile) => tile.rows))).toEqual([[64, 16], [32]]);
  expect(planBackward(H200, { heads: 4, kvHeads: 2, headDim: 64 }, 'f32').form).toBe('plain');
});

test.skipIf('Deno' in globalThis)('every width compiles on subgroup matrices, written out and not', async () => {
  const shapes = [32, 64, 96, 128].map((headDim) => ({ heads: 14, kvHeads: 2, headDim }));
  const both = (loops: boolean) =>
    shapes.flatMap((s) =>
      backwardTiles(s.headDim).flatMap((tile) =>
        (['queries', 'keys'] as const).map((of) => backwardMatrixCode(of, s, tile, loops)),
      ),
    );
  // Two workgroups a processor on an H200.
  await compileAll([...both(true), ...both(false)], { ...H200, maxWorkgroupStorage: 23 * 1024 });
});

test.skipIf('Deno' in globalThis)('long texts compile on subgroup matrices, written out and not', async () => {
  const areaOf = ({ heads, headDim }: AttentionShape) =>
    dsArea({ maxTokens: 8192, maxLength: 2048 }, heads, longForm(headDim)!.over, H200)!;
  const texts = (loops: boolean) =>
    [64, 128].flatMap((headDim) => {
      const s = { heads: 14, kvHeads: 2, headDim };
      const { keys, product } = longForm(headDim)!;
      return [
        ...[1, 3].map((splits) => keysCode(s, keys, areaOf(s), splits, 8192, loops)),
        alongCode(s, keys.rows),
        sumsCode(s, 3, 8192),
        productCode(s, product, areaOf(s), loops),
      ];
    });
  // Two workgroups a processor on an H200.
  await compileAll([...texts(true), ...texts(false)], { ...H200, maxWorkgroupStorage: 23 * 1024 });
  // One.
  const s = { heads: 14, kvHeads: 2, headDim: 128 };
  await compileAll([keysCode(s, { rows: 64, keys: 32, matrices: 2 }, areaOf(s), 1, 8192)]);
});

test('ds has room for every long text of any batch, and no more than is its share', () => {
  const over = 384;
  const room = (maxTokens: number, maxLength: number, heads: number, maxBinding = 2 ** 31) =>
    dsArea({ maxTokens, maxLength }, heads, over, { maxBinding });
  // None where no text is long, and all of 2,048 tokens of a 7B model's.
  expect(room(5888, 384, 14)).toBeUndefined();
  expect(room(8192, 2048, 28)?.upTo).toBe(2048);
  for (const [T, longest, heads] of [
    [5888, 512, 14],
    [8192, 2048, 28],
    [16384, 8192, 40],
    [385, 385, 1],
  ]) {
    const { upTo, half, blocks, bytes } = room(T, longest, heads)!;
    expect(bytes).toBe(8192 * heads * blocks);
    expect(bytes).toBeLessThanOrEqual(640 * 2 ** 20);
    expect(upTo % 64 === 0 || upTo === longest).toBe(true);
    // Texts one after the other, short ones between: where ds.wgsl has each start, and how many blocks it has.
    const rng = uniform(T);
    for (let batch = 0; batch < 20; batch++) {
      let free = 0;
      for (let at = 0; at < T; ) {
        const n = Math.min(T - at, 1 + Math.floor(rng() * (batch % 2 ? upTo : over + 66)));
        if (n > over && n <= upTo) {
          const rows = Math.ceil(n / 64);
          const start = Math.floor((at * (over + 64)) / (64 * over)) * half;
          expect(start).toBeGreaterThanOrEqual(free);
          free = start + (rows * (rows + 1)) / 2;
          expect(free).toBeLessThanOrEqual(blocks);
        }
        at += n;
      }
    }
  }
  // Where one binding holds little, fewer texts are done so.
  expect(room(8192, 2048, 28, 2 ** 28)?.upTo).toBe(832);
  expect(room(8192, 2048, 28, 2 ** 26)).toBeUndefined();
});

test('what long texts take is planned', () => {
  const bytes = (headDim: number, maxLength: number) =>
    longBytes(H200, { heads: 14, kvHeads: 2, headDim }, { maxTokens: 4096, maxLength });
  expect([bytes(64, 384), bytes(80, 512), bytes(96, 512)]).toEqual([0, 0, 0]);
  // 74 rows of blocks, of 9 at most and 10 for two, and sums of four splits.
  expect(bytes(64, 512)).toBe(14 * 8192 * 74 * 5 + 4 * 4096 * 256 * 4);
});

test('heads are split where workgroups would be few', () => {
  const splits = (heads: number, kvHeads: number, maxTokens: number) =>
    splitsOf({ heads, kvHeads, headDim: 128 }, maxTokens, 64);
  expect(splits(28, 4, 8192)).toBe(1);
  expect(splits(28, 4, 4096)).toBe(2);
  expect(splits(14, 2, 4096)).toBe(4);
  expect(splits(14, 2, 512)).toBe(7);
  expect(splits(8, 8, 512)).toBe(1);
});

test('every text is in tiles of one form, by its length', () => {
  for (const headDim of [64, 128])
    for (const n of [1, 32, 33, 384, 385, 1024, 1025, 2048]) {
      const tiles = backwardTiles(headDim, { over: 384, upTo: 1024 });
      const ofLong = n > 384 && n <= 1024 ? 1 : 0;
      const kinds = tiles.filter(({ over = 0, upTo = n }) => over < n && n <= upTo);
      expect(kinds.length + ofLong).toBe(1);
    }
});

test('the plan stays within the portable limits and splits heads evenly', () => {
  for (let headDim = 8; headDim <= 256; headDim += 8) {
    const p = plainBackward(headDim);
    expect(8 * p.keys * (headDim + p.parts * p.rows) + 16 * (p.rows + p.keys)).toBeLessThanOrEqual(16384);
    expect(headDim % (4 * p.parts)).toBe(0);
    expect(p.rows * p.parts).toBeLessThanOrEqual(256);
  }
});
