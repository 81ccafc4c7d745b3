/**
 * A model in int4 as a GGUF file: what our reader makes of it, that its tokenizer gives the same ids, and that the
 * engine computes with it what transformers does (golden/make_golden.py).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sequences } from '../../kernels/attention/sequences.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import { goldenPath, goldenSequences, readGolden } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { denseShapes, linearShapes } from '../formats/decoder_paths.ts';
import { dequantize } from '../formats/dequantize.ts';
import { openFile } from '../formats/file_source.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { readTensor } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import { activations, forward, project } from '../model/decoder.ts';
import { loadModel } from '../model/load.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { freeModel } from '../model/weights.ts';
import { type QuantizeOptions, writeGgufModel } from './gguf_model.ts';
import { openModelSource } from './model_source.ts';
import { weightsOf } from './weights.ts';

/** Quantises the golden model into `folder`; gives the file's path and what rounding cost. */
async function quantize(folder: string, model: string, options?: QuantizeOptions) {
  const path = join(folder, `${model}.gguf`);
  const source = await openModelSource(goldenPath(model));
  const classes = await writeGgufModel(path, source, await weightsOf(source.checkpoint), options);
  await source.checkpoint.close();
  return { path, classes };
}

describe('int4 files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacuna-quantize-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['qwen2-f32', 'Q8_0'],
    ['qwen2-bf16', 'F16'],
    ['llama-f32', 'Q8_0'],
    ['llama-hd64', 'F16'],
    ['gptq-act-order', 'Q8_0'],
    ['gguf-llama', 'Q8_0'],
  ] as const)(
    '%s, embedding in %s: the same model, its linears within the error that is reported',
    async (model, embedding) => {
      let progress = 0;
      const onProgress = (done: number, total: number) => {
        progress = done / total;
      };
      const { path, classes } = await quantize(folder, model, { embedding, onProgress });
      expect(progress).toBe(1);
      const before = await openCheckpoint(goldenPath(model));
      const after = await openCheckpoint(path);
      const { bosId: _, eosIds: __, padId: ___, ...config } = before.config;
      expect(after.config).toMatchObject(config);
      expect(after.parameters()).toBe(before.parameters());

      const sums = new Map<string, { squared: number; norm: number }>();
      const compare = async (path: string, kind: string, exact: boolean) => {
        const [x, y] = [before, after].map((c) =>
          denseShapes(before.config).has(path) ? c.dense(path) : c.linear(path),
        );
        const [a, b] = [await dequantize(x), await dequantize(y)];
        if (exact) expect(b).toEqual(Float64Array.from(a, Math.fround));
        const sum = sums.get(kind) ?? { squared: 0, norm: 0 };
        a.forEach((value, i) => {
          sum.squared += (value - b[i]) ** 2;
          sum.norm += value ** 2;
        });
        sums.set(kind, sum);
      };
      for (const path of denseShapes(before.config).keys())
        await compare(path, path.split('.').at(-1)!, /norm$/.test(path));
      for (const path of linearShapes(before.config).keys()) {
        await compare(path, path.split('.').at(-1)!, false);
        const [bias, kept] = [before.linear(path).bias, after.linear(path).bias];
        if (kept) expect(await dequantize(kept)).toEqual(Float64Array.from(await dequantize(bias!), Math.fround));
      }
      for (const [kind, { squared, norm }] of sums) {
        const { type, relativeRms } = classes.get(kind)!;
        // Weights pass through f32 on the way to the quantiser.
        expect(Math.abs(Math.sqrt(squared / norm) - relativeRms)).toBeLessThan(1e-6);
        expect(relativeRms).toBeLessThan({ Q4_1: 0.075, Q8_0: 0.007, F16: 2 ** -11, F32: 1e-9 }[type]);
      }
      const linear = after.linear('layers.0.mlp.up_proj');
      expect(linear.kind === 'ggml' && linear.type).toBe('Q4_1');
      for (const checkpoint of [before, after]) await checkpoint.close();
    },
  );

  test('the bytes do not depend on the run', async () => {
    const read = async () => {
      const { path } = await quantize(folder, 'qwen2-f32');
      const source = await openFile(path);
      const bytes = await source.read(0, source.size);
      await source.close();
      return bytes;
    };
    expect(await read()).toEqual(await read());
  });

  test.each(['qwen2-f32', 'qwen2-bf16', 'gguf-q8_0'])('%s: the tokenizer gives the same ids', async (model) => {
    const { path } = await quantize(folder, model);
    const before = await openCheckpoint(goldenPath(model));
    const after = await openCheckpoint(path);
    const [old, now] = [tokenizerOf(before), tokenizerOf(after)];
    const texts = [
      'café cafe\u0301 3/4 of  1,200',
      "DON'T we'll \n\n x",
      '<|im_start|>user\nthe mean<|im_end|>',
      '∛ 三角 😀',
    ];
    for (const text of texts) expect([...now.encode(text)]).toEqual([...old.encode(text)]);
    expect(now.eosIds).toEqual(old.eosIds);
    expect(now.chatTemplate).toBe(old.chatTemplate);
    const messages = after.ggufMetadata!;
    expect((messages.get('tokenizer.ggml.tokens') as string[]).length).toBe(before.config.vocabSize);
    for (const checkpoint of [before, after]) await checkpoint.close();
  });

  test('a tokenizer that GGUF has no form for is refused by name', async () => {
    const source = await openModelSource(goldenPath('qwen2-f32'));
    const json = JSON.parse(source.checkpoint.tokenizerJson!);
    const write = (change: object) => {
      const checkpoint = { ...source.checkpoint, tokenizerJson: JSON.stringify({ ...json, ...change }) };
      return weightsOf(checkpoint).then((weights) =>
        writeGgufModel(join(folder, 'no.gguf'), { ...source, checkpoint }, weights),
      );
    };
    await expect(write({ pre_tokenizer: { type: 'Whitespace' } })).rejects.toThrow('is not byte-level BPE');
    const split = { type: 'Split', pattern: { Regex: 'x' } };
    const pretokenizers = [split, { type: 'ByteLevel', use_regex: false }];
    await expect(write({ pre_tokenizer: { type: 'Sequence', pretokenizers } })).rejects.toThrow(
      'its pre_tokenizer has no name that GGUF readers know; default, gpt-2',
    );
    const added_tokens = [{ id: 999, content: '<far>', special: true }];
    await expect(write({ added_tokens })).rejects.toThrow('"<far>" has id 999; the model\'s embedding has 307 rows');
    await source.checkpoint.close();
  });
});

/** The logits of a model file on packed sequences, [T, vocab]. */
async function logitsOf(g: Gpu, path: string, sequences: readonly Uint32Array[]): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(path);
  const model = await loadModel(g, checkpoint, { head: true });
  await checkpoint.close();
  const { config } = model;
  const T = sequences.reduce((n, s) => n + s.length, 0);
  const seqs = new Sequences(g, T, sequences.length);
  const s = activations(g, config, T, 64);
  const final = g.tensor('final', g.activation, [T, config.hiddenSize]);
  const logits = g.tensor('logits', 'f32', [T, config.vocabSize]);
  const r = new Recorder(g);
  forward(r, model, s, seqs);
  rmsNorm(r, { x: s.h, weight: model.norm, y: final, rows: seqs.tokens, eps: config.rmsEps });
  project(r, model.head!, { x: final, y: logits, rows: seqs.tokens });
  const recording = await r.finish();
  seqs.set([...sequences]);
  recording.replay();
  const values = (await g.read(logits)) as Float32Array;
  recording.free();
  seqs.free();
  freeModel(g, model);
  g.free(...Object.values(s), final, logits);
  return values;
}

describeGpus('int4 files on the GPU', (gpu, tier) => {
  test.each(['qwen2-f32', 'llama-f32', 'llama-wide-heads'])('%s: logits as transformers has them', async (model) => {
    const folder = await mkdtemp(join(tmpdir(), 'lacuna-quantize-'));
    try {
      const { path } = await quantize(folder, model);
      const golden = await openFile(fileURLToPath(new URL('golden/quantized.safetensors', import.meta.url)));
      const stored = (await readSafetensors(golden)).get(`${model}.logits`)!;
      const expected = new Float32Array((await readTensor(stored)).buffer);
      await golden.close();
      const inputs = await readGolden(model, 'expected.safetensors');
      const actual = await logitsOf(gpu(), path, goldenSequences(inputs));
      const distance = (a: ArrayLike<number>, b: Float32Array) =>
        Math.sqrt(
          b.reduce((sum, value, i) => sum + (a[i] - value) ** 2, 0) / b.reduce((sum, value) => sum + value ** 2, 0),
        );
      // As in model/decoder.test.ts; the Q8_0 embedding is rounded to f16 in every tier.
      expect(distance(actual, expected)).toBeLessThan(tier === 'portable' ? 1e-3 : 7e-3);
      // The float model is far from its int4 form, so that a mix-up would show.
      expect(distance(inputs.get('logits')!.values, expected)).toBeGreaterThan(0.1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
