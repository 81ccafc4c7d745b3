/** `lacuna quantize`: a model's weights in fewer bits, with what that costs by kind of tensor. */
import { stat } from 'node:fs/promises';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { type QuantizedClass, writeGgufModel } from '../convert/gguf_model.ts';
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
  to: 'q4' | 'f16' | 'bf16';
  out: string;
  adapter?: string;
  embedding: 'q8' | 'f16';
  force?: boolean;
  json?: boolean;
}

export function quantizeCommand(program: Command): void {
  program
    .command('quantize')
    .description('Write a model in fewer bits: int4 in a .gguf file, or 16 bits in safetensors.')
    .argument('<model>', 'a folder, a .gguf file or a name that `lacuna pull` knows')
    .addOption(
      new Option('--to <form>', 'q4: GGUF Q4_1; f16, bf16: a safetensors folder')
        .choices(['q4', 'f16', 'bf16'])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <path>', 'the .gguf file (q4) or folder (f16, bf16) to write')
    .option('--adapter <dir>', 'a PEFT LoRA adapter to merge into the weights first')
    .addOption(
      new Option('--embedding <form>', 'with q4: how embedding and head are stored')
        .choices(['q8', 'f16'])
        .default('q8'),
    )
    .option('--force', 'write over what is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
q4 stores each 32 weights of a linear as 16 levels between an f16 scale and offset (5 bits a weight),
both searched for by least squares; embedding and head take 8.5 bits a weight, norms and biases stay
f32. The tokenizer goes into the file. \`lacuna rank\`, transformers (gguf_file=) and llama.cpp open it.
The table says by kind of tensor how far the weights moved, relative to their size (root mean square).

Examples:
  lacuna quantize runs/all/model --to q4 --out model-q4.gguf
  lacuna quantize smollm2-135m --adapter runs/f0 --to q4 --out tuned-q4.gguf
  lacuna quantize model-q4.gguf --to f16 --out model-f16`,
    )
    .action(async (model: string, o: QuantizeOptions) => {
      const kind = o.to === 'q4' ? 'file' : 'folder';
      if (kind === 'file' && !o.out.endsWith('.gguf'))
        throw new UserError(`--out ${o.out}: q4 is written into one .gguf file: give it that ending`);
      const path = await locateModel(model);
      await checkOutput(o.out, kind, o.adapter === undefined ? [path] : [path, o.adapter], o.force);
      cleanUpOnInterrupt();
      const classes = await write(path, o);
      const { size } = await stat(o.to === 'q4' ? o.out : `${o.out}/model.safetensors`);
      if (o.json) {
        process.stdout.write(
          `${JSON.stringify({ model, to: o.to, out: o.out, bytes: size, classes: Object.fromEntries(classes) })}\n`,
        );
        return;
      }
      if (classes.size > 0) process.stdout.write(table(classes));
      process.stdout.write(`${o.out}: ${(size / 2 ** 20).toFixed(1)} MiB in ${o.to}\n`);
    });
}

async function write(path: string, o: QuantizeOptions): Promise<ReadonlyMap<string, QuantizedClass>> {
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
    if (o.to === 'q4') {
      const embedding = o.embedding === 'q8' ? 'Q8_0' : 'F16';
      return await writeGgufModel(o.out, source, weights, { embedding, onProgress });
    }
    await writeModelFolder(o.out, source, weights, { dtype: o.to.toUpperCase() as FloatDtype, onProgress });
    return new Map();
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
