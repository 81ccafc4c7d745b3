/** The folder of a run: what it refuses, what it keeps after a kill, which epoch is the best, what a picture shows. */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPredictions } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { evaluate } from '../metrics/retrieval.ts';
import type { EpochEvent, StepEvent, TrainEvent, TrainState } from './events.ts';
import { contentFingerprint, type RunConfig, readRunConfig } from './run_config.ts';
import { bestOf, RunFolder } from './run_folder.ts';
import { Smoothed } from './training_plot.ts';

const CONFIG: RunConfig = {
  ...{ experiment: 'exp010', preset: 'default', train: 'lora', model: 'tiny', modelPath: '/tiny', fingerprint: 'f' },
  ...{ adapter: null, data: '/data', dataFiles: {}, fold: 0, withoutRationales: false, activations: null },
  ...{ chunkTokens: 64, tier: 'portable', device: 'none', command: 'lacuna train', versions: { lacuna: '0' } },
  settings: {
    ...{ lr: 1e-4, epochs: 3, batch: 2, negatives: 2, pool: 'positives', hardNegatives: 0, rank: 2, alpha: 4 },
    ...{ rslora: false, dropout: 0, targets: ['q_proj'], queryLength: 9, passageLength: 9, evalLength: 9 },
    ...{ warmup: 0, weightDecay: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1 },
  },
};

const STATE: TrainState = {
  ...{ epoch: 0, step: 0, tried: 0, updates: 0, lossScale: 1, steady: 0, lossSum: 0, seconds: 0 },
};

const step = (n: number): StepEvent => ({
  ...{ type: 'step', step: n, steps: 6, epoch: Math.floor((n - 1) / 2), loss: 3 - n / 4, lr: 1e-4, norm: 1 },
  ...{ updated: true, lossScale: 1, tokens: 10, tokensPerSecond: 100, gpuBytes: 1000 + n, seconds: n },
});

/** An epoch in which the label stands at these places, 0 for nowhere. */
function epoch(n: number, ...places: number[]): EpochEvent {
  const rows = places.map((place, i) => {
    const pred = [100, 101, 102, 103];
    if (place) pred[place - 1] = 7;
    return { label: 7, pred, seen: i % 2 === 0 };
  });
  const report = evaluate(rows, { samples: 10 });
  return { type: 'epoch', epoch: n, epochs: 3, step: 2 * n, loss: 3 - n, seconds: n, ...(places.length && { report }) };
}

describe('the folder of a run', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'lacuna-run-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const lines = (path: string) =>
    readFileSync(join(path, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainEvent);
  /** Weights stand for themselves: a file with a word. */
  const output = (word: string, label?: number) => ({
    writeWeights: (folder: string) => writeFiles([{ path: join(folder, 'weights'), chunks: [word] }]),
    ...(label !== undefined && { predictions: [{ questionId: 1, answer: 'A' as const, label, pred: [label] }] }),
  });

  test('keeps the last and the best epoch, and says which they are', async () => {
    const path = join(dir, 'whole');
    const run = await RunFolder.create(path, CONFIG);
    await run.begin(STATE);
    const bests: (number | undefined)[] = [];
    for (const [n, places] of [
      [1, [1, 0]],
      [2, [2, 3]],
      [3, [1, 0]],
    ] as const) {
      await run.record(step(2 * n - 1));
      await run.record(step(2 * n));
      await run.record(epoch(n, ...places));
      bests.push((await run.saveEpoch(output(`epoch ${n}`, n))).best?.epoch);
    }
    await run.close();
    expect(bests).toEqual([1, 2, 2]);
    expect(readFileSync(join(path, 'adapter/weights'), 'utf8')).toBe('epoch 3');
    expect(readFileSync(join(path, 'adapter-best/weights'), 'utf8')).toBe('epoch 2');
    expect((await readPredictions(join(path, 'val_pred.parquet')))[0].label).toBe(3);
    expect((await readPredictions(join(path, 'val_pred-best.parquet')))[0].label).toBe(2);
    const summary = JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ complete: true, steps: 6, tokens: 60, gpuBytes: 1006, epochs: 3 });
    expect(summary.last).toMatchObject({ epoch: 3, weights: 'adapter', report: { 'recall@25': 0.5 } });
    expect(summary.best).toMatchObject({ epoch: 2, weights: 'adapter-best', report: { 'recall@25': 1 } });
    const plot = readFileSync(join(path, 'plot.svg'), 'utf8');
    for (const word of ['loss', 'learning rate', 'MAP@25', 'recall@25', 'unseen', 'tiny, fold 0'])
      expect(plot).toContain(word);
    expect(await readRunConfig(join(path, 'config.json'))).toEqual(CONFIG);
  });

  test('goes on from a checkpoint without double lines, whatever a kill left', async () => {
    const path = join(dir, 'killed');
    const run = await RunFolder.create(path, CONFIG);
    await run.begin(STATE);
    for (const event of [step(1), step(2), epoch(1, 1, 1), step(3), step(4), epoch(2, 2, 2), step(5)])
      await run.record(event);
    await run.close();
    appendFileSync(join(path, 'metrics.jsonl'), '{"type":"step","step":6,"lo');
    const again = await RunFolder.open(path);
    expect(await again.hasCheckpoint()).toBe(false);
    const log = await again.begin({ ...STATE, tried: 4, epoch: 1, step: 2 });
    expect([log.steps.length, log.epochs.length]).toEqual([4, 1]);
    for (const event of [epoch(2, 2, 2), step(5), step(6)]) await again.record(event);
    await again.close();
    expect(lines(path).map((e) => `${e.type} ${e.type === 'step' ? e.step : e.epoch}`)).toEqual([
      'step 1',
      'step 2',
      'epoch 1',
      'step 3',
      'step 4',
      'epoch 2',
      'step 5',
      'step 6',
    ]);
    expect(bestOf(log.epochs)?.epoch).toBe(1);
  });

  test('nothing held out: no best, no predictions, a plot all the same, named by its model and not by a path', async () => {
    const path = join(dir, 'unmeasured');
    const run = await RunFolder.create(path, { ...CONFIG, model: '/somewhere/start', fold: null, train: 'all' });
    await run.begin(STATE);
    await run.record(step(1));
    await run.record(epoch(1));
    expect(await run.saveEpoch(output('x'))).toEqual({ best: undefined });
    await run.close();
    expect(existsSync(join(path, 'model/weights'))).toBe(true);
    expect(existsSync(join(path, 'model-best'))).toBe(false);
    expect(existsSync(join(path, 'val_pred.parquet'))).toBe(false);
    expect(readFileSync(join(path, 'plot.svg'), 'utf8')).toContain('>exp010, start</title>');
    expect(JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8'))).toMatchObject({ best: null, complete: false });
  });

  test('what is there is not written over', async () => {
    const path = join(dir, 'taken');
    await RunFolder.check(path, []);
    mkdirSync(path);
    await RunFolder.check(path, []);
    writeFileSync(join(path, 'notes'), '');
    await expect(RunFolder.check(path, [])).rejects.toThrow('is not empty');
    await expect(RunFolder.open(path)).rejects.toThrow('holds no run to resume');
    mkdirSync(join(path, 'adapter'));
    await expect(RunFolder.check(path, [join(path, 'adapter')], true)).rejects.toThrow('is read from it');
    await RunFolder.check(path, ['/elsewhere'], true);
    const run = await RunFolder.create(path, CONFIG);
    await run.begin(STATE);
    await run.close();
    expect(existsSync(join(path, 'notes')) && !existsSync(join(path, 'adapter'))).toBe(true);
    await expect(RunFolder.check(path, [])).rejects.toThrow('--resume goes on with it');
    await expect(RunFolder.check(join(path, 'notes'), [])).rejects.toThrow('is a file');
    for (const [text, complaint] of [
      ['{', 'is not JSON'],
      ['{"experiment": 3}', 'experiment'],
      [JSON.stringify({ ...CONFIG, settings: { ...CONFIG.settings, rank: 0 } }), 'rank is 0'],
    ]) {
      writeFileSync(join(path, 'config.json'), text);
      const error = await RunFolder.open(path).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toContain(complaint);
    }
  });

  test('fingerprints follow the bytes, not the place', async () => {
    const file = (place: string, text: string) => {
      mkdirSync(join(dir, place), { recursive: true });
      writeFileSync(join(dir, place, 'model'), text);
      return contentFingerprint([join(dir, place, 'model')]);
    };
    expect(await file('a', 'one')).toBe(await file('b', 'one'));
    expect(await file('b', 'two')).not.toBe(await file('a', 'one'));
  });
});

test('smoothing starts at the first value, forgets, and steps over what is no number', () => {
  const mean = new Smoothed();
  expect(mean.value).toBeNaN();
  expect(mean.add(4)).toBe(4);
  expect(mean.add(Number.NaN)).toBe(4);
  expect(mean.add(2)).toBeLessThan(3);
  for (let i = 0; i < 1000; i++) mean.add(1);
  expect(mean.value).toBeCloseTo(1, 6);
});
