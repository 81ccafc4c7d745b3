/** `lacuna train`: an experiment's recipe on your data, into a folder from which it can always go on. */
import { resolve } from 'node:path';
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../errors.ts';
import {
  type Experiment,
  experimentNamed,
  experiments,
  inferGen,
  PRESETS,
  type Preset,
  settingsOf,
} from '../exp/index.ts';
import { removeUnfinished } from '../formats/atomic_file.ts';
import { readAdapter } from '../formats/peft.ts';
import { TIERS, type Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { measureMatmul } from '../infer/measure.ts';
import { RunFolder } from '../train/run_folder.ts';
import { applySettings, type Settings } from '../train/settings.ts';
import { DEFAULT_KEEP_BYTES } from '../train/trainer.ts';
import { adapterLine } from './diagnosis.ts';
import { locateModel, natural, positive, size } from './options.ts';
import { clock } from './progress.ts';
import { rankSynthetic } from './train_infer.ts';
import { explanation, listing } from './train_list.ts';
import {
  configOf,
  jobOf,
  type OpenedJob,
  openJob,
  planJob,
  requireSame,
  runTraining,
  type TrainJob,
} from './train_run.ts';
import { JsonReporter, TerminalReporter } from './train_status.ts';

export interface TrainOptions {
  model?: string;
  data?: string;
  fold?: number;
  out?: string;
  preset?: Preset;
  train?: 'lora' | 'all';
  set?: string[];
  adapter?: string;
  withoutRationales?: boolean;
  resume?: boolean;
  force?: boolean;
  dryRun?: boolean;
  checkpointEvery: Interval;
  maxSteps?: number;
  profile?: boolean;
  activations?: 'int8';
  chunkTokens?: number;
  keepMemory?: number;
  memory?: number;
  tier?: Tier;
  input?: string;
  list?: boolean;
  json?: boolean;
}

/** How often a checkpoint is written. */
interface Interval {
  every: number;
  unit: 'steps' | 'minutes';
}

export function trainCommand(program: Command): void {
  program
    .command('train')
    .description('Train a retriever: LoRA on a frozen base, or all weights of a small model.')
    .argument('[experiment]', `${[...experiments, inferGen].map(({ name }) => name).join(', ')} (--list explains them)`)
    .option('--model <model>', 'a folder, a .gguf file, or a name that `lacuna pull` knows')
    .option('--data <dir>', 'a folder with train.csv, misconception_mapping.csv, and folds.csv, rationales.csv if any')
    .option('--fold <k>', 'the fold held out to measure with (default: none, train on all rows)', natural)
    .option('--out <dir>', 'the folder of the run')
    .addOption(new Option('--preset <preset>', 'settings to begin from (default: default)').choices(PRESETS))
    .addOption(new Option('--train <what>', 'lora (default), or all weights').choices(['lora', 'all']))
    .option('--set <name=value...>', 'change settings, such as lr=1e-3')
    .option('--adapter <dir>', 'train this PEFT LoRA adapter on, instead of a new one')
    .option('--without-rationales', 'leave rationales.csv out')
    .option('--resume', 'go on with the run in --out, exactly as if it had never stopped')
    .option('--force', 'begin anew over what --out holds')
    .option('--dry-run', 'print what the run would take, and stop')
    .addOption(
      new Option('--checkpoint-every <n>', 'so many steps (100) or minutes (5m)')
        .argParser(interval)
        .default({ every: 5, unit: 'minutes' }, '5m'),
    )
    .option('--max-steps <n>', 'stop after so many steps, as Ctrl-C would', positive)
    .option('--profile', 'at the end, say which kernels a step spends its GPU time in')
    .addOption(
      new Option(
        '--activations <form>',
        'int8: int4 layers multiply in 8 bits, forward and back, adapters in 16: faster where tensor cores take i8, and about 1 % of noise a product',
      ).choices(['int8']),
    )
    .option('--chunk-tokens <n>', 'tokens on the GPU at a time: fewer take less memory', positive)
    .option('--keep-memory <GiB>', 'memory that spares running layers again (default: 2)', gibibytes)
    .option('--memory <GiB>', 'refuse a run that takes more GPU memory than this', gibibytes)
    .addOption(new Option('--tier <tier>', 'default: the best here').choices(TIERS))
    .option('--input <file>', `with ${inferGen.name}: the CSV of synthetic questions`)
    .option('--list', 'explain the experiments and their settings')
    .option('--json', 'machine-readable output: a line of JSON a step and an epoch')
    .addHelpText(
      'after',
      `
The folder of a run:
  adapter/, adapter-best/      the last epoch's and the best one's PEFT adapter (model/ with --train all)
  val_pred.parquet             rankings of the held-out fold by the last epoch; val_pred-best.parquet
  summary.json, plot.svg       which epochs these are, with their scores; loss, learning rate and scores
  config.json, metrics.jsonl   all that was told; a line a step and an epoch
  checkpoint.safetensors       what --resume goes on from, with the same bits as if nothing had happened

The best epoch is the one with the best recall@25, then MAP@25, on the very fold that it is measured with:
an optimistic choice, as published. The last epoch is not chosen by anything.

Ctrl-C ends the step, writes a checkpoint and says how to go on. On --resume only lr, weightDecay and clip can be
--set anew, such as after a loss that became NaN.

Examples:
  lacuna train --list
  lacuna train exp010 --model smollm2-135m --data eedi --fold 0 --out runs/f0 --set lr=1e-3 epochs=4
  lacuna train exp010 --model smollm2-135m --data eedi --fold 0 --out runs/all --train all --set negatives=1024
  for s in 1 2 3 4; do lacuna train exp010 --model smollm2-135m --data eedi --train all --set seed=$s --out runs/$s; done
  lacuna merge --soup runs/[1-4]/model --out soup           # mostly ranks better than any of the four
  lacuna train exp012 --model qwen2.5-32b-gptq --data eedi --fold 0 --out runs/f0 --preset as-published --dry-run
  lacuna train --resume --out runs/f0
  lacuna train exp010_infer_gen --model smollm2-135m --adapter runs/f0/adapter --data eedi \\
    --input synthetic.csv --out candidates.parquet`,
    )
    .action(async (name: string | undefined, o: TrainOptions) => {
      if (o.list) {
        process.stdout.write(o.json ? `${JSON.stringify(listing())}\n` : explanation());
        return;
      }
      if (o.resume) return resume(name, o);
      if (name === undefined)
        throw new UserError('say what to train, such as exp010: `lacuna train --list` explains the experiments');
      const experiment = experimentNamed(name);
      if (experiment) return begin(experiment, o);
      await rankSynthetic(o);
    });
}

async function begin(experiment: Experiment, o: TrainOptions): Promise<void> {
  const { model, data, out } = o;
  if (model === undefined) throw new UserError('--model is missing: a folder, a .gguf file or a name');
  if (data === undefined)
    throw new UserError('--data is missing: a folder with train.csv and misconception_mapping.csv');
  if (out === undefined && !o.dryRun) throw new UserError('--out is missing: the folder of the run');
  if (o.input !== undefined) throw new UserError(`--input belongs to ${inferGen.name}`);
  const { train = 'lora', preset = 'default' } = o;
  const settings = applySettings(settingsOf(experiment, preset), o.set ?? []);
  if (train === 'all' && o.adapter !== undefined)
    throw new UserError(
      '--train all takes no --adapter: `lacuna merge` makes a model of both, to be trained as a whole',
    );
  if (train === 'all' && o.activations !== undefined)
    throw new UserError('--activations int8 is for int4 weights, which --train all does not train: leave it out');
  const job: TrainJob = {
    ...{ experiment: experiment.name, preset, train, model, modelPath: resolve(await locateModel(model)) },
    adapter: o.adapter === undefined ? undefined : resolve(o.adapter),
    data: resolve(data),
    ...{ fold: o.fold, withoutRationales: o.withoutRationales ?? false, tier: o.tier },
    ...{ activations: o.activations, chunkTokens: o.chunkTokens },
    ...limitsOf(o),
    settings: o.adapter === undefined ? settings : await settingsOfAdapter(o.adapter, settings, o.set ?? []),
  };
  const inputs = [job.modelPath, job.data, ...(job.adapter ? [job.adapter] : [])];
  if (out !== undefined) await RunFolder.check(out, inputs, o.force);
  const opened = await openJob(job);
  try {
    const gpu = await Gpu.open({ tier: o.tier });
    const plan = planJob(gpu, opened);
    if (out === undefined || o.dryRun) return await printPlan(gpu, opened, plan, o.json);
    if (job.fold === undefined && !o.json)
      process.stderr.write('no --fold: training on all rows, with none left to measure with\n');
    const folder = await RunFolder.create(out, configOf(opened, gpu, plan.chunkTokens, commandLine()));
    await trainInto(gpu, opened, folder, o);
  } finally {
    await opened.close();
  }
}

/** What can be told anew when a run goes on: nothing that its data order, its shapes or its schedule's length hang on. */
const CHANGEABLE: readonly (keyof Settings)[] = ['lr', 'weightDecay', 'clip'];

async function resume(name: string | undefined, o: TrainOptions): Promise<void> {
  if (o.out === undefined) throw new UserError('--resume: --out is missing: the folder of the run');
  const told = [
    'model',
    'data',
    'fold',
    'preset',
    'train',
    'adapter',
    'withoutRationales',
    'activations',
    'force',
    'dryRun',
    'input',
  ] as const;
  let folder = await RunFolder.open(o.out);
  const { config } = folder;
  for (const option of told) {
    const given = option === 'data' || option === 'adapter' ? o[option] && resolve(o[option]) : o[option];
    if (given !== undefined && given !== (config as Record<string, unknown>)[option])
      throw new UserError(
        `${flagOf(option)}: a run goes on as it began (${o.out}/config.json): leave it out with --resume`,
      );
  }
  if (name !== undefined && name !== config.experiment)
    throw new UserError(`${o.out}: is a run of ${config.experiment}, not of ${name}`);
  const settings = applySettings(config.settings, o.set ?? []);
  const changed = (Object.keys(settings) as (keyof Settings)[]).filter(
    (key) => `${settings[key]}` !== `${config.settings[key]}`,
  );
  const refused = changed.find((key) => !CHANGEABLE.includes(key));
  if (refused)
    throw new UserError(
      `--set ${refused}: a run goes on with ${refused}=${config.settings[refused]}; only ${CHANGEABLE.join(', ')} can change`,
    );
  const { chunkTokens = config.chunkTokens, tier = config.tier } = o;
  const amended = { ...config, settings, chunkTokens, tier };
  const opened = await openJob({ ...jobOf(amended), ...limitsOf(o) });
  try {
    requireSame(config, opened, o.out);
    const gpu = await Gpu.open({ tier });
    planJob(gpu, opened);
    if (changed.length || chunkTokens !== config.chunkTokens || gpu.caps.tier !== config.tier)
      process.stderr.write(
        'the run goes on otherwise than it began: its bits will not be those of one that never stopped\n',
      );
    folder = await RunFolder.amend(o.out, { ...amended, tier: gpu.caps.tier });
    await trainInto(gpu, opened, folder, o);
  } finally {
    await opened.close();
  }
}

/** Trains, and tells the end. */
async function trainInto(gpu: Gpu, opened: OpenedJob, folder: RunFolder, o: TrainOptions): Promise<void> {
  const reporter = o.json ? new JsonReporter() : new TerminalReporter();
  const { every, unit } = o.checkpointEvery;
  const interrupted = new AbortController();
  let code = 0;
  const listeners = (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).map(([signal, exitCode]) => {
    const listener = () => {
      if (code) {
        removeUnfinished();
        process.exit(exitCode);
      }
      code = exitCode;
      reporter.note('stopping after this step (again: at once, as of the last checkpoint)');
      interrupted.abort();
    };
    process.on(signal, listener);
    return [signal, listener] as const;
  });
  try {
    const result = await runTraining(gpu, opened, folder, {
      reporter,
      signal: interrupted.signal,
      due: (steps, seconds) => (unit === 'steps' ? steps >= every : seconds >= 60 * every),
      maxSteps: o.maxSteps,
      profile: o.profile,
    });
    reporter.finish(result, folder);
    if (!result.complete) {
      reporter.note(
        `stopped at step ${result.step} of ${result.steps}${result.step ? ', with a checkpoint' : ''}; to go on:\n  lacuna train --resume --out ${shellWord(folder.path)}`,
      );
      process.exitCode = code;
    }
  } finally {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  }
}

const limitsOf = ({ keepMemory, memory }: TrainOptions): Pick<TrainJob, 'keepBytes' | 'budget'> => ({
  keepBytes: keepMemory === undefined ? DEFAULT_KEEP_BYTES : keepMemory * 2 ** 30,
  budget: memory === undefined ? undefined : memory * 2 ** 30,
});

/** The settings with rank, alpha and targets as the adapter has them, which is trained on. */
async function settingsOfAdapter(folder: string, settings: Settings, told: readonly string[]): Promise<Settings> {
  const own = ['rank', 'alpha', 'rslora', 'targets'].find((name) => told.some((t) => t.split('=')[0].trim() === name));
  if (own) throw new UserError(`--set ${own}: is the adapter's own, and ${folder} is trained on: leave it out`);
  const adapter = await readAdapter(folder);
  await adapter.close();
  const { r, lora_alpha, use_rslora } = adapter.config;
  const targets = new Set([...adapter.modules.keys()].map((path) => path.split('.').at(-1)));
  return {
    ...settings,
    ...{ rank: r ?? 8, alpha: lora_alpha ?? 8, rslora: use_rslora ?? false },
    targets: settings.targets.filter((name) => targets.has(name)),
  };
}

async function printPlan(
  gpu: Gpu,
  { job, prepared }: OpenedJob,
  plan: ReturnType<typeof planJob>,
  json: boolean | undefined,
): Promise<void> {
  const { flops } = await measureMatmul(gpu);
  const seconds = plan.flops / flops;
  const { data, heldOut, cut, eedi } = prepared;
  if (json) {
    const { tier } = gpu.caps;
    const rows = { training: data.queries.length, heldOut: heldOut.length, cut };
    process.stdout.write(
      `${JSON.stringify({ ...plan, seconds, rows, tier, activations: job.activations ?? null, settings: job.settings })}\n`,
    );
    return;
  }
  const { bytes } = plan;
  const eight = job.activations === 'int8' ? ', products of the int4 base in 8 bits' : '';
  const how = job.train === 'all' ? 'all of them' : `LoRA of rank ${job.settings.rank}${eight}`;
  const memory: [string, number][] = [
    ['weights', bytes.weights],
    ['training state', bytes.training],
    ['activations', bytes.activations],
    ['layer inputs', bytes.layerInputs],
    ['kept', bytes.kept],
    ['ranking', bytes.ranking],
  ];
  const lines: [string, string][] = [
    ['adapter', adapterLine(gpu.description, gpu.caps.tier)],
    ['parameters', `${millions(plan.parameters)}, trained ${millions(plan.trained)}: ${how}`],
    [
      'data',
      `${data.queries.length} rows to train on, ${heldOut.length} held out, ${eedi.taxonomy.ids.length} misconceptions; ${cut.queries} queries and ${cut.passages} names are cut`,
    ],
    ['steps', `${plan.steps}: ${job.settings.epochs} epochs of ${plan.stepsPerEpoch}`],
    [
      'a step',
      `${job.settings.batch} queries, up to ${plan.passages} passages, about ${plan.tokensPerStep} tokens, ${plan.chunks.toFixed(1)} chunks of up to ${plan.chunkTokens}`,
    ],
    ['GPU memory', `${size(bytes.total)}: ${memory.map(([name, n]) => `${name} ${size(n)}`).join(', ')}`],
    ['arithmetic', `${(plan.flops / 1e12).toPrecision(3)} TFLOP`],
    ['time', `about ${clock(seconds)} at the matmul rate measured now; a real run reaches a part of it`],
  ];
  for (const [name, text] of lines) process.stdout.write(`${name.padEnd(12)} ${text}\n`);
}

const millions = (n: number): string => (n < 1e5 ? `${n}` : `${(n / 1e6).toFixed(1)} million`);

/** For commander: 100, 100steps, 5m, 5 minutes. */
function interval(text: string): Interval {
  const match = /^(\d+)\s*(steps?|m|min|minutes?)?$/.exec(text.trim());
  if (!match || Number(match[1]) < 1)
    throw new InvalidArgumentError('must be a number of steps (100) or of minutes (5m).');
  return { every: Number(match[1]), unit: match[2]?.startsWith('m') ? 'minutes' : 'steps' };
}

function gibibytes(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError('must be a number of GiB.');
  return value;
}

/** The option as it is typed. */
const flagOf = (option: string): string => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const commandLine = (): string => ['lacuna', ...process.argv.slice(2).map(shellWord)].join(' ');

/** A word as a shell reads it back. */
const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
