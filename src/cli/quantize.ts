/** `lacuna quantize`: a model's weights in fewer bits, with what that costs by kind of tensor. */
import { stat } from 'node:fs/promises';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { nearLevels, type QuantizedClass, writeGgufModel } from '../convert/gguf_model.ts';
import { writeModelFolder } from '../convert/hf_folder.ts';
import { mergeAdapter } from '../convert/merge_adapter.ts';
import { openModelSource } from '../convert/model_source.ts';
import { weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { readAdapter } from '../formats/peft.ts';
import { locateModel } from './options.ts';
import { checkOutput, cleanUpOnInterrupt } from './output.ts';
import { type Progress, progress } from './progress.ts';
import { formatTable } from './table.ts';

interface QuantizeOptions {
  to: 'q4' | 'q8' | 'f16' | 'bf16';
  out: string;
  adapter?: string;
  embedding: 'q8' | 'f16';
  rounding: 'auto' | 'nearest' | 'stochastic';
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
      new Option('--rounding <how>', 'with q4: to the nearest level, to either by chance, or as suits the weights')
        .choices(['auto', 'nearest', 'stochastic'])
        .default('auto'),
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
onto them: what training changed is lost. Where --rounding auto sees that, it rounds by chance: a weight goes up as often
as it lies high between its two levels, the same way in every run. q8 is closer still.

The table says by kind of tensor how far the weights moved, relative to their size (root mean square).

Examples:
  lacuna quantize runs/all/model --to q4 --out model-q4.gguf
  lacuna quantize runs/all/model --to q8 --out model-q8.gguf
  lacuna quantize smollm2-135m --adapter runs/f0 --to q4 --out tuned-q4.gguf
  lacuna quantize model-q4.gguf --to f16 --out model-f16`,
    )
    .action(async (model: string, o: QuantizeOptions) => {
      const kind = isGguf(o) ? 'file' : 'folder';
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
  rounding?: 'nearest' | 'stochastic';
}

async function write(path: string, o: QuantizeOptions): Promise<Written> {
  const source = await openModelSource(path);
  const { checkpoint } = source;
  const adapter = o.adapter === undefined ? undefined : await readAdapter(o.adapter, checkpoint.config);
  let bar: Progress | undefined;
  const onProgress = (done: number, total: number) => {
    bar ??= progress('quantize', total, 'weights');
    bar.update(done);
  };
  try {
    const base = await weightsOf(checkpoint);
    const weights = adapter ? mergeAdapter(base, adapter) : base;
    if (isGguf(o)) {
      const embedding = o.embedding === 'q8' ? 'Q8_0' : 'F16';
      const linears = o.to === 'q8' ? 'Q8_0' : 'Q4_1';
      const near = o.to === 'q4' && o.rounding === 'auto' && (await nearLevels(weights));
      if (near)
        process.stderr.write(
          "the weights lie close to an int4 file's levels: rounding by chance, so that training is kept\n",
        );
      const rounding = o.rounding === 'auto' ? (near ? 'stochastic' : 'nearest') : o.rounding;
      const classes = await writeGgufModel(o.out, source, weights, { embedding, linears, rounding, onProgress });
      return { classes, rounding: o.to === 'q4' ? rounding : undefined };
    }
    await writeModelFolder(o.out, source, weights, { dtype: o.to.toUpperCase() as FloatDtype, onProgress });
    return { classes: new Map() };
  } finally {
    bar?.stop();
    await adapter?.close();
    await checkpoint.close();
  }
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
