/** Training steps against PyTorch and PEFT in float64: the loss, every gradient, ten steps of AdamW; chunks, dropout, seeds. */
import { describe, expect, test } from 'vitest';
import { GOLDEN, type GoldenTensor, goldenPath, goldenSequences, readGolden } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu } from '../../test/matrix_gpus.ts';
import { relativeError } from '../../test/numeric.ts';
import { bits, gradients, OPTIONS, QUERIES, train } from '../../test/train_steps.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { readAdapter } from '../formats/peft.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { loadModel } from '../model/load.ts';
import { allWeights } from './all_weights.ts';
import { chunksOf } from './chunks.ts';
import { continuedLora, newLora } from './lora_weights.ts';
import { createStep, type StepInput, type StepOutcome, type StepTexts } from './step.ts';
import { tokensOf } from './tokens.ts';
import type { Trainable } from './trainable.ts';

/** Opens a golden model with its golden adapter, or as a whole; of the embedding, the rows of `tokens` if they are told. */
async function open(g: Gpu, name: string, what: string, tokens?: Uint32Array): Promise<Trainable> {
  const checkpoint = await openCheckpoint(goldenPath(name));
  try {
    if (what === 'all') return await allWeights(g, checkpoint);
    const model = await loadModel(g, checkpoint, { exact: true, tokens });
    if (what === 'new')
      return await newLora(g, model, {
        ...{ rank: 4, alpha: 8, rslora: false, dropout: 0, seed: 1 },
        targets: ['q_proj', 'v_proj', 'down_proj'],
      });
    const adapter = await readAdapter(`${GOLDEN}${name}/adapters/${what}`);
    const trainable = await continuedLora(g, model, adapter);
    await adapter.close();
    return trainable;
  } finally {
    await checkpoint.close();
  }
}

/** The golden batch as a step's input. */
function inputOf(golden: Map<string, GoldenTensor>): StepInput {
  const sequences = goldenSequences(golden);
  return {
    queries: sequences.slice(0, QUERIES),
    passages: sequences.slice(QUERIES),
    targets: [...golden.get('labels')!.values],
    lr: golden.get('learning_rate')!.values[0],
    ...{ weightDecay: 0.01, updates: 0, step: 0, lossScale: 1 },
  };
}

/** What the golden file has of a parameter made of the linears or tensors in its name: [golden name, rows] in order. */
function goldenParts(golden: Map<string, GoldenTensor>, parameter: string): string[] {
  const bias = parameter.endsWith(' bias') ? '.bias' : '.weight';
  return parameter
    .replace(/ bias$/, '')
    .split(' + ')
    .map((path) => {
      const lora = /^(.*)\.(lora_[AB])$/.exec(path);
      const wanted = lora ? `${lora[1]}.${lora[2]}.weight` : `${path}${bias}`;
      const name = [...golden.keys()].find((key) => key.startsWith('grad.') && key.endsWith(`.${wanted}`));
      if (!name) throw new Error(`${wanted} is not in the golden file`);
      return name;
    });
}

/** Errors of all gradients. A golden matrix of grads_all has rows 0, 8, 16 … and the sums of all rows. */
function gradientErrors(golden: Map<string, GoldenTensor>, actual: Map<string, Float64Array>): Map<string, number> {
  const errors = new Map<string, number>();
  for (const [parameter, values] of actual) {
    let at = 0;
    for (const name of goldenParts(golden, parameter)) {
      const expected = golden.get(name)!;
      const sums = golden.get(name.replace('grad.', 'rowsum.'));
      if (!sums) {
        errors.set(name, relativeError(values.slice(at, at + expected.values.length), expected.values));
        at += expected.values.length;
        continue;
      }
      const [rows, columns] = [sums.values.length, expected.shape[1]];
      const row = (n: number) => values.subarray(at + n * columns, at + (n + 1) * columns);
      const kept = Array.from({ length: expected.shape[0] }, (_, i) => [...row(8 * i)]).flat();
      const total = Array.from({ length: rows }, (_, n) => row(n).reduce((sum, v) => sum + v, 0));
      errors.set(name, relativeError(kept, expected.values));
      errors.set(`${name}, sums`, relativeError(total, sums.values));
      at += rows * columns;
    }
    expect(at).toBe(values.length);
  }
  return errors;
}

/** The error of all gradients together, from those of each. */
function wholeError(golden: Map<string, GoldenTensor>, errors: Map<string, number>): number {
  let [difference, size] = [0, 0];
  for (const [name, error] of errors) {
    const values = golden.get(name)?.values;
    if (!values) continue;
    const square = Float64Array.from(values).reduce((sum, v) => sum + v * v, 0);
    difference += error ** 2 * square;
    size += square;
  }
  return Math.sqrt(difference / size);
}

const CASES = [
  ['qwen2-f32', 'r4'],
  ['llama-f32', 'r4'],
  ['gptq-act-order', 'r4'],
  ['awq-gemm', 'r4'],
  ['gguf-q4_0', 'r4'],
  ['qwen2-f32', 'all'],
  ['llama-f32', 'all'],
];

/** Ten steps on a golden batch: every loss, and the gradients of the first. Gives the kernels that ran. */
async function checkSteps(g: Gpu, name: string, what: string): Promise<readonly string[]> {
  const f16 = g.activation === 'f16';
  const golden = await readGolden(name, `grads_${what}.safetensors`);
  const before = g.allocated;
  // f32: the issue's figure. f16: what is asked, .01, of all together, and of a single matrix what PyTorch's own autocast
  // to float16 gives on these models (test/golden/autocast.py: up to .0153, of gptq-act-order; ours .0115): their scores are
  // large, and the products' f16 inputs are the same.
  const limit = f16 ? 1.5e-2 : 1e-4;
  const t = await open(g, name, what);
  const input = { ...inputOf(golden), lossScale: f16 ? 1024 : 1 };
  // Half of the models with layers run again, half with all kept: both are right for all, as the next test shows.
  const step = await createStep(g, t, { ...OPTIONS, keep: name.startsWith('g') });
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const outcome = await step.run({ ...input, updates: i, step: i });
    expect(outcome.updated).toBe(true);
    losses.push(outcome.loss);
    if (i > 0) continue;
    const errors = gradientErrors(golden, await gradients(g, t, input.lossScale));
    for (const [parameter, error] of errors)
      if (!(error < limit)) throw new Error(`the gradient ${parameter} is off by ${error}`);
    if (f16) expect(wholeError(golden, errors)).toBeLessThan(1e-2);
    const missing = [...golden.keys()].filter((k) => k.startsWith('grad.') && !errors.has(k));
    expect(missing).toEqual([]);
  }
  const expected = golden.get('losses')!.values;
  // The issue asks 1e-4 of f32. In f16 the embeddings are off by 6e-3 of their size at most (decoder.test.ts), and a
  // score by 20 times the change of a cosine.
  losses.forEach((loss, i) => {
    expect(Math.abs(loss - expected[i])).toBeLessThan(f16 ? 2e-2 : 1e-4);
  });
  step.free();
  t.free();
  expect(g.allocated).toBe(before);
  return step.labels;
}

describeGpus('a training step', (gpu) => {
  test.each(CASES)('%s, %s: loss, every gradient, ten steps', async (name, what) => {
    const labels = await checkSteps(gpu(), name, what);
    if (gpu().caps.tier !== 'matrix') expect(labels.some((l) => l.includes('matrix'))).toBe(false);
  });

  test('in chunks, or with all activations kept, the gradient is that of one piece', async () => {
    const g = gpu();
    for (const what of ['r4', 'all']) {
      const golden = await readGolden('qwen2-f32', `grads_${what}.safetensors`);
      const input = inputOf(golden);
      const made: Map<string, Float64Array>[] = [];
      for (const [chunkTokens, keep] of [
        [50, false],
        [17, false],
        [11, true],
      ] as const) {
        const t = await open(g, 'qwen2-f32', what);
        await train(g, t, input, 1, { ...OPTIONS, chunkTokens, keep });
        made.push(await gradients(g, t, 1));
        t.free();
      }
      // The same products; only the order of the sums over rows differs (and f16 roundings do not).
      for (const chunked of made.slice(1))
        for (const [name, values] of chunked) expect(relativeError(values, made[0].get(name)!)).toBeLessThan(1e-5);
    }
  });

  test('the same seed gives the same bits, with dropout, layers run again or not; another seed others', async () => {
    const g = gpu();
    const golden = await readGolden('llama-f32', 'grads_r4.safetensors');
    const run = async (seed: number, keep = false) => {
      const t = await open(g, 'llama-f32', 'new');
      await train(g, t, inputOf(golden), 3, { ...OPTIONS, seed, dropout: 0.2, chunkTokens: 30, keep });
      const result = await bits(g, t);
      t.free();
      return result;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
    expect(await run(1, true)).toEqual(first);
  });

  test.each(['qwen2-f32', 'gptq-act-order', 'gguf-q4_0'])(
    '%s: with the embeddings of its tokens alone, the same bits',
    async (name) => {
      const g = gpu();
      const input = inputOf(await readGolden(name, 'grads_r4.safetensors'));
      const run = async (tokens?: Uint32Array) => {
        const t = await open(g, name, 'r4', tokens);
        const step = await createStep(g, t, { ...OPTIONS, dropout: 0.2, chunkTokens: 30 });
        const outcomes: StepOutcome[] = [];
        for (let i = 0; i < 2; i++) outcomes.push(await step.run({ ...input, updates: i, step: i }));
        const made = { outcomes, gradients: await gradients(g, t, 1), weights: await bits(g, t) };
        if (tokens) {
          const unknown = { ...input, queries: [Uint32Array.of(2, tokens[0], 1)], passages: [Uint32Array.of(2)] };
          const lacking = [2, 1].find((id) => !tokens.includes(id));
          await expect(step.run({ ...unknown, targets: [0] })).rejects.toThrow(
            `token ${lacking} is none of the ${tokens.length} whose embeddings were loaded`,
          );
        }
        step.free();
        t.free();
        return made;
      };
      expect(await run(tokensOf(input))).toEqual(await run());
    },
  );

  test('begun ahead, a step gives the same bits: in chunks, after other texts than it got, after an overflow', async () => {
    const g = gpu();
    const golden = await readGolden('llama-f32', 'grads_r4.safetensors');
    const input = inputOf(golden);
    // Four batches that differ, one of them overflowing.
    const inputs = [0, 1, 2, 3].map((step) => ({
      ...{
        ...input,
        step,
        updates: step,
        queries: input.queries.map((ids, i) => ids.slice(0, ids.length - ((i + step) % 2))),
      },
      lossScale: step === 1 ? 1e38 : 1,
    }));
    const run = async (chunkTokens: number, ahead: (i: number) => StepTexts | undefined) => {
      const t = await open(g, 'llama-f32', 'new');
      const step = await createStep(g, t, { ...OPTIONS, dropout: 0.2, chunkTokens });
      const outcomes: StepOutcome[] = [];
      for (const [i, input] of inputs.entries()) outcomes.push(await step.run(input, () => ahead(i)));
      const result = { outcomes, weights: await bits(g, t) };
      step.free();
      t.free();
      return result;
    };
    for (const chunkTokens of [50, 17]) {
      const apart = await run(chunkTokens, () => undefined);
      expect(apart.outcomes.map(({ updated }) => updated)).toEqual([true, false, true, true]);
      expect(await run(chunkTokens, (i) => inputs[i + 1])).toEqual(apart);
      expect(await run(chunkTokens, (i) => inputs[(i + 3) % 4])).toEqual(apart);
    }
  });

  test('zeros where the architecture has no bias are not trained', async () => {
    const t = await open(gpu(), 'gptq-v1-sym', 'all');
    const biases = t.parameters.all.filter((p) => p.name.endsWith(' bias')).map((p) => p.name);
    expect(biases).toEqual(
      [0, 1].map((i) => `${['q', 'k', 'v'].map((n) => `layers.${i}.self_attn.${n}_proj`).join(' + ')} bias`),
    );
    t.free();
  });

  test('an overflow skips the update and leaves the weights as they were', async () => {
    const g = gpu();
    const golden = await readGolden('llama-f32', 'grads_r4.safetensors');
    const t = await open(g, 'llama-f32', 'r4');
    const before = await bits(g, t);
    const [outcome] = await train(g, t, { ...inputOf(golden), lossScale: 1e38 }, 1);
    expect(outcome.updated).toBe(false);
    expect(await bits(g, t)).toEqual(before);
    t.free();
  });
});

describeMatrixGpu('a training step', (gpu) => {
  // Shapes that the matrix forms take; the whole step in them: products, adapters, attention.
  test.each([
    ['qwen2-f32', 'r4'],
    ['gptq-act-order', 'r4'],
    ['llama-f32', 'all'],
  ])('%s, %s: loss, every gradient, ten steps', async (name, what) => {
    const labels = await checkSteps(gpu(), name, what);
    const dense = what === 'all' ? 'dense' : name.startsWith('gptq') ? 'q4' : 'dense';
    expect(labels).toContain(`linear backward ${dense} matrix`);
  });
});

describe('chunksOf', () => {
  test('consecutive sequences, none left out', () => {
    expect(chunksOf([3, 4, 5, 9, 1], 9)).toEqual([
      { first: 0, end: 2 },
      { first: 2, end: 3 },
      { first: 3, end: 4 },
      { first: 4, end: 5 },
    ]);
    expect(chunksOf([1, 1], 9)).toEqual([{ first: 0, end: 2 }]);
    expect(() => chunksOf([10], 9)).toThrow('does not fit');
  });
});
