/** 8-bit activations: that the layers run in them, what comes out beside f16, and what is refused. */
import { describe, expect, test } from 'vitest';
import { Sequences } from '../../kernels/attention/sequences.ts';
import { INT8_LABEL } from '../../kernels/linear/int8/int8.ts';
import { measureInt8 } from '../../kernels/linear/int8/operands.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu, int8Gpu } from '../../test/matrix_gpus.ts';
import { normal, relativeError, toGpu } from '../../test/numeric.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import { Recorder } from '../gpu/recorder.ts';
import { activations, forward } from '../model/decoder.ts';
import { openEmbedder } from '../model/open.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { freeModel, linears, type ModelWeights, projections } from '../model/weights.ts';
import { Embedder, type EmbedderOptions } from './embedder.ts';

const tokenizer: Tokenizer = {
  encode: () => new Uint32Array(),
  decode: () => '',
  vocabSize: 256,
  tokenId: () => undefined,
  eosIds: [],
};

/** Two layers, each of whose products makes a tile of 128 columns at least. */
const TINY: ModelConfig = {
  ...SHAPES['SmolLM2-135M'],
  ...{ hiddenSize: 128, layers: 2, heads: 2, kvHeads: 1, headDim: 64, ffnSize: 256 },
};
const BATCH = 150;

const TOKENS = [60, 3, 41, 30].map((length, s) =>
  Uint32Array.from({ length }, (_, i) => (s * 7919 + i * 31 + 1) % 256),
);

describeMatrixGpu('8-bit activations', (gpu, emulated) => {
  const open = () => int8Gpu(gpu(), emulated);
  const model = (adapter = false): ModelWeights => {
    const made = syntheticModel(gpu(), TINY, 32, { vocab: 256 });
    made.layers.forEach((layer, i) => {
      projections(layer).forEach((p, j) => {
        if (!adapter) return;
        const random = (name: string, shape: [number, number]) =>
          toGpu(gpu(), name, 'f32', shape, normal(9 + 4 * i + j, shape[0] * shape[1], 'f32', 0.15));
        const lora = { r: 8, scale: 0.5, A: random('A', [8, p.K]), B: random('B', [p.N, 8]) };
        p.loras.push({ column: 0, lora, site: 4 * i + j });
      });
    });
    return made;
  };
  const vectors = async (options: EmbedderOptions, adapter = false, tokens: readonly Uint32Array[] = TOKENS) => {
    const sizes = { maxLength: 64, batchTokens: BATCH };
    const embedder = await Embedder.create(gpu(), model(adapter), tokenizer, { ...sizes, ...options });
    const made = await embedder.embedTokens(tokens);
    embedder.free();
    return made;
  };

  test('every product of every layer is in i8, with adapters or without', async () => {
    const g = open();
    if (!g) return;
    for (const adapter of [false, true]) {
      const made = model(adapter);
      await measureInt8(g, linears(made));
      const r = new Recorder(g);
      const seqs = new Sequences(g, BATCH, 8);
      const s = activations(g, TINY, BATCH, 64);
      forward(r, made, s, seqs, { int8: true });
      const labels = r.dispatches.map((d) => d.label).filter((label) => /^linear/.test(label));
      expect(labels).toEqual(Array.from({ length: 4 * TINY.layers }, () => INT8_LABEL));
      freeModel(g, made);
      seqs.free();
      g.free(...Object.values(s));
    }
  });

  test('vectors are near those of f16, and do not depend on what is in the batch', async () => {
    if (!open()) return;
    const d = TINY.hiddenSize;
    const [f16, int8] = [await vectors({}), await vectors({ activations: 'int8' })];
    const off = relativeError(int8, f16);
    // Unit vectors: a cosine of 1 - off² / 2. Turning costs random weights, whose rows have no large numbers, a fifth of this.
    expect(off).toBeLessThan(0.08);
    expect(off).toBeGreaterThan(0.002);
    const alone = await vectors({ activations: 'int8' }, false, [TOKENS[2]]);
    expect([...alone]).toEqual([...int8.subarray(2 * d, 3 * d)]);
  });

  test('an adapter is added as it is', async () => {
    if (!open()) return;
    const [f16, int8] = [await vectors({}, true), await vectors({ activations: 'int8' }, true)];
    expect(relativeError(int8, f16)).toBeLessThan(0.08);
    expect(relativeError(int8, await vectors({ activations: 'int8' }))).toBeGreaterThan(0.2);
  });

  test('weights that are not int4, and batches of few tokens, are refused', async () => {
    const g = open();
    if (!g) return;
    const few = Embedder.create(g, model(), tokenizer, { maxLength: 64, batchTokens: 96, activations: 'int8' });
    await expect(few).rejects.toThrow(UserError);
    await expect(few).rejects.toThrow('batches of 128 tokens or more, not 96');
    const dense = model();
    for (const p of dense.layers.flatMap(projections))
      p.parts[0].weight = { kind: 'dense', N: p.N, K: p.K, data: g.tensor('W', 'f16', [p.N, p.K]) as never };
    const made = Embedder.create(g, dense, tokenizer, { maxLength: 64, batchTokens: BATCH, activations: 'int8' });
    await expect(made).rejects.toThrow('takes int4 weights');
  });
});

describe('a GPU without matrices of i8', () => {
  describeGpus('refuses 8-bit activations before it opens a model', (gpu) => {
    test('in a line', async () => {
      if (gpu().caps.matrixI8) return;
      const refused = openEmbedder(gpu(), '/nowhere', { activations: 'int8' });
      await expect(refused).rejects.toThrow(UserError);
      await expect(refused).rejects.toThrow(
        /^--activations int8 needs subgroup matrices of i8, which .+: leave it out$/,
      );
    });
  });
});
