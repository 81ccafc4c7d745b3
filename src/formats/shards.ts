/** The tensors of a model folder: one safetensors file, or shards under an index. */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { readJson } from './bytes_source.ts';
import { quote } from './quote.ts';
import { readSafetensors } from './safetensors.ts';
import { check } from './schema.ts';
import type { ByteSource } from './source.ts';
import type { TensorInfo } from './tensor.ts';

const INDEX = 'model.safetensors.index.json';
const SINGLE = 'model.safetensors';
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** All tensors of the folder's safetensors files by name. `files` are by their names inside the folder. */
export async function readFolder(
  folder: string,
  files: ReadonlyMap<string, ByteSource>,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const index = files.get(INDEX);
  if (index) return readShards(index, files);
  const candidates = [...files.keys()].filter((name) => name.endsWith('.safetensors') && !name.startsWith('adapter'));
  const name = files.has(SINGLE) ? SINGLE : candidates.length === 1 ? candidates[0] : undefined;
  if (name !== undefined) return readSafetensors(files.get(name)!);
  if (candidates.length > 1)
    throw new UserError(`${folder}: has several safetensors files but no ${INDEX} that says which tensor is where`);
  const pickle = [...files.keys()].find((file) => /\.(bin|pt|pth)$/.test(file));
  if (pickle !== undefined)
    throw new UserError(
      `${folder}: has its weights as a Python pickle (${pickle}), which is not read; convert it to safetensors`,
    );
  if (files.has('adapter_config.json'))
    throw new UserError(`${folder}: is a PEFT adapter, not a model; give its base model and this as --adapter`);
  throw new UserError(`${folder}: has no weights: ${SINGLE}, or ${INDEX} with its shards, or a .gguf file is needed`);
}

async function readShards(
  index: ByteSource,
  files: ReadonlyMap<string, ByteSource>,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const { weight_map: weightMap } = check(indexSchema, await readJson(index), index.name);
  const shards = new Map<string, ReadonlyMap<string, TensorInfo>>();
  const tensors = new Map<string, TensorInfo>();
  for (const [name, file] of Object.entries(weightMap)) {
    let shard = shards.get(file);
    if (!shard) {
      shard = await readShard(index, files, file);
      shards.set(file, shard);
    }
    const tensor = shard.get(name);
    if (!tensor)
      throw new UserError(`${index.name}: ${quote(name)} should be in ${quote(file)}, which does not have it`);
    tensors.set(name, tensor);
  }
  return tensors;
}

async function readShard(index: ByteSource, files: ReadonlyMap<string, ByteSource>, name: string) {
  if (/[/\\\0]/.test(name) || name === '' || name === '.' || name === '..' || /^[a-z]:/i.test(name))
    throw new UserError(`${index.name}: names a shard outside its folder, ${quote(name)}`);
  const source = files.get(name);
  if (!source) throw new UserError(`${index.name}: the shard ${quote(name)} is missing; download it too`);
  return readSafetensors(source);
}
