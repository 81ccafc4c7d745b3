import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { goldenModels, goldenPath } from '../../test/golden/golden.ts';
import { normal, uniform } from '../../test/numeric.ts';
import { UserError } from '../errors.ts';
import { fromHalf, toHalf } from '../half.ts';
import { bytesSource } from './bytes_source.ts';
import { openCheckpoint } from './checkpoint_file.ts';
import { linearShapes } from './decoder_paths.ts';
import { dequantize, packQ4, quantizeQ4, unpackDense, unpackQ4 } from './dequantize.ts';
import { openFile } from './file_source.ts';
import { ggmlLayout } from './ggml.ts';
import { readSafetensors } from './safetensors.ts';
import type { StoredDense, StoredLinear } from './stored.ts';
import type { TensorInfo } from './tensor.ts';
import { readTensor } from './tensor.ts';

/** A tensor in memory. */
function tensor(dtype: TensorInfo['dtype'], shape: number[], data: ArrayBufferView): TensorInfo {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name: `a ${dtype}`, dtype, shape, source: bytesSource('f', bytes), offset: 0, length: bytes.length };
}

/** Equality number by number, where 0 and −0 are the same. */
function same(actual: ArrayLike<number>, expected: ArrayLike<number>) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++)
    if (actual[i] !== expected[i]) throw new Error(`value ${i} is ${actual[i]}, not ${expected[i]}`);
}

describe('ggml blocks against gguf.quants (golden/make_golden.py)', () => {
  const golden = async (name: string) => {
    const file = await openFile(fileURLToPath(new URL('golden/quants.safetensors', import.meta.url)));
    const tensors = await readSafetensors(file);
    const raw = await readTensor(tensors.get(`${name}.raw`)!);
    const values = new Float32Array((await readTensor(tensors.get(`${name}.values`)!)).buffer);
    await file.close();
    return { raw, values };
  };

  for (const type of ['Q4_0', 'Q4_1', 'Q8_0', 'Q4_K', 'Q6_K', 'F16', 'BF16'] as const)
    test(type, async () => {
      const { raw, values } = await golden(type);
      const [N, K] = [values.length / ggmlLayout(type).block, ggmlLayout(type).block];
      const data = tensor(type, [N, K], raw);
      const stored: StoredLinear =
        type === 'F16' || type === 'BF16'
          ? { path: type, N, K, kind: 'dense', dtype: type, data }
          : { path: type, N, K, kind: 'ggml', type, data };
      const W = await dequantize(stored);
      // gguf computes in f32: one rounding of the exact value, whatever the type.
      same(Float32Array.from(W), values);
      same(await unpackDense(stored), values);
      same(await unpackDense(stored, 1, 3), values.slice(K, 3 * K));
      if (!type.startsWith('Q4')) return;
      const packed = await packQ4(stored);
      expect(packed.meta).toBe({ Q4_0: 'zero16', Q4_1: 'offset16', Q4_K: 'offset32' }[type as string]);
      same(unpackQ4(packed), W);
    });

  test('NaN and infinity in a scale are refused', async () => {
    for (const type of ['Q4_0', 'Q4_1', 'Q8_0', 'Q4_K', 'Q6_K'] as const)
      for (const bits of [0x7e00, 0x7c00, 0xfc00]) {
        const { raw, values } = await golden(type);
        const at = ggmlLayout(type).bytes * 3 + (type === 'Q6_K' ? 208 : 0);
        raw.set([bits & 255, bits >> 8], at);
        const K = ggmlLayout(type).block;
        const data = tensor(type, [values.length / K, K], raw);
        const stored: StoredLinear = { path: 'w', N: values.length / K, K, kind: 'ggml', type, data };
        await expect(dequantize(stored)).rejects.toThrow(UserError);
        if (type.startsWith('Q4')) await expect(packQ4(stored)).rejects.toThrow('"a Q4_');
      }
  });
});

/** Codes, zeros and scales at random, and what they say: W[n, k] = scale · (code − zero). */
function random(seed: number, N: number, K: number, group: number, zeroBias: number, order?: number[]) {
  const next = uniform(seed);
  const groups = Math.ceil(K / group);
  const code = Array.from({ length: N }, () => Array.from({ length: K }, () => Math.floor(next() * 16)));
  const zero = Array.from({ length: groups }, () => Array.from({ length: N }, () => Math.floor(next() * 16)));
  const scale = Array.from({ length: groups }, () => Array.from({ length: N }, () => fromHalf(toHalf(next() - 0.5))));
  const groupOf = (k: number) => (order ? order[k] : Math.floor(k / group));
  const W = code.flatMap((row, n) => row.map((q, k) => scale[groupOf(k)][n] * (q - (zero[groupOf(k)][n] + zeroBias))));
  const scales = tensor('F16', [groups, N], Uint16Array.from(scale.flat(), toHalf));
  return { code, zero, scales, groups, W };
}

/** Words [rows, columns] whose nibbles are placed one by one: `place` says where element (row, column) goes. */
function pack(
  elements: number[][],
  words: [rows: number, columns: number],
  place: (row: number, column: number) => [row: number, column: number, nibble: number],
): TensorInfo {
  const data = new Uint32Array(words[0] * words[1]);
  for (const [i, row] of elements.entries())
    for (const [j, value] of row.entries()) {
      const [r, c, nibble] = place(i, j);
      data[r * words[1] + c] += value * 16 ** nibble;
    }
  return tensor('I32', words, data);
}

/** A shuffled assignment of K inputs to groups. */
function shuffled(seed: number, K: number, group: number): number[] {
  const next = uniform(seed);
  return Array.from({ length: K }, (_, k) => ({ at: next(), g: Math.floor(k / group) }))
    .sort((a, b) => a.at - b.at)
    .map(({ g }) => g);
}

describe('GPTQ', () => {
  const cases: [string, N: number, K: number, group: number, zeroBias: 0 | 1, actOrder: boolean][] = [
    ['version 1', 16, 64, 32, 1, false],
    ['version 2', 16, 64, 32, 0, false],
    ['act-order', 8, 96, 32, 1, true],
    ['one group', 24, 40, 40, 1, false],
    ['a short last group', 8, 80, 32, 0, false],
    ['act-order with a short last group', 8, 80, 32, 1, true],
    ['one word', 8, 8, 8, 1, false],
  ];
  for (const [what, N, K, group, zeroBias, actOrder] of cases)
    test(what, async () => {
      const order = actOrder ? shuffled(4, K, group) : undefined;
      const { code, zero, scales, groups, W } = random(N + K, N, K, group, zeroBias, order);
      const stored: StoredLinear = {
        path: 'w',
        N,
        K,
        kind: 'gptq',
        group,
        zeroBias,
        qweight: pack(code, [K / 8, N], (n, k) => [k >> 3, n, k & 7]),
        qzeros: pack(zero, [groups, N / 8], (g, n) => [g, n >> 3, n & 7]),
        scales,
        gIdx: order && tensor('I32', [K], Int32Array.from(order)),
      };
      same(await dequantize(stored), W);
      const packed = await packQ4(stored);
      expect([packed.meta, packed.group, packed.words.length]).toEqual(['zero16', group, (N * K) / 8]);
      same(unpackQ4(packed), W);
      if (!order) return expect(packed.perm).toBe(undefined);
      const sorted = [...packed.perm!].map((k) => order[k]);
      expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
      for (let i = 1; i < K; i++)
        if (sorted[i] === sorted[i - 1]) expect(packed.perm![i]).toBeGreaterThan(packed.perm![i - 1]);
    });

  test('a stored zero of 15 is 16 in version 1, and fits the run-time layout', async () => {
    const scales = tensor('F16', [1, 8], new Uint16Array(8).fill(toHalf(0.5)));
    const ones = tensor('I32', [1, 8], new Uint32Array(8).fill(0x11111111));
    const qzeros = tensor('I32', [1, 1], Uint32Array.of(0xffffffff));
    const stored: StoredLinear = {
      path: 'w',
      N: 8,
      K: 8,
      kind: 'gptq',
      group: 8,
      zeroBias: 1,
      qweight: ones,
      qzeros,
      scales,
    };
    expect([...(await dequantize(stored))]).toEqual(new Array(64).fill(-7.5));
    const packed = await packQ4(stored);
    expect(packed.params[0]).toBe((toHalf(16) << 16) | toHalf(0.5));
    expect([...unpackQ4(packed)]).toEqual(new Array(64).fill(-7.5));
  });

  test('a NaN scale is refused with its place', async () => {
    const scales = tensor('F16', [1, 8], new Uint16Array(8).fill(0x7e01, 3, 4));
    const zeros = tensor('I32', [1, 8], new Uint32Array(8));
    const qzeros = tensor('I32', [1, 1], new Uint32Array(1));
    const stored: StoredLinear = {
      path: 'w',
      N: 8,
      K: 8,
      kind: 'gptq',
      group: 8,
      zeroBias: 1,
      qweight: zeros,
      qzeros,
      scales,
    };
    await expect(packQ4(stored)).rejects.toThrow('f: "a F16" holds NaN or infinity in scale [0, 3]');
    await expect(dequantize(stored)).rejects.toThrow(UserError);
  });
});

test('AWQ: columns interleaved, no bias on zeros', async () => {
  const nibble = (n: number) => [0, 2, 4, 6, 1, 3, 5, 7].indexOf(n & 7);
  for (const [N, K, group] of [
    [16, 64, 32],
    [8, 48, 32],
    [24, 16, 16],
  ]) {
    const { code, zero, scales, groups, W } = random(N, N, K, group, 0);
    const stored: StoredLinear = {
      path: 'w',
      N,
      K,
      kind: 'awq',
      group,
      qweight: pack(code, [K, N / 8], (n, k) => [k, n >> 3, nibble(n)]),
      qzeros: pack(zero, [groups, N / 8], (g, n) => [g, n >> 3, nibble(n)]),
      scales,
    };
    same(await dequantize(stored), W);
    same(unpackQ4(await packQ4(stored)), W);
  }
});

test('the packed layout, word by word', async () => {
  const block = new Uint8Array(18);
  block.set([0x00, 0x3c], 0);
  for (let j = 0; j < 16; j++) block[2 + j] = j | ((15 - j) << 4);
  const data = tensor('Q4_0', [1, 32], block);
  const packed = await packQ4({ path: 'w', N: 1, K: 32, kind: 'ggml', type: 'Q4_0', data });
  expect([...packed.words]).toEqual([0x76543210, 0xfedcba98, 0x89abcdef, 0x01234567]);
  expect([...packed.params]).toEqual([0x48003c00]);
});

describe('quantizeQ4', () => {
  for (const [N, K, group] of [
    [4, 64, 32],
    [3, 37, 16],
    [2, 7, 32],
    [1, 1, 32],
    [5, 96, 128],
  ])
    test(`[${N}, ${K}] in groups of ${group}: every weight is within half a step`, () => {
      const W = Float32Array.from(normal(N * K, N * K));
      const packed = quantizeQ4(W, N, K, group);
      expect([packed.meta, packed.words.length]).toEqual(['offset16', N * Math.ceil(K / 8)]);
      const back = unpackQ4(packed);
      const groups = Math.ceil(K / group);
      for (let i = 0; i < W.length; i++) {
        const g = Math.floor(i / K) * groups + Math.floor((i % K) / group);
        const step = fromHalf(packed.params[g] & 0xffff);
        // Beyond the half step: what rounding scale and offset to f16 moved the ends of the range by.
        const slack = 2 ** -11 * (15 * step + Math.abs(fromHalf(packed.params[g] >>> 16)));
        if (!(Math.abs(back[i] - W[i]) <= step / 2 + slack)) throw new Error(`weight ${i}: ${W[i]} became ${back[i]}`);
      }
      if (K % 8 !== 0)
        for (let n = 0; n < N; n++) expect(packed.words[(n + 1) * Math.ceil(K / 8) - 1] >>> (4 * (K % 8))).toBe(0);
    });

  test('groups of equal weights, subnormal ranges and zeros', () => {
    const W = Float32Array.of(
      ...new Array(32).fill(-0.7),
      ...new Array(32).fill(0),
      ...new Array(31).fill(1),
      1 + 1e-7,
    );
    const back = unpackQ4(quantizeQ4(W, 1, 96));
    for (let i = 0; i < 96; i++) expect(Math.abs(back[i] - W[i])).toBeLessThan(2 ** -11);
    expect(back[40]).toBe(0);
  });

  test('what int4 cannot hold is refused', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 70000])
      expect(() => quantizeQ4(Float32Array.of(1, bad), 1, 2)).toThrow(UserError);
  });
});

test('rows of vectors and of matrices', async () => {
  const data = tensor('F32', [5], Float32Array.of(1, 2, 3, 4, 5));
  const norm: StoredDense = { path: 'norm', shape: [5], kind: 'dense', dtype: 'F32', data };
  expect(await unpackDense(norm)).toEqual(Float32Array.of(1, 2, 3, 4, 5));
  expect(await unpackDense(norm, 1, 3)).toEqual(Float32Array.of(2, 3));
  const nan = tensor('F32', [2], Float32Array.of(1, Number.NaN));
  await expect(dequantize({ ...norm, shape: [2], data: nan })).rejects.toThrow('makes weight 1 NaN');
});

describe('golden models', () => {
  for (const name of goldenModels().filter((model) => /^(gptq|awq|gguf-q4|gguf-mixed)/.test(model)))
    test(`${name}: the packed layout says the same as the file`, async () => {
      const model = await openCheckpoint(goldenPath(name));
      let packed = 0;
      for (const path of linearShapes(model.config).keys()) {
        const stored = model.linear(path);
        if (stored.kind === 'dense' || (stored.kind === 'ggml' && !stored.type.startsWith('Q4'))) continue;
        same(unpackQ4(await packQ4(stored)), await dequantize(stored));
        packed++;
      }
      expect(packed).toBeGreaterThan(0);
      await model.close();
    });
});

const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';

/** The real model, where LACUNA_SMOLLM2 or the cache has it. */
function findSmolLm2(): string | undefined {
  if (process.env.LACUNA_SMOLLM2) return process.env.LACUNA_SMOLLM2;
  const cache = join(homedir(), '.cache', 'lacuna');
  try {
    const found = readdirSync(cache, { recursive: true }).find((path) => String(path).endsWith(FILE));
    return found && join(cache, String(found));
  } catch {
    return undefined;
  }
}

const smolLm2 = findSmolLm2();
describe.skipIf(!smolLm2)(
  `SmolLM2-135M${smolLm2 ? '' : ` (skipped: ${FILE} is in neither LACUNA_SMOLLM2 nor ~/.cache/lacuna)`}`,
  () => {
    test("weights are transformers', row order included", async () => {
      const witnesses = JSON.parse(readFileSync(new URL('golden/smollm2.json', import.meta.url), 'utf8'));
      const model = await openCheckpoint(smolLm2!);
      expect(model.parameters()).toBe(134_515_008);
      for (const [path, witness] of Object.entries<
        Record<'count' | 'squares' | 'placed', number> & { first: number[] }
      >(witnesses)) {
        const W = await dequantize(path.includes('_proj') ? model.linear(path) : model.dense(path));
        let squares = 0;
        let placed = 0;
        for (let i = 0; i < W.length; i++) {
          squares += W[i] * W[i];
          placed += (W[i] * i) / W.length;
        }
        expect(W.length).toBe(witness.count);
        expect([...W.slice(0, 4)].map(Math.fround)).toEqual(witness.first);
        expect(Math.abs(squares / witness.squares - 1)).toBeLessThan(1e-7);
        // Rounding to f32 in transformers, random over the weights, is far below the effect of moving one row.
        expect(Math.abs(placed - witness.placed)).toBeLessThan(1e-6 * Math.sqrt(squares * W.length));
      }
      await model.close();
    });
  },
);
