/** PEFT adapters as folders on disk, in Node and Deno; peft_adapter.ts is what the browser can use. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeFiles } from './atomic_file.ts';
import type { ModelConfig } from './config.ts';
import { openFile } from './file_source.ts';
import {
  ADAPTER_CONFIG,
  ADAPTER_PICKLE,
  ADAPTER_WEIGHTS,
  type Adapter,
  type AdapterToWrite,
  adapterFromSources,
  serializeAdapter,
} from './peft_adapter.ts';

export type { Adapter, AdapterConfig, AdapterToWrite, LoraTensors } from './peft_adapter.ts';

/**
 * Opens an adapter folder; its tensors can be read until it is closed. With `base`, modules and shapes are checked
 * against that model. UserError where it is no plain LoRA adapter, or damaged.
 */
export async function readAdapter(folder: string, base?: ModelConfig): Promise<Adapter> {
  if (!(await exists(folder))) throw new UserError(`${folder}: no such folder`);
  const files = new Map<string, Awaited<ReturnType<typeof openFile>>>();
  const close = async () => {
    await Promise.all([...files.values()].map((file) => file.close()));
  };
  try {
    for (const name of [ADAPTER_CONFIG, ADAPTER_WEIGHTS, ADAPTER_PICKLE])
      if (await exists(join(folder, name))) files.set(name, await openFile(join(folder, name)));
    return { ...(await adapterFromSources(folder, files, base)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Writes an adapter that PEFT's from_pretrained loads; each file under a temporary name first, then renamed. */
export async function writeAdapter(folder: string, adapter: AdapterToWrite): Promise<void> {
  const { config, weights } = serializeAdapter(adapter);
  await writeFiles([
    { path: join(folder, ADAPTER_WEIGHTS), chunks: [weights] },
    { path: join(folder, ADAPTER_CONFIG), chunks: [config] },
  ]);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
