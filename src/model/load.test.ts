/** What the GPU holds after loading is what the file says, to the bit, for every format. */
import { expect, test } from 'vitest';
import type { Q4Weight, Weight } from '../../kernels/linear/weights.ts';
import { goldenModels, goldenPath } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu } from '../../test/numeric.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { dequantize } from '../formats/dequantize.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { fromHalf } from '../half.ts';
import { type LoadOptions, loadModel } from './load.ts';
import { freeModel, projections } from './weights.ts';

/** The weight's values in float64, [N, K] in the model's order of inputs. */
async function weightValues(gpu: Gpu, w: Weight): Promise<Float64Array> {
  return w.kind === 'dense' ? fromGpu(gpu, w.data) : q4Values(gpu, w);
}

async function q4Values(gpu: Gpu, w: Q4Weight): Promise<Float64Array> {
  const words = (await gpu.read(w.words)) as Uint32Array;
  const params = (await gpu.read(w.params)) as Uint32Array;
  const perm = w.perm && ((await gpu.read(w.perm)) as Uint32Array);
  const floats = new Float32Array(params.buffer, params.byteOffset, params.length);
  const groups = Math.ceil(w.K / w.group);
  const rowWords = Math.ceil(w.K / 8);
  const out = new Float64Array(w.N * w.K);
  for (let n = 0; n < w.N; n++)
    for (let k = 0; k < w.K; k++) {
      const q = (words[n * rowWords + (k >> 3)] >>> (4 * (k & 7))) & 15;
      const g = n * groups + Math.floor(k / w.group);
      const [a, b] = [fromHalf(params[g] & 0xffff), fromHalf(params[g] >>> 16)];
      const column = perm ? perm[k] : k;
      out[n * w.K + column] =
        w.meta === 'offset32' ? floats[2 * g] * q + floats[2 * g + 1] : w.meta === 'zero16' ? a * (q - b) : a * q + b;
    }
  return out;
}

/** The same GPU, but one whose weights must fit bindings of so many bytes. */
function narrow(gpu: Gpu, maxBinding: number): Gpu {
  return new Proxy(gpu, {
    get(target, name) {
      if (name === 'caps') return { ...gpu.caps, maxBinding };
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describeGpus('loading', (gpu) => {
  test.each(goldenModels())('%s', async (name) => {
    const g = gpu();
    const checkpoint = await openCheckpoint(goldenPath(name));
    const model = await loadModel(g, checkpoint, { head: true });
    let int4 = 0;
    for (const p of [...model.layers.flatMap(projections), model.head!]) {
      const expected = new Float64Array(p.N * p.K);
      for (const { path, column } of p.linears)
        expected.set(
          await dequantize(
            path === 'lm_head' && !checkpoint.has(path) ? checkpoint.dense('embed_tokens') : checkpoint.linear(path),
          ),
          column * p.K,
        );
      for (const { column, weight } of p.parts) {
        const values = await weightValues(g, weight);
        const slice = expected.slice(column * p.K, column * p.K + values.length);
        int4 += Number(weight.kind === 'q4');
        // int4 is exact. So is 16-bit data in f16, but for subnormal halves, which a GPU may flush;
        // block formats of more than 4 bits, and f32 in an f16 tier, are rounded to f16 once.
        if (weight.kind === 'q4') expectClose(values, slice, 2 ** -50, 0);
        else expectClose(values, slice, weight.data.dtype === 'f16' ? EPS.f16 + 4 * EPS.f32 : 0, 2 ** -14 * EPS.f16);
      }
    }
    const quantized = /gptq|awq|q4|mixed/.test(name);
    expect(int4 > 0).toBe(quantized);
    freeModel(g, model);
    await checkpoint.close();
  });

  test('a dense model is quantised to int4 as it loads', async () => {
    const g = gpu();
    const checkpoint = await openCheckpoint(goldenPath('qwen2-f32'));
    const model = await loadModel(g, checkpoint, { quantize: 'q4' });
    for (const p of model.layers.flatMap(projections)) {
      expect(p.parts.every((part) => part.weight.kind === 'q4')).toBe(true);
      for (const { path, column, N } of p.linears) {
        const exact = await dequantize(checkpoint.linear(path));
        const values = (await weightValues(g, p.parts[0].weight)).slice(column * p.K, (column + N) * p.K);
        for (let i = 0; i < exact.length; i += 32) {
          const group = exact.slice(i, i + 32);
          const range = Math.max(...group) - Math.min(...group);
          // Half a step, and the rounding to f16 of a scale used up to 15 times and of an offset.
          const bound = range / 30 + 2 * EPS.f16 * (range + Math.max(...group.map(Math.abs)));
          for (let k = 0; k < 32; k++) expect(Math.abs(values[i + k] - group[k])).toBeLessThanOrEqual(bound);
        }
      }
    }
    freeModel(g, model);
    await checkpoint.close();
  });

  test.each(goldenModels())('%s: of the embedding, the rows of some tokens', async (name) => {
    const g = gpu();
    const checkpoint = await openCheckpoint(goldenPath(name));
    const { vocabSize, hiddenSize: C } = checkpoint.config;
    const tokens = Uint32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => id % 7 === 2 || id < 5);
    const bitsOf = async (on: Gpu, options: LoadOptions) => {
      const before = g.allocated;
      const model = await loadModel(on, checkpoint, options);
      const { chunks, rows, vocab } = model.embed;
      const read: number[][] = [];
      for (const { first, count, data } of chunks) {
        expect(first).toBe(read.length);
        const bits = [...(await g.read(data))];
        for (let i = 0; i < count; i++) read.push(bits.slice(i * C, (i + 1) * C));
      }
      const [bytes, allocated] = [chunks.reduce((n, { data }) => n + data.bytes, 0), g.allocated - before];
      freeModel(g, model);
      expect(read.length).toBe(vocab);
      return { read, rows, bytes, allocated, chunks: chunks.length };
    };
    const whole = await bitsOf(g, {});
    expect([whole.rows, whole.read.length, whole.chunks]).toEqual([undefined, vocabSize, 1]);
    const wanted = [...tokens].map((id) => whole.read[id]);
    const some = await bitsOf(g, { tokens });
    expect(some.read).toEqual(wanted);
    expect([...some.rows!]).toEqual([...tokens].map((id, row) => [id, row]));
    expect(whole.allocated - some.allocated).toBe(whole.bytes - some.bytes);
    if (/gptq|awq/.test(name)) return checkpoint.close();
    const cut = await bitsOf(narrow(g, (whole.bytes / vocabSize) * 10), { tokens });
    expect(cut.read).toEqual(wanted);
    expect(cut.chunks).toBe(Math.ceil(tokens.length / 10));
    await checkpoint.close();
  });

  test('a token that the model does not know is named, and a head needs all', async () => {
    const checkpoint = await openCheckpoint(goldenPath('qwen2-f32'));
    const load = (options: LoadOptions) => loadModel(gpu(), checkpoint, options);
    const { vocabSize } = checkpoint.config;
    const before = gpu().allocated;
    await expect(load({ tokens: Uint32Array.of(1, vocabSize) })).rejects.toThrow(
      `the tokenizer gives token ${vocabSize}, and the model knows ${vocabSize}`,
    );
    await expect(load({ tokens: Uint32Array.of(1), head: true })).rejects.toThrow('a head needs the whole embedding');
    expect(gpu().allocated).toBe(before);
    await checkpoint.close();
  });

  test('memory is given back', async () => {
    const g = gpu();
    const before = g.allocated;
    const checkpoint = await openCheckpoint(goldenPath('gptq-act-order'));
    const model = await loadModel(g, checkpoint, { head: true });
    expect(g.allocated).toBeGreaterThan(before);
    freeModel(g, model);
    expect(g.allocated).toBe(before);
    await checkpoint.close();
  });
});
