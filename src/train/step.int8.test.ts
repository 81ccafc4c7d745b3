/** Training steps whose products of int4 weights are in 8 bits: that all of them are, beside f16, and what is refused. */
import { expect, test } from 'vitest';
import { INT8_BACKWARD_LABEL, INT8_LABEL } from '../../kernels/linear/int8/int8.ts';
import { describeMatrixGpu, int8Gpu } from '../../test/matrix_gpus.ts';
import { normal } from '../../test/numeric.ts';
import { bits, gradients, OPTIONS, train } from '../../test/train_steps.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { elements } from '../gpu/tensor.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import { newLora } from './lora_weights.ts';
import { createStep, type StepInput } from './step.ts';

describeMatrixGpu('a training step in 8 bits', (gpu, emulated) => {
  const TINY: ModelConfig = {
    ...SHAPES['SmolLM2-135M'],
    ...{ hiddenSize: 128, layers: 2, heads: 2, kvHeads: 1, headDim: 64, ffnSize: 256 },
  };
  const open = () => int8Gpu(gpu(), emulated);
  const texts = (count: number, salt: number) =>
    Array.from({ length: count }, (_, s) =>
      Uint32Array.from({ length: 20 }, (_, i) => (s * 7919 + i * 31 + salt) % 256),
    );
  const input: StepInput = {
    ...{ queries: texts(3, 1), passages: texts(5, 2), targets: [0, 1, 2] },
    ...{ lr: 1e-3, weightDecay: 0.01, updates: 0, step: 0, lossScale: 16 },
  };
  const options = { ...OPTIONS, chunkTokens: 160, maxLength: 20 };
  const model = (g: Gpu) =>
    newLora(g, syntheticModel(g, TINY, 32, { vocab: 256 }), {
      ...{ rank: 16, alpha: 32, rslora: false, dropout: 0, seed: 1 },
      targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    });

  test('every product of int4 weights is in i8, forward, run again and back', async () => {
    const g = open();
    if (!g) return;
    const t = await model(g);
    const before = g.allocated;
    for (const keep of [false, true]) {
      const step = await createStep(g, t, { ...options, keep, int8: true });
      const labels = step.labels.filter((label) => /^linear/.test(label));
      const count = (wanted: string) => labels.filter((label) => label === wanted).length;
      // A layer has four products; the last one is not run again, and nothing is trained below the first.
      expect(count(INT8_LABEL)).toBe(4 * TINY.layers + (keep ? 0 : 3 * TINY.layers));
      expect(count(INT8_BACKWARD_LABEL)).toBe(4 * TINY.layers - 1);
      expect(labels.length).toBe(count(INT8_LABEL) + count(INT8_BACKWARD_LABEL));
      step.free();
    }
    t.free();
    expect(g.allocated).toBeLessThan(before);
  });

  test('gradients are near those of f16, the same with layers run again or kept, and it learns', async () => {
    const g = open();
    if (!g) return;
    const made: Map<string, Float64Array>[] = [];
    for (const [int8, keep] of [
      [false, false],
      [true, false],
      [true, true],
    ]) {
      const t = await model(g);
      // B is zero in a new adapter, and A has no gradient then.
      for (const [i, p] of t.parameters.all.entries())
        if (p.name.endsWith('lora_B')) g.write(p.value, Float32Array.from(normal(i, elements(p.shape), 'f32', 0.05)));
      const [{ loss: first, updated }] = await train(g, t, input, 1, { ...options, int8, keep });
      expect([int8, updated]).toEqual([int8, true]);
      made.push(await gradients(g, t, input.lossScale));
      if (int8 && keep) expect((await train(g, t, input, 5, { ...options, int8, keep }))[4].loss).toBeLessThan(first);
      t.free();
    }
    expect(made[2]).toEqual(made[1]);
    let [off, size] = [0, 0];
    for (const [name, values] of made[1]) {
      const exact = made[0].get(name)!;
      values.forEach((v, i) => {
        off += (v - exact[i]) ** 2;
        size += exact[i] ** 2;
      });
    }
    const error = Math.sqrt(off / size);
    // Random weights, whose vectors 8 bits move by 5 %, twenty times that in a score's difference: .12, where noise alone is 1.
    expect(error).toBeLessThan(0.2);
    expect(error).toBeGreaterThan(0.001);
  });

  test('an overflow skips the update', async () => {
    const g = open();
    if (!g) return;
    const t = await model(g);
    const before = await bits(g, t);
    const [outcome] = await train(g, t, { ...input, lossScale: 1e38 }, 1, { ...options, int8: true });
    expect(outcome.updated).toBe(false);
    expect(await bits(g, t)).toEqual(before);
    t.free();
  });

  test('chunks of few tokens are refused', async () => {
    const g = open();
    if (!g) return;
    const t = await model(g);
    await expect(createStep(g, t, { ...options, chunkTokens: 100, int8: true })).rejects.toThrow(
      'chunks of 128 tokens or more, not 100',
    );
    t.free();
  });
});
