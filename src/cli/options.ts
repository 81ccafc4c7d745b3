/** What `embed` and `rank` share: the options that pick a model, and the way to a ready embedder. */
import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { pull, resolveModel } from '../formats/hub.ts';
import type { Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { batchTokensFor, DEFAULT_MAX_LENGTH, type Embedder, type Pooling, requireInt8 } from '../infer/embedder.ts';
import { type Estimate, estimate } from '../infer/estimate.ts';
import { measureMatmul } from '../infer/measure.ts';
import { openEmbedder } from '../model/open.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { useTuning } from '../tuning/tuning_file.ts';
import { progress } from './progress.ts';

export interface ModelOptions {
  model: string;
  adapter?: string;
  maxLength: number;
  pooling: Pooling;
  batchTokens?: number;
  quantize?: 'q4';
  activations?: 'int8';
  tier?: Tier;
  tuned?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** A whole number of at least 1, for commander. */
export function positive(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('must be a whole number of at least 1.');
  return n;
}

/** A whole number from 0, for commander. */
export function natural(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw new InvalidArgumentError('must be a whole number.');
  return n;
}

/** A number from 0 to 1, for commander. */
export function fraction(text: string): number {
  const x = Number(text);
  if (text.trim() === '' || !(x >= 0 && x <= 1)) throw new InvalidArgumentError('must be from 0 to 1.');
  return x;
}

const oneOf =
  <T extends string>(...allowed: T[]) =>
  (text: string): T => {
    if (!allowed.includes(text as T)) throw new InvalidArgumentError(`must be one of ${allowed.join(', ')}.`);
    return text as T;
  };

export function modelOptions(command: Command): Command {
  return command
    .requiredOption(
      '--model <model>',
      'a folder, a .gguf file, pocket (which comes along), or a name that `lacuna pull` knows',
    )
    .option('--adapter <dir>', 'a PEFT LoRA adapter for it')
    .option('--max-length <n>', 'tokens beyond this are dropped at the end', positive, DEFAULT_MAX_LENGTH)
    .option('--pooling <how>', 'last or mean', oneOf('last', 'mean'), 'last')
    .option('--batch-tokens <n>', 'tokens a batch (default: what this GPU does best with)', positive)
    .option('--quantize <form>', 'q4: quantise weights that are stored dense to int4 while loading', oneOf('q4'))
    .option(
      '--activations <form>',
      'int8: int4 layers multiply in 8 bits, activations and weights, with a scale a row: faster for many texts where tensor cores take i8, and 1 % of noise a product, 3 where a few channels are large: check with `lacuna eval`',
      oneOf('int8'),
    )
    .option(
      '--tier <tier>',
      'matrix, subgroup or portable (default: the best here)',
      oneOf('matrix', 'subgroup', 'portable'),
    )
    .option('--tuned', 'use the kernels that `lacuna tune` found fastest for this model on this GPU')
    .option('--dry-run', 'print what the job would take, and stop')
    .option('--json', 'machine-readable output');
}

/** The model's place on disk; a known name that is not here yet is pulled first. */
export async function locateModel(name: string): Promise<string> {
  try {
    return await resolveModel(name);
  } catch (error) {
    if (!(error instanceof UserError) || name.includes('/') || name.includes('.')) throw error;
  }
  process.stderr.write(`${name} is not here yet: pulling it\n`);
  let bar: ReturnType<typeof progress> | undefined;
  await pull(name, {
    onProgress: (done, total) => {
      bar ??= progress('download', total, 'B');
      bar.update(done);
    },
  });
  bar?.stop();
  return resolveModel(name);
}

/** Opens the GPU and the model, with progress. */
export async function readyEmbedder(path: string, o: ModelOptions): Promise<Embedder> {
  const gpu = await Gpu.open({ tier: o.tier });
  const tuning = o.tuned ? await useTuning(gpu) : undefined;
  const bars: Partial<Record<string, ReturnType<typeof progress>>> = {};
  const units = { load: 'B', compile: 'pipelines' };
  const embedder = await openEmbedder(gpu, path, {
    ...o,
    onProgress: (phase, done, total) => {
      bars[phase] ??= progress(phase, total, units[phase]);
      bars[phase].update(done);
      if (done === total) bars[phase].stop();
    },
  });
  if (tuning && tuning.found.size < tuning.asked.size)
    process.stderr.write(
      `${tuning.found.size} of ${tuning.asked.size} linear shapes of this model are tuned for batches of ${embedder.batchTokens} tokens: \`lacuna tune\` with the same options measures the others\n`,
    );
  return embedder;
}

/** Embeds with a progress bar over tokens. */
export async function embedWithProgress(
  embedder: Embedder,
  texts: readonly string[],
  label: string,
): Promise<Float32Array> {
  let bar: ReturnType<typeof progress> | undefined;
  const vectors = await embedder.embed(texts, (done, total) => {
    bar ??= progress(label, total, 'tokens');
    bar.update(done);
  });
  bar?.stop();
  return vectors;
}

/** What embedding `texts` would take here, without loading a weight. The time follows from this GPU's measured matmul rate. */
export async function dryRun(
  path: string,
  texts: readonly string[],
  o: ModelOptions,
): Promise<Estimate & { seconds: number; tier: Tier; adapter: string }> {
  const gpu = await Gpu.open({ tier: o.tier });
  if (o.activations === 'int8') requireInt8(gpu);
  const checkpoint = await openCheckpoint(path);
  try {
    const tokenizer = tokenizerOf(checkpoint);
    const lengths = texts.map((text) => tokenizer.encode(text, o.maxLength).length);
    const batchTokens = batchTokensFor(gpu, checkpoint.config, o.maxLength, o.batchTokens);
    const int8 = o.activations === 'int8';
    const e = estimate(checkpoint, gpu.caps, { lengths, batchTokens, quantize: o.quantize === 'q4', int8 });
    const { flops } = await measureMatmul(gpu);
    return {
      ...e,
      seconds: e.flops / flops,
      tier: gpu.caps.tier,
      adapter: gpu.description.description || gpu.description.device,
    };
  } finally {
    await checkpoint.close();
  }
}

export const size = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export function printEstimate(e: Awaited<ReturnType<typeof dryRun>>, json: boolean | undefined): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(e)}\n`);
    return;
  }
  const { bytes } = e;
  process.stdout.write(
    [
      `adapter      ${e.adapter} (${e.tier})`,
      `parameters   ${(e.parameters / 1e6).toFixed(1)} million`,
      `texts        ${e.texts}, ${e.tokens} tokens, in batches of up to ${e.batchTokens}`,
      `GPU memory   ${size(bytes.total)}: weights ${size(bytes.weights)}, activations ${size(bytes.activations)}, vectors ${size(bytes.vectors)}`,
      `arithmetic   ${(e.flops / 1e12).toFixed(3)} TFLOP`,
      `time         about ${e.seconds < 1 ? '<1' : Math.ceil(e.seconds)} s at the matmul rate measured now`,
      '',
    ].join('\n'),
  );
}
