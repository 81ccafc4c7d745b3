/** The loop: it learns, it scores, it stops and goes on to the bit, it answers numbers that are none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { goldenPath } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { loadModel } from '../model/load.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import type { TrainEvent, TrainingData } from './events.ts';
import { newLora } from './lora_weights.ts';
import { loadCheckpoint, saveCheckpoint } from './run_checkpoint.ts';
import type { Settings } from './settings.ts';
import { tokensOf } from './tokens.ts';
import type { Trainable } from './trainable.ts';
import { Trainer } from './trainer.ts';

const SETTINGS: Settings = {
  ...{ lr: 3e-3, epochs: 2, batch: 4, negatives: 3, pool: 'positives', hardNegatives: 0 },
  ...{ rank: 4, alpha: 8, rslora: false, dropout: 0.1, targets: ['q_proj', 'v_proj', 'up_proj', 'down_proj'] },
  ...{ queryLength: 16, passageLength: 16, evalLength: 16, warmup: 0.1, weightDecay: 0.01 },
  ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1 },
};

/** Twelve queries on six passages of random tokens; a query begins with its passage's tokens, so there is something to learn. */
function dataOf(): TrainingData {
  const passages = Array.from({ length: 8 }, (_, i) => Uint32Array.of(3 + i, 20 + 7 * i, 11));
  const labels = Array.from({ length: 14 }, (_, i) => i % 7);
  const queries = labels.map((label, i) => Uint32Array.of(30 + i, ...passages[label], 9 + (i % 3)));
  const validation = {
    queries: queries.slice(0, 7),
    labels: labels.slice(0, 7),
    passages,
    seen: labels.slice(0, 7).map((l) => l < 4),
  };
  return { queries, labels, passages, validation };
}

async function open(
  g: Gpu,
  settings: Settings,
  tokens?: Uint32Array,
): Promise<{ trainable: Trainable; tokenizer: Tokenizer }> {
  const checkpoint = await openCheckpoint(goldenPath('qwen2-f32'));
  const model = await loadModel(g, checkpoint, { tokens });
  const tokenizer = tokenizerOf(checkpoint);
  await checkpoint.close();
  return { trainable: await newLora(g, model, settings), tokenizer };
}

const values = async (g: Gpu, t: Trainable) =>
  Promise.all(t.parameters.all.map(async (p) => new Uint32Array((await g.read(p.value)).buffer)));

describeGpus('the trainer', (gpu) => {
  test('the loss falls, epochs are scored, and a run cut anywhere ends with the same bits', async () => {
    const g = gpu();
    const folder = mkdtempSync(join(tmpdir(), 'lacuna-train-'));
    const settings = { ...SETTINGS, hardNegatives: 2 };
    const before = g.allocated;
    const whole = await open(g, settings);
    const trainer = await Trainer.create(g, whole.trainable, whole.tokenizer, dataOf(), settings);
    expect(trainer.totalSteps).toBe(8);
    const events: TrainEvent[] = [];
    const file = join(folder, 'run.safetensors');
    for await (const event of trainer.run()) {
      events.push(event);
      if (events.length === 3) await saveCheckpoint(file, whole.trainable, trainer.state, settings);
    }
    expect(events.map((e) => e.type).join(' ')).toBe('step step step step epoch step step step step epoch');
    const steps = events.filter((e) => e.type === 'step');
    expect(steps.map((e) => [e.step, e.epoch])).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((s) => [s, Number(s > 4)]));
    expect(steps[0].lr).toBe(SETTINGS.lr);
    expect(steps.every((e) => e.loss > 0 && e.tokens > 0)).toBe(true);
    // In f16 the first loss scales are tried and found too large.
    expect(steps.slice(4).every((e) => e.updated && e.norm > 0)).toBe(true);
    const epochs = events.filter((e) => e.type === 'epoch');
    expect(epochs[1].loss).toBeLessThan(epochs[0].loss);
    expect(epochs[1].report!.rows).toBe(7);
    expect(epochs[1].report!.seen.rows).toBe(4);
    expect(trainer.predictions().map((p) => p.length)).toEqual(Array.from({ length: 7 }, () => 8));

    // The embeddings of its tokens alone, as `lacuna train` loads them, make no difference.
    const again = await open(g, settings, tokensOf(dataOf()));
    expect(again.trainable.model.embed.vocab).toBe(29);
    const resumed = await Trainer.create(g, again.trainable, again.tokenizer, dataOf(), settings);
    const loaded = await loadCheckpoint(file, again.trainable);
    expect(loaded.settings).toEqual(settings);
    resumed.state = loaded.state;
    const stop = new AbortController();
    const rest: TrainEvent[] = [];
    for await (const event of resumed.run(stop.signal)) {
      rest.push(event);
      if (rest.length === 2) stop.abort();
    }
    expect(rest.map((e) => e.type)).toEqual(['step', 'epoch']);
    for await (const event of resumed.run()) rest.push(event);
    expect(rest.map((e) => e.loss)).toEqual(events.slice(3).map((e) => e.loss));
    expect(await values(g, again.trainable)).toEqual(await values(g, whole.trainable));

    for (const [t, { trainable }] of [
      [trainer, whole],
      [resumed, again],
    ] as const) {
      t.free();
      trainable.free();
    }
    expect(g.allocated).toBe(before);
    rmSync(folder, { recursive: true });
  });

  test('a learning rate beyond all reason ends with a line that says so', async () => {
    const g = gpu();
    const settings = { ...SETTINGS, lr: 10, scale: 1e4, warmup: 0, epochs: 30, dropout: 0, clip: 0 };
    const { trainable, tokenizer } = await open(g, settings);
    // Weights of NaN stand for any step that broke them.
    g.write(trainable.parameters.all[0].value, Float32Array.of(Number.NaN));
    const trainer = await Trainer.create(g, trainable, tokenizer, dataOf(), settings);
    const run = async () => {
      for await (const event of trainer.run()) expect(event.type).toBe('step');
    };
    const error = await run().then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/step 1 of 120: the loss is .*smaller lr/);
    trainer.free();
    trainable.free();
  });

  test('a checkpoint of other parameters, or no checkpoint, is refused', async () => {
    const g = gpu();
    const folder = mkdtempSync(join(tmpdir(), 'lacuna-train-'));
    const { trainable, tokenizer } = await open(g, SETTINGS);
    const trainer = await Trainer.create(g, trainable, tokenizer, dataOf(), SETTINGS);
    const file = join(folder, 'run.safetensors');
    await saveCheckpoint(file, trainable, trainer.state, SETTINGS);
    const other = await open(g, { ...SETTINGS, rank: 3 });
    await expect(loadCheckpoint(file, other.trainable)).rejects.toThrow('it is of a run that trains others');
    const fewer = await open(g, { ...SETTINGS, targets: ['q_proj'] });
    await expect(loadCheckpoint(file, fewer.trainable)).rejects.toThrow('parameters, and this run trains');
    writeFileSync(file, 'nothing');
    await expect(loadCheckpoint(file, trainable)).rejects.toThrow(UserError);
    trainer.free();
    for (const { trainable: t } of [{ trainable }, other, fewer]) t.free();
    rmSync(folder, { recursive: true });
  });
});
