/**
 * Milliseconds and tokens a second of whole LoRA steps, for published shapes with random int4 weights: 16 queries of 144
 * tokens and 112 passages of 32, rank 32 on all linears, dropout .05, layers run again in the backward pass. As in a
 * run, of the embedding only the rows of the texts' tokens are there.
 */
import type { Gpu } from '../gpu/gpu.ts';
import { profileLines } from '../gpu/recorder.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import { newLora } from './lora_weights.ts';
import { createStep, type StepInput, type StepOptions, type StepTexts } from './step.ts';
import { tokensOf } from './tokens.ts';

export interface StepCase {
  model: keyof typeof SHAPES;
  /** [texts, tokens of each] */
  queries: readonly [number, number];
  passages: readonly [number, number];
  chunkTokens: number;
  /** Keep all activations instead of running layers again. */
  keep: boolean;
  /** Products of int4 weights in 8 bits. */
  int8?: boolean;
}

const BATCH = { queries: [16, 144], passages: [112, 32] } as const;

/** 32B also in pieces that leave it within 24 GB, which its weights and adapters nearly fill; the others take up to 110. */
export const STEP_CASES: readonly StepCase[] = [
  { model: 'SmolLM2-135M', ...BATCH, chunkTokens: 5888, keep: true },
  { model: 'Qwen2.5-0.5B', ...BATCH, chunkTokens: 5888, keep: false },
  { model: 'Qwen2.5-0.5B', ...BATCH, chunkTokens: 5888, keep: true },
  { model: 'Qwen2.5-1.5B', ...BATCH, chunkTokens: 5888, keep: false },
  { model: 'Qwen2.5-1.5B', ...BATCH, chunkTokens: 5888, keep: true },
  { model: 'Qwen2.5-7B', ...BATCH, chunkTokens: 5888, keep: false },
  { model: 'Qwen2.5-7B', ...BATCH, chunkTokens: 5888, keep: true },
  { model: 'Qwen2.5-7B', ...BATCH, chunkTokens: 5888, keep: true, int8: true },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 1472, keep: false },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 896, keep: false, int8: true },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 5888, keep: false },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 5888, keep: false, int8: true },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 5888, keep: true },
  { model: 'Qwen2.5-32B', ...BATCH, chunkTokens: 5888, keep: true, int8: true },
];

/** A case that a software driver ends in a minute. */
export const SOFTWARE_CASE: StepCase = {
  model: 'SmolLM2-135M',
  queries: [1, 24],
  passages: [2, 8],
  chunkTokens: 40,
  keep: true,
};

export interface StepTiming {
  model: string;
  tokens: number;
  chunkTokens: number;
  keep: boolean;
  int8: boolean;
  /** Median over the steps timed, wall clock, the host's work and the readback of the loss included. */
  ms: number;
  tokensPerSecond: number;
  /** The most bytes of tensors that were on the GPU at once. */
  gpuBytes: number;
  dispatches: number;
  /** GPU time by kernel of a step in one chunk, where the GPU tells. */
  profile: string[];
}

/** After so many seconds three steps are enough. */
const ENOUGH = 15;

/** Runs `warm` steps, then times `steps`, or fewer where they take long. Throws an Error where a loss is not finite or an update is left out. */
export async function timeStep(gpu: Gpu, c: StepCase, { warm = 3, steps = 10 } = {}): Promise<StepTiming> {
  const config = SHAPES[c.model];
  gpu.peak = gpu.allocated;
  const group = config.hiddenSize % 128 ? 32 : 128;
  const texts = ([count, length]: readonly [number, number], salt: number) =>
    Array.from({ length: count }, (_, s) =>
      Uint32Array.from({ length }, (_, i) => (s * 7919 + i * 31 + salt) % config.vocabSize),
    );
  const [queries, passages] = [texts(c.queries, 1), texts(c.passages, 2)];
  const model = syntheticModel(gpu, config, group, { tokens: tokensOf({ queries, passages }) });
  const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const lora = { rank: 32, alpha: 64, rslora: false, dropout: 0.05, targets, seed: 1 };
  const trainable = await newLora(gpu, model, lora);
  const options: StepOptions = {
    ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1, dropout: lora.dropout },
    ...{ queries: c.queries[0], passages: c.passages[0], chunkTokens: c.chunkTokens, keep: c.keep, int8: c.int8 },
    maxLength: Math.max(c.queries[1], c.passages[1]),
  };
  const step = await createStep(gpu, trainable, options);
  const targetsOf = queries.map((_, i) => i % passages.length);
  const times: number[] = [];
  let spent = 0;
  for (let i = 0; i < warm + steps && (spent < 1000 * ENOUGH || times.length < 3); i++) {
    const texts = (step: number): StepTexts => ({ queries, passages, targets: targetsOf, step });
    const input: StepInput = { ...texts(i), lr: 1e-5, weightDecay: 0.01, updates: i, lossScale: 1024 };
    const began = performance.now();
    const { loss, updated } = await step.run(input, () => texts(i + 1));
    if (!Number.isFinite(loss) || !updated) throw new Error(`${c.model}: step ${i + 1} has loss ${loss}, not updated`);
    const took = performance.now() - began;
    spent += took;
    // One step has compiled and warmed all where each takes seconds.
    if (i >= warm || (i > 0 && took > 1500)) times.push(took);
  }
  const ms = times.sort((a, b) => a - b)[times.length >> 1];
  const tokens = c.queries[0] * c.queries[1] + c.passages[0] * c.passages[1];
  const timing = {
    ...{ model: c.model, chunkTokens: c.chunkTokens, keep: c.keep, int8: c.int8 ?? false },
    ...{ tokens, ms, tokensPerSecond: (1000 * tokens) / ms },
    ...{ gpuBytes: gpu.peak, dispatches: step.labels.length },
    profile: gpu.caps.timestamps ? profileLines(await step.profile()) : [],
  };
  step.free();
  trainable.free();
  return timing;
}

/** All cases for this GPU whose model's name has `only` in it, a line each. */
export async function stepBench(gpu: Gpu, print: (line: string) => void, only = ''): Promise<StepTiming[]> {
  const timings: StepTiming[] = [];
  const { software } = gpu.description;
  for (const c of software ? [SOFTWARE_CASE] : STEP_CASES.filter(({ model }) => model.includes(only))) {
    const t = await timeStep(gpu, c, software ? { warm: 0, steps: 1 } : {});
    timings.push(t);
    print(
      `${t.model.padEnd(14)} int4, LoRA r 32, ${t.tokens} tokens in chunks of ${t.chunkTokens}, layers ${t.keep ? 'kept' : 'run again'}${t.int8 ? ', activations int8' : ''}: ${t.ms.toFixed(1)} ms a step, ${Math.round(t.tokensPerSecond)} tokens/s, ${(t.gpuBytes / 1e9).toFixed(2)} GB, ${t.dispatches} dispatches`,
    );
    for (const line of t.profile) print(`    ${line}`);
  }
  return timings;
}
