/** `lacuna merge`: an adapter into its base, adapters into one, models into one. */
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AverageMethod, averageAdapters } from '../convert/average_adapters.ts';
import { writeModelFolder } from '../convert/hf_folder.ts';
import { mergeAdapter } from '../convert/merge_adapter.ts';
import { openModelSource } from '../convert/model_source.ts';
import { slerp } from '../convert/slerp.ts';
import { soup } from '../convert/soup.ts';
import { weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { type Adapter, readAdapter, writeAdapter } from '../formats/peft.ts';
import { fraction, locateModel } from './options.ts';
import { checkOutput, cleanUpOnInterrupt } from './output.ts';
import { type Progress, progress } from './progress.ts';

interface MergeOptions {
  out: string;
  adapter?: string;
  average?: string[];
  soup?: string[];
  slerp?: string[];
  weights?: number[];
  method?: AverageMethod;
  t?: number;
  dtype?: 'f16' | 'bf16' | 'f32';
  force?: boolean;
  json?: boolean;
}

export function mergeCommand(program: Command): void {
  program
    .command('merge')
    .description('Merge an adapter into its base model, several adapters into one, or several models into one.')
    .argument('[model]', 'with --adapter: the base, a folder, a .gguf file or a name that `lacuna pull` knows')
    .requiredOption('--out <dir>', 'the folder to write')
    .option('--adapter <dir>', 'a PEFT LoRA adapter, added into the model: W + s·B·A')
    .option('--average <dirs...>', 'two or more adapters of one base, averaged into one adapter')
    .option('--soup <models...>', 'two or more models of one shape, averaged weight by weight')
    .option('--weights <numbers...>', 'with --average or --soup: how much each counts, relative to their sum', weight)
    .addOption(new Option('--method <how>', 'with --average: concat (default) or mean').choices(['concat', 'mean']))
    .option('--slerp <models...>', 'two models of one shape, interpolated on the sphere tensor by tensor')
    .option('--t <t>', 'with --slerp: 0 is the first model, 1 the second (default: 0.5)', fraction)
    .addOption(
      new Option('--dtype <dtype>', 'of the weights of a merged model (default: f16)').choices(['f16', 'bf16', 'f32']),
    )
    .option('--force', 'write over what is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
A merged model is a folder that \`lacuna rank\` and transformers open: model.safetensors, config.json
and the tokenizer. int4 bases (GPTQ, AWQ, GGUF) are dequantised; \`lacuna quantize\` makes int4 again.

What an adapter adds is the product s·B·A. --method concat is the exact average of the products: the
matrices lie side by side, so the rank is the sum of the ranks. --method mean averages A with A and B
with B, as the published solution does: the rank stays, but (A1+A2)(B1+B2)/4 is not
(A1·B1+A2·B2)/2, so it is exact only for adapters that agree; it asks for equal ranks and modules.

--soup is the mean of models (Wortsman et al. 2022): runs from the same weights that differ by seed or settings
have a middle that mostly ranks better than any of them. Each is a model folder, such as RUN/model of \`lacuna train --train all\`.

--slerp takes each tensor along the arc between the two (Shoemake 1985); tensors that are nearly
parallel are taken along the straight line, which is then the same.

Examples:
  lacuna merge smollm2-135m --adapter runs/f0 --out merged
  lacuna merge --average runs/f0 runs/f1 runs/f2 --out averaged
  lacuna merge --average runs/f0 runs/f1 --weights 2 1 --method mean --out averaged
  lacuna merge --soup runs/1/model runs/2/model runs/3/model --out middle
  lacuna merge --slerp model-a model-b --t .3 --out between`,
    )
    .action(async (model: string | undefined, o: MergeOptions) => {
      const ways = [o.adapter, o.average, o.soup, o.slerp].map((way) => way !== undefined);
      if (ways.filter(Boolean).length !== 1)
        throw new UserError(
          'say what to merge with one of --adapter, --average, --soup and --slerp (lacuna merge --help)',
        );
      refuseStray(model, o);
      cleanUpOnInterrupt();
      const result = o.average ? await average(o, o.average) : await mergeModel(model, o);
      process.stdout.write(o.json ? `${JSON.stringify(result)}\n` : `${result.out}: ${describe(result)}\n`);
    });
}

/** UserError for an option that another way of merging would need. */
function refuseStray(model: string | undefined, o: MergeOptions): void {
  const stray = (given: unknown, option: string, way: string) => {
    if (given !== undefined) throw new UserError(`${option} says nothing without ${way} (lacuna merge --help)`);
  };
  if (!o.adapter) stray(model, `the model ${model}`, '--adapter');
  if (!o.average) stray(o.method, '--method', '--average');
  if (!o.average && !o.soup) stray(o.weights, '--weights', '--average or --soup');
  if (!o.slerp) stray(o.t, '--t', '--slerp');
  if (o.average) stray(o.dtype, '--dtype', '--adapter, --soup or --slerp');
}

type Result =
  | { out: string; kind: 'model'; from: string[]; dtype: string; parameters: number }
  | { out: string; kind: 'adapter'; from: string[]; method: AverageMethod; rank: number; modules: number };

const describe = (r: Result): string =>
  r.kind === 'model'
    ? `${(r.parameters / 1e6).toFixed(1)} million weights in ${r.dtype}, from ${r.from.join(' and ')}`
    : `${r.method} of ${r.from.length} adapters, rank ${r.rank}, ${r.modules} modules`;

async function mergeModel(model: string | undefined, o: MergeOptions): Promise<Result> {
  const names = o.slerp ?? o.soup ?? [model];
  if (o.slerp && o.slerp.length !== 2) throw new UserError(`--slerp takes two models; ${o.slerp.length} are given`);
  const shares = o.soup && sharesOf(o.soup, o.weights, '--soup', 'models');
  const paths: string[] = [];
  for (const name of names) {
    if (name === undefined)
      throw new UserError('the base model is missing: lacuna merge MODEL --adapter DIR --out DIR');
    paths.push(await locateModel(name));
  }
  const inputs = o.adapter === undefined ? paths : [...paths, o.adapter];
  await checkOutput(o.out, 'folder', inputs, o.force);
  const source = await openModelSource(paths[0]);
  const opened: { close(): Promise<void> }[] = [source.checkpoint];
  const dtype = o.dtype ?? 'f16';
  let bar: Progress | undefined;
  try {
    let weights = await weightsOf(source.checkpoint);
    if (o.adapter !== undefined) {
      const adapter = await readAdapter(o.adapter, source.checkpoint.config);
      opened.push(adapter);
      weights = mergeAdapter(weights, adapter);
    } else {
      const models = [source.checkpoint];
      for (const path of paths.slice(1)) {
        models.push(await openCheckpoint(path));
        opened.push(models.at(-1)!);
      }
      weights = shares ? await soup(models, shares) : await slerp(models[0], models[1], o.t ?? 0.5);
    }
    await writeModelFolder(o.out, source, weights, {
      dtype: dtype.toUpperCase() as FloatDtype,
      onProgress: (done, total) => {
        bar ??= progress('merge', total, 'weights');
        bar.update(done);
      },
    });
    return { out: o.out, kind: 'model', from: inputs, dtype, parameters: source.checkpoint.parameters() };
  } finally {
    bar?.stop();
    for (const file of opened) await file.close();
  }
}

async function average(o: MergeOptions, folders: readonly string[]): Promise<Result> {
  const { method = 'concat' } = o;
  const shares = sharesOf(folders, o.weights, '--average', 'adapters');
  await checkOutput(o.out, 'folder', folders, o.force);
  const adapters: Adapter[] = [];
  try {
    for (const folder of folders) adapters.push(await readAdapter(folder));
    const averaged = await averageAdapters(adapters, method, shares);
    await writeAdapter(o.out, averaged);
    const [{ r }] = averaged.modules.values();
    return { out: o.out, kind: 'adapter', from: [...folders], method, rank: r, modules: averaged.modules.size };
  } finally {
    for (const adapter of adapters) await adapter.close();
  }
}

/** What each of several counts, together 1. UserError where there are not two or more, or the weights do not fit them. */
function sharesOf(of: readonly string[], weights: readonly number[] | undefined, way: string, what: string): number[] {
  if (of.length < 2) throw new UserError(`${way} takes two or more ${what}; one is given`);
  if (weights && weights.length !== of.length)
    throw new UserError(`--weights are ${weights.length} numbers for ${of.length} ${what}`);
  const total = (weights ?? of.map(() => 1)).reduce((a, b) => a + b, 0);
  if (!(total > 0)) throw new UserError('--weights are all 0');
  return of.map((_, i) => (weights?.[i] ?? 1) / total);
}

/** For commander: gathers numbers of at least 0. */
function weight(text: string, before: number[] = []): number[] {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError('must be numbers of at least 0.');
  return [...before, value];
}
