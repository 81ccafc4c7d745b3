/** Merges against plain arithmetic in float64 on the golden models, of every format. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN, goldenPath } from '../../test/golden/golden.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { denseShapes, linearShapes } from '../formats/decoder_paths.ts';
import { dequantize } from '../formats/dequantize.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import { type Adapter, readAdapter, writeAdapter } from '../formats/peft.ts';
import type { Checkpoint } from '../formats/stored.ts';
import { averageAdapters } from './average_adapters.ts';
import { writeModelFolder } from './hf_folder.ts';
import { mergeAdapter } from './merge_adapter.ts';
import { openModelSource } from './model_source.ts';
import { slerp, slerpFactors } from './slerp.ts';
import { soup } from './soup.ts';
import { weightsOf } from './weights.ts';

const adapterPath = (model: string, adapter: string) => `${GOLDEN}${model}/adapters/${adapter}`;

/** s·B·A [N, K] in float64; zero where the adapter leaves the module alone. */
async function delta(adapter: Adapter, path: string, N: number, K: number): Promise<Float64Array> {
  const out = new Float64Array(N * K);
  const lora = adapter.modules.get(path);
  if (!lora) return out;
  const [A, B] = [await readMatrix(lora.A), await readMatrix(lora.B)];
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let j = 0; j < lora.r; j++) out[n * K + k] += lora.scale * B[n * lora.r + j] * A[j * K + k];
  return out;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** Every weight of a model by path, in float64; biases among them. */
async function allWeights(checkpoint: Checkpoint): Promise<Map<string, Float64Array>> {
  const all = new Map<string, Float64Array>();
  for (const path of denseShapes(checkpoint.config).keys()) all.set(path, await dequantize(checkpoint.dense(path)));
  for (const path of linearShapes(checkpoint.config).keys()) {
    const linear = checkpoint.linear(path);
    all.set(path, await dequantize(linear));
    if (linear.bias) all.set(`${path}.bias`, await dequantize(linear.bias));
  }
  return all;
}

describe('merging', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lacuna-merge-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  describe('an adapter into its base', () => {
    test.each([
      ['qwen2-f32', 'r4'],
      ['qwen2-f32', 'layer1'],
      ['qwen2-f32', 'bare'],
      ['llama-f32', 'rslora'],
      ['gptq-v1-sym', 'r4'],
      ['gptq-act-order', 'r4'],
      ['awq-gemm', 'r4'],
      ['gguf-q4_0', 'r4'],
    ])('%s with %s: W + s·B·A in f32', async (model, name) => {
      const source = await openModelSource(goldenPath(model));
      const { config } = source.checkpoint;
      const adapter = await readAdapter(adapterPath(model, name), config);
      const out = join(root, `${model}-${name}`);
      const seen: number[] = [];
      const merged = mergeAdapter(await weightsOf(source.checkpoint), adapter);
      await writeModelFolder(out, source, merged, {
        dtype: 'F32',
        onProgress: (done, total) => seen.push(done / total),
      });
      expect(seen.at(-1)).toBe(1);

      const written = await openCheckpoint(out);
      const { maxPositions: _, ...rest } = config;
      expect(written.config).toMatchObject(rest);
      expect(written.format).toBe('safetensors');
      expect(written.tokenizerJson).toBe(source.checkpoint.tokenizerJson);
      const before = await allWeights(source.checkpoint);
      const after = await allWeights(written);
      let changed = 0;
      for (const [path, values] of after) {
        const shape = linearShapes(config).get(path);
        const expected = before.get(path)!.slice();
        if (shape) {
          const added = await delta(adapter, path, shape.N, shape.K);
          if (added.some((value) => value !== 0)) changed++;
          for (let i = 0; i < added.length; i++) expected[i] += added[i];
        }
        // Rounded to f32 once after dequantising and once at the end; weights are below 2.
        expect(largestDifference(values, expected)).toBeLessThan(2 ** -22);
      }
      expect(changed).toBe(adapter.modules.size);
      for (const file of [adapter, written, source.checkpoint]) await file.close();
    });

    test('16 bits by default, refused where f16 cannot hold a weight, and the folder of another model made new', async () => {
      const out = join(root, 'sixteen');
      const source = await openModelSource(goldenPath('qwen2-f32'));
      const weights = await weightsOf(source.checkpoint);
      await writeModelFolder(out, source, weights, { dtype: 'F16' });
      await writeFile(join(out, 'model.safetensors.index.json'), '{}');
      await writeFile(join(out, 'mine.txt'), 'kept');
      await writeModelFolder(out, source, weights, { dtype: 'BF16' });
      expect(await readdir(out)).toContain('mine.txt');
      const written = await openCheckpoint(out);
      expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).torch_dtype).toBe('bfloat16');
      const [before, after] = [
        await dequantize(source.checkpoint.dense('norm')),
        await dequantize(written.dense('norm')),
      ];
      for (let i = 0; i < before.length; i++) expect(Math.abs(after[i] / before[i] - 1)).toBeLessThanOrEqual(2 ** -8);
      await written.close();

      const huge = new Map(weights);
      const { shape, open } = weights.get('norm')!;
      const large = async () => ({ ...(await open()), read: async () => new Float32Array(shape[0]).fill(7e4) });
      huge.set('norm', { shape, open: large });
      const writing = writeModelFolder(join(root, 'huge'), source, huge, { dtype: 'F16' });
      await expect(writing).rejects.toThrow('model.norm.weight: value 0 is 70000, which F16 cannot hold');
      expect(await readdir(root)).not.toContain('huge');
      await source.checkpoint.close();
    });

    test('an adapter of another model, or of a head that is the embedding, is refused', async () => {
      const source = await openModelSource(goldenPath('qwen2-f32'));
      const { config } = source.checkpoint;
      await expect(readAdapter(adapterPath('llama-f32', 'r4'), config)).rejects.toThrow(
        'it was trained on another model',
      );
      const A = new Float32Array(config.hiddenSize).fill(1);
      const B = new Float32Array(config.vocabSize).fill(1);
      const folder = join(root, 'head');
      await writeAdapter(folder, {
        config: { peft_type: 'LORA', r: 1, lora_alpha: 1, target_modules: ['lm_head'], task_type: 'CAUSAL_LM' },
        modules: new Map([['lm_head', { A, B, r: 1 }]]),
      });
      const adapter = await readAdapter(folder, config);
      const weights = await weightsOf(source.checkpoint);
      expect(() => mergeAdapter(weights, adapter)).toThrow('is its embedding as well');
      await adapter.close();
      await source.checkpoint.close();
    });
  });

  describe('adapters averaged', () => {
    const open = (...names: string[]) => Promise.all(names.map((name) => readAdapter(adapterPath('qwen2-f32', name))));

    test.each([
      [['r4', 'rslora'], undefined],
      [
        ['r4', 'rslora', 'layer1', 'all-linear'],
        [3, 1, 0, 4],
      ],
    ])('concat of %s by %s is the exact average of the deltas', async (names, weights) => {
      const adapters = await open(...names);
      const written = await averageAdapters(adapters, 'concat', weights);
      const folder = join(root, names.join('-'));
      await writeAdapter(folder, written);
      const base = await openCheckpoint(goldenPath('qwen2-f32'));
      const { config } = base;
      const average = await readAdapter(folder, config);
      const sum = weights?.reduce((a, b) => a + b) ?? names.length;
      for (const [path, { N, K }] of linearShapes(config)) {
        const expected = new Float64Array(N * K);
        for (const [i, adapter] of adapters.entries())
          (await delta(adapter, path, N, K)).forEach((value, at) => {
            expected[at] += ((weights?.[i] ?? 1) / sum) * value;
          });
        expect(largestDifference(await delta(average, path, N, K), expected)).toBeLessThan(1e-7);
      }
      for (const adapter of [...adapters, average, base]) await adapter.close();
    });

    test('mean keeps the rank and averages the matrices', async () => {
      const [first] = await open('r4');
      const doubled = join(root, 'doubled');
      const modules = new Map();
      for (const [path, { A, B, r }] of first.modules)
        modules.set(path, { A: (await readMatrix(A)).map((x) => 2 * x), B: await readMatrix(B), r });
      await writeAdapter(doubled, { config: first.config, modules });
      const second = await readAdapter(doubled);
      const mean = await averageAdapters([first, second], 'mean', [1, 3]);
      expect(mean.config).toEqual(first.config);
      expect(mean.causalLm).toBe(true);
      for (const [path, { A, B, r }] of first.modules) {
        const got = mean.modules.get(path)!;
        expect(got.r).toBe(r);
        expect(
          largestDifference(
            got.A,
            (await readMatrix(A)).map((x) => 1.75 * x),
          ),
        ).toBeLessThan(1e-7);
        expect(largestDifference(got.B, await readMatrix(B))).toBe(0);
      }
      for (const adapter of [first, second]) await adapter.close();
    });

    test('mean of adapters that do not fit names the module', async () => {
      const adapters = await open('r4', 'rslora', 'all-linear');
      await expect(averageAdapters(adapters.slice(0, 2), 'mean')).rejects.toThrow(
        /^layers\.0\..* is adapted by only one of .*--method concat$/,
      );
      await expect(averageAdapters([adapters[0], adapters[2]], 'mean')).rejects.toThrow(/has rank 4 and scale 2 in/);
      const other = await readAdapter(adapterPath('llama-f32', 'r4'));
      await expect(averageAdapters([adapters[0], other], 'concat')).rejects.toThrow('trained on different models');
      for (const adapter of [...adapters, other]) await adapter.close();
    });
  });

  describe('SLERP and soup', () => {
    test('factors: on the arc, and on the straight line where there is none', () => {
      // A right angle: at the middle both count sin 45°.
      expect(slerpFactors(0, 4, 9, 0.5)).toEqual([Math.SQRT1_2, Math.SQRT1_2].map((x) => expect.closeTo(x, 12)));
      const angle = Math.PI / 3;
      const [a, b] = slerpFactors(Math.cos(angle), 1, 1, 0.25);
      expect(a * a + b * b + 2 * a * b * Math.cos(angle)).toBeCloseTo(1, 12);
      expect(Math.acos(a + b * Math.cos(angle))).toBeCloseTo(angle / 4, 12);
      for (const [dot, aa, bb] of [
        [2, 2, 2],
        [-1, 1, 1],
        [0.9996, 1, 1],
        [0, 0, 5],
      ])
        expect(slerpFactors(dot, aa, bb, 0.25)).toEqual([0.75, 0.25]);
    });

    test('two models of unlike formats, tensor by tensor', async () => {
      const a = await openCheckpoint(goldenPath('gptq-v1-asym'));
      const b = await openCheckpoint(goldenPath('gptq-v2-asym'));
      const [first, second] = [await allWeights(a), await allWeights(b)];
      for (const t of [0, 0.3, 1])
        for (const [path, weight] of await slerp(a, b, t)) {
          const rows = await weight.open();
          const values = await rows.read(0, rows.rows);
          const [x, y] = [first.get(path)!, second.get(path)!];
          const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, value, i) => sum + value * q[i], 0);
          const cosine = dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
          const angle = Math.acos(cosine);
          const [p, q] =
            Math.abs(cosine) < 0.9995
              ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
              : [1 - t, t];
          expect(
            largestDifference(
              values,
              x.map((value, i) => p * value + q * y[i]),
            ),
          ).toBeLessThan(1e-6);
        }
      await a.close();
      await b.close();
    });

    test('a soup of three: the mean by shares, in whatever formats they are', async () => {
      const models = await Promise.all(
        ['gptq-v1-asym', 'gptq-v2-asym', 'gptq-v1-asym'].map((name) => openCheckpoint(goldenPath(name))),
      );
      const shares = [0.5, 0.25, 0.25];
      const all = await Promise.all(models.map(allWeights));
      for (const [path, weight] of await soup(models, shares)) {
        const rows = await weight.open();
        const values = await rows.read(0, rows.rows);
        const mean = all[0].get(path)!.map((_, i) => shares.reduce((sum, s, k) => sum + s * all[k].get(path)![i], 0));
        expect(largestDifference(values, mean)).toBeLessThan(1e-6);
      }
      for (const model of models) await model.close();
    });

    test('models that do not match: the tensor or setting is named', async () => {
      const open = (name: string) => openCheckpoint(goldenPath(name));
      const [f32, f16, bf16] = await Promise.all(['qwen2-f32', 'qwen2-f16', 'qwen2-bf16'].map(open));
      await expect(slerp(f32, f16, 0.5)).rejects.toThrow(
        /"embed_tokens" is \[307,64\] in .* and \[67,64\] in .*qwen2-f16/,
      );
      await expect(slerp(bf16, f32, 0.5)).rejects.toThrow(/"layers\.2\.input_layernorm", .*qwen2-bf16 has none/);
      await expect(slerp(bf16, f32, 0.5)).rejects.toThrow(UserError);
      const tilted = { ...f16, name: 'tilted', config: { ...f16.config, ropeTheta: 5 } };
      await expect(slerp(f16, tilted, 0.5)).rejects.toThrow(/ropeTheta is 1000000 in .* and 5 in tilted/);
      for (const checkpoint of [f32, f16, bf16]) await checkpoint.close();
    });
  });
});
