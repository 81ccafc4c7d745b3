/** What tests of training steps share: options of a small batch, steps on it, and what they leave behind. */
import type { Gpu } from '../src/gpu/gpu.ts';
import { createStep, type StepInput, type StepOptions, type StepOutcome } from '../src/train/step.ts';
import type { Trainable } from '../src/train/trainable.ts';

export const QUERIES = 3;
export const OPTIONS: StepOptions = {
  ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8 },
  ...{ queries: QUERIES, passages: 5, chunkTokens: 50, maxLength: 16, keep: false },
  ...{ scale: 20, dropout: 0, seed: 1, clip: 0 },
};

/** Runs `count` steps on the same batch. */
export async function train(
  g: Gpu,
  t: Trainable,
  input: StepInput,
  count: number,
  options = OPTIONS,
): Promise<StepOutcome[]> {
  const step = await createStep(g, t, options);
  const outcomes: StepOutcome[] = [];
  for (let i = 0; i < count; i++) outcomes.push(await step.run({ ...input, updates: i, step: i }));
  step.free();
  return outcomes;
}

/** Every gradient by parameter name, without the loss scale. */
export async function gradients(g: Gpu, t: Trainable, lossScale: number): Promise<Map<string, Float64Array>> {
  const out = new Map<string, Float64Array>();
  for (const p of t.parameters.all)
    out.set(
      p.name,
      Float64Array.from((await g.read(p.gradient)) as Float32Array, (x) => x / lossScale),
    );
  return out;
}

export const bits = async (g: Gpu, t: Trainable): Promise<Uint32Array[]> =>
  Promise.all(t.parameters.all.map(async (p) => new Uint32Array((await g.read(p.value)).buffer.slice(0))));
