/**
 * A model's files as one thing: whatever the format, linears and dense tensors by canonical path, with every shape
 * checked before the first weight is read. Runs in the browser too; checkpoint_file.ts opens what is on disk.
 */
import { UserError } from '../errors.ts';
import { readJson, readText } from './bytes_source.ts';
import { configFromHf } from './config.ts';
import { readGguf } from './gguf.ts';
import { type Quantization, readQuantization } from './quantization.ts';
import { quote } from './quote.ts';
import { readFolder } from './shards.ts';
import type { ByteSource } from './source.ts';
import type { Checkpoint, StoredLinear } from './stored.ts';
import type { Weights } from './weights.ts';
import { ggufModel } from './weights_gguf.ts';
import { safetensorsWeights } from './weights_safetensors.ts';

export type { Checkpoint, StoredDense, StoredLinear } from './stored.ts';

/** Where quantisation settings may be, in the order in which they are looked for after config.json. */
const QUANTIZATION_FILES = ['quantize_config.json', 'quant_config.json'];

/** The small files of a model folder that are read where they are there. */
export const SMALL_FILES = [
  'config.json',
  'model.safetensors.index.json',
  ...QUANTIZATION_FILES,
  'tokenizer.json',
  'tokenizer_config.json',
  'adapter_config.json',
];

/**
 * From sources by their names inside the folder: config.json and safetensors files, or one .gguf file. `name` is
 * what messages call the model. UserError where a file, tensor or setting is missing, damaged or not supported.
 */
export async function checkpointFromSources(name: string, files: ReadonlyMap<string, ByteSource>): Promise<Checkpoint> {
  const ggufs = [...files.keys()].filter((file) => file.endsWith('.gguf'));
  const config = files.get('config.json');
  const hasTensors = [...files.keys()].some((file) => file.endsWith('.safetensors'));
  if (ggufs.length > 0 && !hasTensors) {
    if (ggufs.length > 1)
      throw new UserError(
        `${name}: has several .gguf files; give one of them: ${ggufs.sort().join(', ').slice(0, 300)}`,
      );
    return fromGguf(name, files.get(ggufs[0])!);
  }
  if (!config) {
    // Says what else the folder may be, where it is not even a part of a model.
    await readFolder(name, files);
    throw new UserError(`${name}: has no config.json beside its weights`);
  }
  return fromSafetensors(name, config, files);
}

async function fromGguf(name: string, source: ByteSource): Promise<Checkpoint> {
  const file = await readGguf(source);
  const { config, weights } = ggufModel(source.name, file);
  return { name, format: 'gguf', config, ...accessors(name, weights), ggufMetadata: file.metadata };
}

async function fromSafetensors(
  name: string,
  configFile: ByteSource,
  files: ReadonlyMap<string, ByteSource>,
): Promise<Checkpoint> {
  const json = await readJson(configFile);
  const config = configFromHf(json, configFile.name);
  const quantization = await findQuantization(json, configFile, files);
  const tensors = await readFolder(name, files);
  const weights = await safetensorsWeights({ name, tensors }, config, quantization);
  const text = async (file: string) => {
    const source = files.get(file);
    return source && readText(source);
  };
  return {
    name,
    format: quantization?.method ?? 'safetensors',
    config,
    ...accessors(name, weights),
    tokenizerJson: await text('tokenizer.json'),
    tokenizerConfig: await text('tokenizer_config.json'),
  };
}

async function findQuantization(
  config: unknown,
  configFile: ByteSource,
  files: ReadonlyMap<string, ByteSource>,
): Promise<Quantization | undefined> {
  const inside = (config as { quantization_config?: unknown }).quantization_config;
  if (inside !== undefined && inside !== null)
    return readQuantization(inside, `${configFile.name}: quantization_config`);
  const file = QUANTIZATION_FILES.map((name) => files.get(name)).find((source) => source !== undefined);
  return file && readQuantization(await readJson(file), file.name);
}

function accessors(name: string, { linears, dense }: Weights) {
  const embedding = dense.get('embed_tokens')!;
  const [N, K] = embedding.shape;
  const { shape: _, ...data } = embedding;
  const tied: StoredLinear = { ...data, path: 'lm_head', N, K };
  const missing = (path: string): never => {
    throw new UserError(`${name}: the model has no ${quote(path)}`);
  };
  return {
    linear: (path: string) => linears.get(path) ?? (path === 'lm_head' ? tied : missing(path)),
    dense: (path: string) => dense.get(path) ?? missing(path),
    has: (path: string) => linears.has(path) || dense.has(path),
    parameters: () => {
      let count = 0;
      for (const { N, K, bias } of linears.values()) count += N * K + (bias ? N : 0);
      for (const { shape } of dense.values()) count += shape.reduce((product, size) => product * size, 1);
      return count;
    },
    close: async () => {},
  };
}
