/** `lacuna train` as a command: what it explains, what a run leaves behind and who opens that, and what it refuses. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  eventsOf,
  GPU,
  LORA,
  lacuna,
  MODEL,
  makeRoot,
  trainArgs,
  useDriver,
} from '../../test/train_command.ts';
import { readPredictions } from '../data/predictions.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { unpackDense } from '../formats/dequantize.ts';
import { openFile } from '../formats/file_source.ts';
import { readAdapter } from '../formats/peft.ts';
import { readSafetensors } from '../formats/safetensors.ts';

describe('lacuna train', () => {
  let root: string;
  let whole: Ended;
  const at = (name: string) => join(root, name);
  const train = (out: string, settings: readonly string[], ...more: string[]) =>
    lacuna(...trainArgs(at('data'), at(out), settings, ...more));
  beforeAll(async () => {
    useDriver();
    root = await makeRoot();
    whole = await train('whole', LORA, '--fold', '0', '--json');
  });
  afterAll(() => rm(root, { recursive: true }));

  test('--list explains every experiment, --help shows 5m', async () => {
    const { out } = await lacuna('train', '--list');
    for (const name of ['exp010', 'exp012', 'exp010_infer_gen', 'passageLength'])
      expect(out).toMatch(new RegExp(`^ *${name}\\b`, 'm'));
    const listing: { name: string; presets: Record<string, { negatives: number }> }[] = JSON.parse(
      (await lacuna('train', '--list', '--json')).out,
    );
    expect(listing.map(({ name }) => name)).toEqual(['exp010', 'exp012', 'exp010_infer_gen']);
    expect(listing[0].presets['as-published'].negatives).toBe(96);
    const help = await lacuna('train', '--help');
    expect(help.code).toBe(0);
    expect(help.out).toContain('(default: 5m)');
  });

  test('--dry-run prints the plan and leaves nothing', async () => {
    const plan = await train('planned', LORA, '--fold', '0', '--dry-run');
    expect(plan.code).toBe(0);
    expect(plan.out).toMatch(/^parameters +0\.1 million, trained 2688: LoRA of rank 4$/m);
    expect(plan.out).toMatch(/^data +\d+ rows to train on, \d+ held out, \d+ misconceptions; \d+ queries .* are cut$/m);
    expect(plan.out).toMatch(/^GPU memory +[\d.]+ MiB: weights .*, ranking /m);
    const { out } = await train('planned', LORA, '--fold', '0', '--dry-run', '--json');
    expect(JSON.parse(out)).toMatchObject({ trained: 2688, steps: (await eventsOf(at('whole'))).steps.length });
    expect(await readdir(root)).not.toContain('planned');
  });

  test('a run says every step in JSON and leaves its folder', async () => {
    expect(whole).toMatchObject({ code: 0, err: '' });
    const lines = whole.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { steps, epochs } = await eventsOf(at('whole'));
    const count = 2 * Math.ceil(lines[0].steps / 2);
    expect(lines.at(-1)).toEqual({ type: 'end', complete: true, step: count, steps: count, out: at('whole') });
    expect(lines.filter(({ type }) => type === 'step')).toEqual(steps);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(epochs[1].loss).toBeLessThan(epochs[0].loss);
    const left = [
      ...['adapter', 'adapter-best', 'checkpoint.safetensors', 'config.json', 'metrics.jsonl', 'plot.svg'],
      ...['summary.json', 'val_pred-best.parquet', 'val_pred.parquet'],
    ];
    expect((await readdir(at('whole'))).sort()).toEqual(left);
    expect(JSON.parse(await readFile(at('whole/summary.json'), 'utf8'))).toMatchObject({
      ...{ experiment: 'exp010', complete: true, epochs: 2, steps: count, fold: 0 },
      last: { epoch: 2, weights: 'adapter' },
    });
    const predictions = await readPredictions(at('whole/val_pred.parquet'));
    expect(predictions).toHaveLength(epochs[0].report!.rows);
    expect(await readFile(at('whole/plot.svg'), 'utf8')).toMatch(/^<svg[\s\S]*<\/svg>\n?$/);
  });

  test('its adapter opens, ranks, and is trained on', async () => {
    const adapter = await readAdapter(at('whole/adapter'));
    expect(adapter.config).toMatchObject({ peft_type: 'LORA', r: 4, target_modules: ['q_proj', 'v_proj'] });
    expect(adapter.modules.size).toBe(6);
    await adapter.close();
    const question = ['--question', '1/2 + 1/3?', '--correct', '5/6', '--incorrect', '2/5', '--no-cache', '--json'];
    const rank = (...more: string[]) =>
      lacuna(
        ...['rank', '--model', MODEL, '--taxonomy', at('data/misconception_mapping.csv'), ...question],
        ...['--tier', GPU.tier, ...more],
      );
    const [adapted, bare] = [await rank('--adapter', at('whole/adapter')), await rank()];
    expect(adapted.code).toBe(0);
    expect(JSON.parse(adapted.out).results).not.toEqual(JSON.parse(bare.out).results);

    const on = await train('on', ['epochs=1'], '--adapter', at('whole/adapter'), '--max-steps', '2', '--json');
    expect(on.code).toBe(0);
    const { steps } = await eventsOf(at('on'));
    expect(steps).toHaveLength(2);
    const { settings } = JSON.parse(await readFile(at('on/config.json'), 'utf8'));
    expect(settings).toMatchObject({ rank: 4, alpha: 64, targets: ['q_proj', 'v_proj'] });
  });

  test('exp010_infer_gen ranks synthetic questions with it', async () => {
    const infer = (...more: string[]) =>
      lacuna(
        ...['train', 'exp010_infer_gen', '--model', MODEL, '--adapter', at('whole/adapter'), '--data', at('data')],
        ...['--input', at('data/train.csv'), '--out', at('candidates.parquet'), '--tier', GPU.tier, '--json', ...more],
      );
    const { code, out } = await infer();
    expect(code).toBe(0);
    const { rows, pool } = JSON.parse(out);
    const ranked = await readPredictions(at('candidates.parquet'));
    expect(ranked).toHaveLength(rows);
    expect(ranked.map(({ questionId }) => questionId)).toContain(100_015);
    for (const { pred } of ranked) expect(new Set(pred).size).toBe(pool);
    expect(await infer('--fold', '0')).toMatchObject({
      code: 2,
      err: 'lacuna: exp010_infer_gen: trains nothing, so --fold says nothing\n',
    });
  });

  test('--train all writes a model that opens and is another than the base', async () => {
    const { code, err } = await train('all', ['epochs=1', 'lr=1e-3'], '--train', 'all', '--max-steps', '9', '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [base, trained] = [await openCheckpoint(MODEL), await openCheckpoint(at('all/model'))];
    expect(trained.parameters()).toBe(base.parameters());
    expect(trained.config).toEqual(base.config);
    await base.close();
    await trained.close();
    const valuesOf = async (folder: string) => {
      const file = await openFile(join(folder, 'model.safetensors'));
      const stored = [...(await readSafetensors(file))].map(async ([path, info]) => {
        const { shape, dtype } = info;
        const values = await unpackDense({ kind: 'dense', path, shape, dtype: dtype as 'F32', data: info });
        return [path, { dtype, values }] as const;
      });
      const read = new Map(await Promise.all(stored));
      await file.close();
      return read;
    };
    const [from, to] = [await valuesOf(MODEL), await valuesOf(at('all/model'))];
    expect([...to.keys()].sort()).toEqual([...from.keys()].sort());
    for (const [path, { dtype, values }] of to) {
      expect(dtype).toBe('F16');
      // AdamW moves a number by about lr a step, f16 rounds one of .1 by 3e-5.
      const before = from.get(path)!.values;
      const moved = values.reduce((most, v, i) => Math.max(most, Math.abs(v - before[i])), 0);
      expect(moved).toBeGreaterThan(2e-3);
      expect(moved).toBeLessThan(2e-2);
    }
  });

  test('learning far too fast trains on or ends with a line', async () => {
    const settings = [...LORA, 'lr=10', 'scale=10000', 'warmup=0'];
    const { code, err } = await train('fast', settings, '--json');
    if (code !== 0) expect(err.trimEnd().split('\n').at(-1)).toMatch(/^lacuna: step \d+ of \d+: the .* smaller lr/);
    expect([0, 2]).toContain(code);
  });

  test('an adapter of NaN is refused', async () => {
    await cp(at('whole/adapter'), at('poisoned'), { recursive: true });
    const file = at('poisoned/adapter_model.safetensors');
    const bytes = await readFile(file);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(file, bytes);
    const { code, err } = await train('of-nan', ['epochs=1'], '--adapter', at('poisoned'));
    expect(err).toMatch(/^lacuna: .*poisoned.*not finite/m);
    expect(code).toBe(2);
    expect(await readdir(root)).not.toContain('of-nan');
  });

  test('what holds something is refused without --resume, and --resume where there is no run', async () => {
    const again = await train('whole', LORA);
    expect(again).toMatchObject({
      code: 2,
      err: `lacuna: ${at('whole')}: holds a run: --resume goes on with it, --force begins anew\n`,
    });
    await mkdir(at('other'));
    await writeFile(at('other/letter.txt'), '');
    expect((await train('other', LORA)).err).toMatch(/is not empty: choose another folder, or --force\n$/);
    expect((await lacuna('train', '--resume', '--out', at('other'))).err).toMatch(/holds no run to resume\n$/);
    expect((await lacuna('train', '--resume', '--out', at('whole'), '--set', 'rank=8')).err).toMatch(
      /^lacuna: --set rank: a run goes on with rank=4; only lr, weightDecay, clip can change\n$/,
    );
    expect((await lacuna('train', '--resume', '--out', at('whole'), '--fold', '1')).err).toMatch(
      /^lacuna: --fold: a run goes on as it began/,
    );
    expect((await lacuna('train', '--resume', '--out', at('whole'), '--activations', 'int8')).err).toMatch(
      /^lacuna: --activations: a run goes on as it began/,
    );
    expect((await train('data', LORA, '--force')).err).toMatch(/is read from it: write to another folder\n$/);
  });

  test.each([
    [['--set', 'rank=0'], /--set rank=0: must be at least 1/],
    [['--set', 'lr=NaN'], /--set lr=NaN: must be a number/],
    [['--set', 'epoch=3'], /did you mean epochs\?/],
    [['--fold', '9'], /--fold 9: the data has the folds 0, 1, 2, 3, 4/],
    [['--set', 'batch=999'], /batch 999 is larger than the data, \d+ training rows/],
    [['--set', 'queryLength=99999', '--memory', '.001'], /the run needs .* GiB and there are 0\.00/],
    [['--adapter', 'nowhere'], /--set rank: is the adapter's own, and nowhere is trained on: leave it out/],
    [['--train', 'all', '--adapter', 'x'], /--train all takes no --adapter/],
    [['--train', 'all', '--activations', 'int8'], /--activations int8 is for int4 weights, which --train all does not/],
    [
      ['--activations', 'int8'],
      /--activations int8 needs subgroup matrices of i8, which .* does not have: leave it out/,
    ],
    [['--train', 'some'], /Allowed choices are lora, all/],
    [['--checkpoint-every', '0'], /must be a number of steps \(100\) or of minutes \(5m\)/],
    [['--input', 'x.csv'], /--input belongs to exp010_infer_gen/],
    [['--data', 'nowhere'], /nowhere: no such folder\. /],
  ])('%s', async (more, message) => {
    const { code, err } = await lacuna(...trainArgs(at('data'), at('refused'), LORA), ...more);
    expect(code).toBe(2);
    expect(err.trimEnd()).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(await readdir(root)).not.toContain('refused');
  });

  test('an adapter that is not there is named', async () => {
    const { code, err } = await train('refused', [], '--adapter', at('nowhere'));
    expect({ code, err }).toEqual({ code: 2, err: `lacuna: ${at('nowhere')}: no such folder\n` });
  });

  test('a label outside the taxonomy is named with its line', async () => {
    await cp(at('data'), at('mislabelled'), { recursive: true });
    const file = at('mislabelled/misconception_mapping.csv');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, [...lines.slice(0, 1), ...lines.slice(2)].join('\n'));
    const { code, err } = await lacuna(...trainArgs(at('mislabelled'), at('refused'), LORA));
    expect(code).toBe(2);
    expect(err).toMatch(/^lacuna: .*mislabelled\/train\.csv:\d+:Misconception[A-D]Id: .*\n$/);
  });
});
