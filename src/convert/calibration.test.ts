/** The Gram matrices of what linears read, and what calibrated int4 gains over the nearest levels. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goldenPath, goldenSequences, readGolden } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { dequantize } from '../formats/dequantize.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Embedder } from '../infer/embedder.ts';
import { loadModel } from '../model/load.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { freeModel, type ModelWeights } from '../model/weights.ts';
import { type Calibration, calibration, calibrationTexts } from './calibration.ts';
import { writeGgufModel } from './gguf_model.ts';
import { inputOrder } from './gptq.ts';
import { openModelSource } from './model_source.ts';
import { weightsOf } from './weights.ts';

const MODEL = 'qwen2-f32';

test('texts: names in a quarter of the tokens, the same every time; none is an error', () => {
  const texts = (n: number, length: number) => Array.from({ length: n }, (_, i) => new Uint32Array(length).fill(i));
  const data = { queries: texts(40, 30), passages: texts(40, 7) };
  const drawn = calibrationTexts(data, 400);
  const tokens = (length: number) => drawn.filter((ids) => ids.length === length).length * length;
  expect(tokens(7)).toBe(98);
  expect(tokens(30)).toBe(300);
  expect(calibrationTexts(data, 400)).toEqual(drawn);
  expect(() => calibrationTexts(data, 6)).toThrow('6 tokens to calibrate with are less than any text has');
});

describeGpus('calibration', (gpu, tier) => {
  let model: ModelWeights;
  let sequences: Uint32Array[];
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacuna-calibration-'));
    const checkpoint = await openCheckpoint(goldenPath(MODEL));
    model = await loadModel(gpu(), checkpoint);
    await checkpoint.close();
    sequences = goldenSequences(await readGolden(MODEL, 'expected.safetensors'));
  });
  afterAll(async () => {
    freeModel(gpu(), model);
    await rm(folder, { recursive: true });
  });

  test('the first layer reads the normed embedding of every token, once each', async () => {
    const checkpoint = await openCheckpoint(goldenPath(MODEL));
    const [table, norm] = [checkpoint.dense('embed_tokens'), checkpoint.dense('layers.0.input_layernorm')];
    const [values, weight] = [await dequantize(table), await dequantize(norm)];
    await checkpoint.close();
    const { hiddenSize: K, rmsEps } = model.config;
    const gram = new Float64Array(K * K);
    for (const id of sequences.flatMap((ids) => [...ids])) {
      const row = values.subarray(id * K, (id + 1) * K);
      const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / K + rmsEps);
      const x = row.map((v, k) => v * scale * weight[k]);
      for (let i = 0; i < K; i++) for (let j = 0; j < K; j++) gram[i * K + j] += x[i] * x[j];
    }
    const expected = inputOrder(Float32Array.from(gram), K);
    const c = calibration(gpu(), model, sequences);
    const { importance } = await c.of('layers.0.self_attn.k_proj');
    c.free();
    // Each factor is rounded once to the tier's type (the table too); sums are f32.
    const most = (tier === 'portable' ? 2 ** -20 : 2 ** -9) * Math.max(...expected.importance);
    importance.forEach((value, k) => {
      expect(Math.abs(value - expected.importance[k])).toBeLessThan(most);
    });
  });

  test('a layer at a time gives what all at a time do, in more passes', async () => {
    const paths = [
      'layers.0.self_attn.q_proj',
      'layers.1.mlp.down_proj',
      'layers.1.mlp.up_proj',
      'layers.2.self_attn.o_proj',
    ];
    const orders = async (memory: number) => {
      let seen = 0;
      const onProgress = (done: number, total: number) => {
        seen = total;
        expect(done).toBeLessThanOrEqual(total);
      };
      const c: Calibration = calibration(gpu(), model, sequences, { memory, onProgress });
      const before = gpu().allocated;
      const all = [];
      for (const path of paths) all.push(await c.of(path));
      c.free();
      expect(gpu().allocated).toBe(before);
      return { all, seen };
    };
    const [one, many] = [await orders(2 ** 30), await orders(1)];
    expect(many.all).toEqual(one.all);
    expect(many.seen).toBe(3 * one.seen);
    await expect(calibration(gpu(), model, sequences).of('lm_head')).rejects.toThrow('lm_head is no linear of a layer');
  });

  test('int4 with regard to the inputs embeds closer to the model than the nearest levels', async () => {
    const source = await openModelSource(goldenPath(MODEL));
    const weights = await weightsOf(source.checkpoint);
    const c = calibration(gpu(), model, sequences);
    await writeGgufModel(join(folder, 'calibrated.gguf'), source, weights, { calibration: c });
    await writeGgufModel(join(folder, 'nearest.gguf'), source, weights);
    c.free();
    await source.checkpoint.close();
    const vectors = await Promise.all(
      [goldenPath(MODEL), join(folder, 'calibrated.gguf'), join(folder, 'nearest.gguf')].map((path) =>
        embed(gpu(), path, sequences),
      ),
    );
    const [exact, calibrated, nearest] = vectors;
    const distance = (a: Float32Array) => exact.reduce((sum, value, i) => sum + (a[i] - value) ** 2, 0);
    expect(distance(calibrated) / distance(nearest)).toBeLessThan(0.7);
  });
});

async function embed(gpu: Gpu, path: string, sequences: readonly Uint32Array[]): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(path);
  const loaded = await loadModel(gpu, checkpoint);
  const embedder = await Embedder.create(gpu, loaded, tokenizerOf(checkpoint), { maxLength: 64, pooling: 'mean' });
  const vectors = await embedder.embedTokens(sequences);
  embedder.free();
  await checkpoint.close();
  return vectors;
}
