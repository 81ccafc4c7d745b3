/** `lacuna quantize`: a model's weights in fewer bits, with what that costs by kind of tensor. */
import { stat } from 'node:fs/promises';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { calibration, calibrationTexts } from '../convert/calibration.ts';
import {
  type QuantizeOptions as ModelOptions,
  nearLevels,
  type QuantizedClass,
  writeGgufModel,
} from '../convert/gguf_model.ts';
import { writeModelFolder } from '../convert/hf_folder.ts';
import { mergeAdapter } from '../convert/merge_adapter.ts';
import { openModelSource } from '../convert/model_source.ts';
import { weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { type Adapter, readAdapter } from '../formats/peft.ts';
import type { Checkpoint } from '../formats/stored.ts';
import { TIERS, type Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { DEFAULT_MAX_LENGTH } from '../infer/embedder.ts';
import { attachAdapter } from '../model/adapter.ts';
import { loadModel } from '../model/load.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { prepareData } from '../train/data.ts';
import { locateModel, natural, positive } from './options.ts';
import { checkOutput, cleanUpOnInterrupt } from './output.ts';
import { turns } from './progress.ts';
import { formatTable } from './table.ts';

interface QuantizeOptions {
  to: 'q4' | 'q8' | 'f16' | 'bf16';
  out: string;
  adapter?: string;
  embedding: 'q8' | 'f16';
  rounding?: 'nearest' | 'stochastic';
  calibrate?: string;
  calibrationTokens: number;
  fold?: number;
  tier?: Tier;
  force?: boolean;
  json?: boolean;
}

export function quantizeCommand(program: Command): void {
  program
    .command('quantize')
    .description('Write a model in fewer bits: int4 or int8 in a .gguf file, or 16 bits in safetensors.')
    .argument('<model>', 'a folder, a .gguf file or a name that `lacuna pull` knows')
    .addOption(
      new Option('--to <form>', 'q4: GGUF Q4_1; q8: GGUF Q8_0; f16, bf16: a safetensors folder')
        .choices(['q4', 'q8', 'f16', 'bf16'])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <path>', 'the .gguf file (q4, q8) or folder (f16, bf16) to write')
    .option('--adapter <dir>', 'a PEFT LoRA adapter to merge into the weights first')
    .addOption(
      new Option('--embedding <form>', 'with q4 and q8: how embedding and head are stored')
        .choices(['q8', 'f16'])
        .default('q8'),
    )
    .addOption(
      new Option('--calibrate <dir>', "with q4: round with regard to what the linears read of this data's texts"),
    )
    .option('--calibration-tokens <n>', 'tokens of texts to calibrate with', positive, 32768)
    .option('--fold <n>', 'leave this fold of the data out of the calibration', natural)
    .addOption(new Option('--tier <tier>', 'of the GPU to calibrate on (default: the best here)').choices(TIERS))
    .addOption(
      new Option(
        '--rounding <how>',
        'with q4, uncalibrated: nearest level, or either by chance (default: as suits the weights)',
      )
        .choices(['nearest', 'stochastic'])
        .conflicts('calibrate'),
    )
    .option('--force', 'write over what is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
q4 stores each 32 weights of a linear as 16 levels between an f16 scale and offset (5 bits a weight),
both searched for by least squares; embedding and head take 8.5 bits a weight, norms and biases stay
f32. The tokenizer goes into the file. \`lacuna rank\`, transformers (gguf_file=) and llama.cpp open it.
q8 takes 8.5 bits a weight throughout.

A model that was trained from an int4 file lies close to that file's levels, and rounding to the nearest puts it back
onto them: what training changed is lost. Weights that lie so are rounded by chance: up as often as a weight lies high
between two, the same way in every run. SmolLM2, all its weights trained, kept .442 of MAP@25 .444.

--calibrate is GPTQ, which lets each weight make up for the errors of those before it, as far as the texts of a data folder
(train.csv, misconception_mapping.csv) tell what they are multiplied by: for weights that come from 16 bits. Of those that
were trained from int4 it keeps less than chance (.287 of the same .444). It runs the model on the GPU, and then takes a
minute for a hundred million weights on one core.

The table says by kind of tensor how far the weights moved, relative to their size (root mean square).

Examples:
  lacuna quantize runs/all/model --to q4 --out model-q4.gguf
  lacuna quantize qwen2.5-0.5b-f16 --to q4 --calibrate eedi --out model-q4.gguf
  lacuna quantize runs/all/model --to q8 --out model-q8.gguf
  lacuna quantize smollm2-135m --adapter runs/f0 --to q4 --out tuned-q4.gguf
  lacuna quantize model-q4.gguf --to f16 --out model-f16`,
    )
    .action(async (model: string, o: QuantizeOptions) => {
      const kind = isGguf(o) ? 'file' : 'folder';
      if (o.to !== 'q4' && (o.calibrate ?? o.rounding) !== undefined)
        throw new UserError(
          `--${o.calibrate === undefined ? 'rounding' : 'calibrate'} is for --to q4: ${o.to} needs none`,
        );
      if (o.fold !== undefined && o.calibrate === undefined) throw new UserError('--fold is for --calibrate');
      if (kind === 'file' && !o.out.endsWith('.gguf'))
        throw new UserError(`--out ${o.out}: ${o.to} is written into one .gguf file: give it that ending`);
      const path = await locateModel(model);
      await checkOutput(o.out, kind, o.adapter === undefined ? [path] : [path, o.adapter], o.force);
      cleanUpOnInterrupt();
      const { classes, rounding } = await write(path, o);
      const { size } = await stat(isGguf(o) ? o.out : `${o.out}/model.safetensors`);
      if (o.json) {
        process.stdout.write(
          `${JSON.stringify({ model, to: o.to, out: o.out, bytes: size, classes: Object.fromEntries(classes), rounding })}\n`,
        );
        return;
      }
      if (classes.size > 0) process.stdout.write(table(classes));
      process.stdout.write(`${o.out}: ${(size / 2 ** 20).toFixed(1)} MiB in ${o.to}\n`);
    });
}

const isGguf = ({ to }: QuantizeOptions) => to === 'q4' || to === 'q8';

interface Written {
  classes: ReadonlyMap<string, QuantizedClass>;
  /** How int4 was rounded. */
  rounding?: 'nearest' | 'stochastic' | 'calibrated';
}

async function write(path: string, o: QuantizeOptions): Promise<Written> {
  const source = await openModelSource(path);
  const { checkpoint } = source;
  const adapter = o.adapter === undefined ? undefined : await readAdapter(o.adapter, checkpoint.config);
  const bars = turns();
  const onProgress = bars.of('quantize', 'weights');
  try {
    const base = await weightsOf(checkpoint);
    const weights = adapter ? mergeAdapter(base, adapter) : base;
    if (!isGguf(o)) {
      await writeModelFolder(o.out, source, weights, { dtype: o.to.toUpperCase() as FloatDtype, onProgress });
      return { classes: new Map() };
    }
    const embedding = o.embedding === 'q8' ? 'Q8_0' : 'F16';
    const written = async (options: Pick<ModelOptions, 'linears' | 'rounding' | 'calibration'>) =>
      writeGgufModel(o.out, source, weights, { embedding, onProgress, ...options });
    if (o.to === 'q8') return { classes: await written({ linears: 'Q8_0' }) };
    const near = o.rounding === undefined && (await nearLevels(weights));
    if (o.calibrate !== undefined) {
      if (near)
        process.stderr.write(
          "the weights lie close to an int4 file's levels: without --calibrate they are rounded by chance, which keeps more of their training\n",
        );
      const { calibration, close } = await calibrated(checkpoint, adapter, o, bars.of('calibrate', 'tokens'));
      try {
        return { classes: await written({ calibration }), rounding: 'calibrated' };
      } finally {
        close();
      }
    }
    if (near)
      process.stderr.write(
        "the weights lie close to an int4 file's levels: rounding by chance, so that training is kept\n",
      );
    const rounding = o.rounding ?? (near ? 'stochastic' : 'nearest');
    return { classes: await written({ rounding }), rounding };
  } finally {
    bars.stop();
    await adapter?.close();
    await checkpoint.close();
  }
}

/** The model on the GPU, with its adapter, and the texts that it is to be calibrated with. */
async function calibrated(
  checkpoint: Checkpoint,
  adapter: Adapter | undefined,
  o: QuantizeOptions,
  onProgress: (done: number, total: number) => void,
) {
  const { maxPositions } = checkpoint.config;
  const length = Math.min(DEFAULT_MAX_LENGTH, maxPositions);
  const lengths = { queryLength: length, passageLength: length, evalLength: length };
  const { data } = await prepareData(o.calibrate!, tokenizerOf(checkpoint), lengths, { fold: o.fold, maxPositions });
  const texts = calibrationTexts(data, o.calibrationTokens);
  const gpu = await Gpu.open({ tier: o.tier });
  const model = await loadModel(gpu, checkpoint);
  if (adapter) await attachAdapter(gpu, model, adapter);
  return { calibration: calibration(gpu, model, texts, { onProgress }), close: () => gpu.close() };
}

function table(classes: ReadonlyMap<string, QuantizedClass>): string {
  return formatTable([
    ['tensor', 'type', 'count', 'weights', 'MiB', 'rms error'],
    ...[...classes].map(([name, { type, tensors, parameters, bytes, relativeRms }]) => [
      name,
      type,
      `${tensors}`,
      `${parameters}`,
      (bytes / 2 ** 20).toFixed(2),
      `${(100 * relativeRms).toFixed(2)} %`,
    ]),
  ]);
}
