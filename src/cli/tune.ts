/** `lacuna tune`: every plan of a model's linear layers measured on this GPU, and the fastest kept for `--tuned`. */
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { planName, tuningKey } from '../../kernels/linear/linear.candidates.ts';
import { candidates, plan } from '../../kernels/linear/linear.product.ts';
import type { LinearShape } from '../../kernels/linear/linear.types.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { readAdapter } from '../formats/peft.ts';
import { TIERS, type Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { batchTokensFor, DEFAULT_MAX_LENGTH } from '../infer/embedder.ts';
import { attachAdapter } from '../model/adapter.ts';
import { loadModel } from '../model/load.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import { freeModel, type ModelWeights } from '../model/weights.ts';
import { linearShapes, withoutMemory } from '../tuning/shapes.ts';
import { type Measured, measurePlans } from '../tuning/trial.ts';
import { newTuning, readTuning, type TuningFile, tuningPath, writeTuning } from '../tuning/tuning_file.ts';
import { locateModel, positive } from './options.ts';
import { progress } from './progress.ts';
import { stopSignal } from './stop_signal.ts';
import { formatTable } from './table.ts';

interface Options {
  model?: string;
  shape?: string;
  adapter?: string;
  quantize?: 'q4';
  maxLength: number;
  batchTokens?: number;
  rows?: number[];
  tier?: Tier;
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function tuneCommand(program: Command): void {
  program
    .command('tune')
    .description('Measure which kernel suits each linear layer of a model on this GPU, for --tuned to use.')
    .option('--model <model>', 'a folder, a .gguf file, pocket, or a name that `lacuna pull` knows')
    .option('--shape <text>', 'instead: published shapes whose names contain this, with int4 weights, e.g. 7B')
    .option('--adapter <dir>', 'a PEFT LoRA adapter for the model')
    .addOption(new Option('--quantize <form>', 'as for `embed`').choices(['q4']))
    .option('--max-length <n>', 'as for `embed`', positive, DEFAULT_MAX_LENGTH)
    .option('--batch-tokens <n>', 'as for `embed`', positive)
    .option('--rows <list>', 'other numbers of rows too, such as 1,4,16,64', rowsList)
    .addOption(new Option('--tier <tier>', 'default: the best here').choices(TIERS))
    .option('--force', 'measure again what was measured before')
    .option('--dry-run', 'print what would be measured, and stop')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
lacuna picks kernels by what was measured on a few machines. This measures them on yours: each plan that fits a layer
computes it once, is compared with the usual plan's result, and is timed. A plan that is more than 3 % faster is kept,
in tuning/ beside the models, for this GPU, driver, tier and version of lacuna. Nothing uses it but \`rank\`, \`embed\`
and \`bench\` with --tuned, whose numbers may then differ from the usual ones by rounding.

A layer is tuned for the most rows that a batch may have: --max-length, --batch-tokens, --adapter and --quantize must be
those that \`rank\` or \`embed\` is given. \`bench --forward\` has batches of 2304 rows and others.
Ctrl-C keeps what was measured so far; the command goes on from there when it is run again.

Examples:
  lacuna tune --model smollm2-135m
  lacuna embed --model smollm2-135m --tuned --input texts.jsonl --out emb.npy
  lacuna tune --shape 7B --rows 1,4,16,64 --dry-run`,
    )
    .action(tune);
}

function rowsList(text: string): number[] {
  const rows = text.split(',').map(Number);
  if (!rows.every((n) => Number.isSafeInteger(n) && n >= 1))
    throw new InvalidArgumentError('must be whole numbers of at least 1 with commas between, such as 1,4,16.');
  return rows;
}

async function tune(o: Options): Promise<void> {
  if ((o.model === undefined) === (o.shape === undefined))
    throw new UserError('give one of: --model with a model; --shape with a published shape, such as 7B');
  if (o.shape !== undefined && (o.adapter !== undefined || o.quantize))
    throw new UserError('--adapter and --quantize go with --model');
  const gpu = await Gpu.open({ tier: o.tier });
  const path = tuningPath(gpu);
  const known = await readTuning(path).catch((error: unknown) => {
    if (o.force && error instanceof UserError) return undefined;
    throw error;
  });
  const file = known ?? newTuning(gpu);
  const shapes = await wanted(gpu, o);
  if (o.dryRun) return printPlanned(gpu, shapes, o.json);
  const of = new Set(shapes.map(tuningKey));
  const kept = (o.force ? [] : file.shapes).filter(({ shape }) => of.has(tuningKey(shape)));
  const before = new Set(kept.map(({ shape }) => tuningKey(shape)));
  const left = shapes.filter((s) => !before.has(tuningKey(s)));
  await measureAll(gpu, left, file, path);
  print(
    file.shapes.filter(({ shape }) => of.has(tuningKey(shape))),
    path,
    o.json,
  );
  gpu.close();
}

/** The distinct shapes of all models asked for, at every number of rows. */
async function wanted(gpu: Gpu, o: Options): Promise<LinearShape[]> {
  const shapes = new Map<string, LinearShape>();
  const add = (model: ModelWeights) => {
    const batch = batchTokensFor(gpu, model.config, o.maxLength, o.batchTokens);
    for (const rows of new Set([batch, ...(o.rows ?? [])]))
      for (const s of linearShapes(gpu, model, rows)) shapes.set(tuningKey(s), s);
  };
  if (o.shape !== undefined) {
    const named = Object.entries(SHAPES).filter(([name]) => name.includes(o.shape!));
    if (!named.length)
      throw new UserError(`--shape ${o.shape}: no such model; there are ${Object.keys(SHAPES).join(', ')}`);
    // As `bench --forward` and `bench --step` make them; all layers are alike.
    for (const [, config] of named)
      add(syntheticModel(withoutMemory(gpu), { ...config, layers: 1 }, config.hiddenSize % 128 ? 32 : 128));
    return [...shapes.values()];
  }
  const checkpoint = await openCheckpoint(await locateModel(o.model!));
  let bar: ReturnType<typeof progress> | undefined;
  try {
    const adapter = o.adapter === undefined ? undefined : await readAdapter(o.adapter);
    const model = await loadModel(gpu, checkpoint, {
      quantize: o.quantize,
      onProgress: (done, total) => {
        bar ??= progress('load', total, 'B');
        bar.update(done);
      },
    });
    if (adapter) {
      await attachAdapter(gpu, model, adapter);
      await adapter.close();
    }
    add(model);
    freeModel(gpu, model);
  } finally {
    bar?.stop();
    await checkpoint.close();
  }
  return [...shapes.values()];
}

/** Measures shapes one after the other into `file`, which is written after each. */
async function measureAll(gpu: Gpu, shapes: readonly LinearShape[], file: TuningFile, path: string): Promise<void> {
  const total = shapes.reduce((n, s) => n + candidates(gpu.caps, s).length, 0);
  const bar = progress('tune', total, 'plans');
  let [done, measured] = [0, 0];
  const stop = stopSignal();
  try {
    for (const s of shapes) {
      const found = await measurePlans(gpu, s, {
        onPlan: () => bar.update(++done),
        onRefused: (name, reason) => process.stderr.write(`${describe(s)}: ${name} is not used: ${reason}\n`),
        stopped: () => stop.asked,
      });
      if (!found) break;
      const others = file.shapes.filter(({ shape }) => tuningKey(shape) !== tuningKey(s));
      file.shapes = [...others, found as TuningFile['shapes'][number]];
      await writeTuning(path, file);
      measured++;
    }
  } finally {
    bar.stop();
    stop.release();
  }
  if (stop.asked)
    process.stderr.write(
      `stopped: ${measured} of ${shapes.length} shapes were measured and kept; run it again to go on\n`,
    );
}

const describe = ({ M, N, K, kind, group, meta, w, x, y, update }: LinearShape): string =>
  [
    `M=${M} N=${N} K=${K}`,
    kind === 'q4' ? `${meta} g=${group}` : w,
    `${x}->${y}`,
    update && `with ${update.widths?.length ?? 1} x rank ${update.rank}`,
  ]
    .filter(Boolean)
    .join(' ');

function printPlanned(gpu: Gpu, shapes: readonly LinearShape[], json = false): void {
  const planned = shapes.map((shape) => {
    const names = candidates(gpu.caps, shape).map(planName);
    return { shape, static: planName(plan(gpu.caps, shape)), plans: names };
  });
  if (json) {
    process.stdout.write(`${JSON.stringify({ shapes: planned })}\n`);
    return;
  }
  const rows = planned.map((p) => [describe(p.shape), p.static, `${p.plans.length}`]);
  process.stdout.write(formatTable([['shape', 'static plan', 'plans'], ...rows], [0, 1]));
}

function print(shapes: readonly Measured[], path: string, json = false): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ file: path, shapes })}\n`);
    return;
  }
  const us = (ns: number) => (ns / 1e3).toFixed(1);
  const rows = shapes.map((m) => {
    const gain = m.plan === m.static ? 'none' : `${(100 * (m.staticNs / m.ns - 1)).toFixed(0)} %`;
    return [describe(m.shape), m.static, us(m.staticNs), m.plan, us(m.ns), gain];
  });
  process.stdout.write(formatTable([['shape', 'static plan', 'µs', 'best plan', 'µs', 'gain'], ...rows], [0, 1, 3]));
  process.stdout.write(`${path}\n`);
}
