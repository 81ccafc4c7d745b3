/** `lacuna export`: a retriever as a folder for sentence-transformers. */
import process from 'node:process';
import { type Command, Option } from 'commander';
import { mergeAdapter } from '../convert/merge_adapter.ts';
import { openModelSource } from '../convert/model_source.ts';
import { writeSentenceTransformers } from '../convert/sentence_transformers.ts';
import { weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { readAdapter } from '../formats/peft.ts';
import { DEFAULT_MAX_LENGTH, type Pooling } from '../infer/embedder.ts';
import { locateModel, positive } from './options.ts';
import { checkOutput, cleanUpOnInterrupt } from './output.ts';
import { type Progress, progress } from './progress.ts';

interface ExportOptions {
  sentenceTransformers?: boolean;
  model: string;
  adapter?: string;
  out: string;
  pooling: Pooling;
  maxLength: number;
  dtype: 'f16' | 'bf16' | 'f32';
  force?: boolean;
  json?: boolean;
}

export function exportCommand(program: Command): void {
  program
    .command('export')
    .description('Write a retriever as a folder that other libraries load.')
    .option('--sentence-transformers', 'for SentenceTransformer(path), which gives the vectors of `lacuna embed`')
    .requiredOption('--model <model>', 'a folder, a .gguf file, or a name that `lacuna pull` knows')
    .option('--adapter <dir>', 'a PEFT LoRA adapter, merged into the weights')
    .requiredOption('--out <dir>', 'the folder to write')
    .addOption(new Option('--pooling <how>', 'last or mean').choices(['last', 'mean']).default('last'))
    .option('--max-length <n>', 'tokens beyond this are dropped at the end', positive, DEFAULT_MAX_LENGTH)
    .addOption(new Option('--dtype <dtype>', 'of the weights').choices(['f16', 'bf16', 'f32']).default('f16'))
    .option('--force', 'write over what is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
The folder holds the merged model, the tokenizer (which adds no special tokens, as lacuna), last-token
pooling, normalisation, and the prompt "query". In Python:
  model = SentenceTransformer("retriever")
  model.encode(" <Question> What is 1/2 + 1/3? <Correct Answer> 5/6 …", prompt_name="query")
  model.encode("Adds the denominators when adding fractions")

Examples:
  lacuna export --sentence-transformers --model smollm2-135m --adapter runs/f0 --out retriever
  lacuna export --sentence-transformers --model runs/all/model --dtype f32 --out retriever`,
    )
    .action(async (o: ExportOptions) => {
      if (!o.sentenceTransformers)
        throw new UserError('say what to export for: --sentence-transformers (lacuna export --help)');
      const path = await locateModel(o.model);
      await checkOutput(o.out, 'folder', o.adapter === undefined ? [path] : [path, o.adapter], o.force);
      cleanUpOnInterrupt();
      const dimensions = await write(path, o);
      const { model, adapter = null, out, pooling, maxLength, dtype } = o;
      const result = { model, adapter, out, dimensions, pooling, maxLength, dtype };
      process.stdout.write(
        o.json
          ? `${JSON.stringify(result)}\n`
          : `${out}: SentenceTransformer("${out}") gives ${dimensions} dimensions, ${pooling} pooling, ${maxLength} tokens, ${dtype}\n`,
      );
    });
}

/** Writes the folder and gives the size of a vector. */
async function write(path: string, o: ExportOptions): Promise<number> {
  const source = await openModelSource(path);
  const { checkpoint } = source;
  let bar: Progress | undefined;
  try {
    let weights = await weightsOf(checkpoint);
    const adapter = o.adapter === undefined ? undefined : await readAdapter(o.adapter, checkpoint.config);
    if (adapter) weights = mergeAdapter(weights, adapter);
    await writeSentenceTransformers(o.out, source, weights, {
      dtype: o.dtype.toUpperCase() as FloatDtype,
      pooling: o.pooling,
      maxLength: o.maxLength,
      onProgress: (done, total) => {
        bar ??= progress('export', total, 'weights');
        bar.update(done);
      },
    });
    await adapter?.close();
    return checkpoint.config.hiddenSize;
  } finally {
    bar?.stop();
    await checkpoint.close();
  }
}
