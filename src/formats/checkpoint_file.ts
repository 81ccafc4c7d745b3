/** Opens a model on disk, in Node and Deno; apart from checkpoint.ts, which runs in the browser too. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { checkpointFromSources, SMALL_FILES } from './checkpoint.ts';
import { fileError, openFile } from './file_source.ts';
import { seemsToBe } from './sniff.ts';
import type { Checkpoint } from './stored.ts';

const WEIGHT_FILE = /\.(safetensors|gguf|bin|pt|pth)$/;

/** Opens a model folder (config.json and safetensors, or one .gguf) or a .gguf file. UserError for anything else. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error): never => {
      throw fileError(path, error);
    },
  );
  const names = isFolder ? await modelFiles(path) : [''];
  const files = new Map<string, Awaited<ReturnType<typeof openFile>>>();
  const close = async () => {
    await Promise.all([...files.values()].map((file) => file.close()));
  };
  try {
    for (const name of names) files.set(name || basename(path), await openFile(join(path, name)));
    if (isFolder) return { ...(await checkpointFromSources(path, files)), close };
    const [file] = files.values();
    const found = seemsToBe(await file.read(0, Math.min(file.size, 64)));
    if (found !== 'a GGUF file')
      throw new UserError(
        `${path}: is ${found ?? 'of unknown kind'}; a model is a .gguf file, or a folder with config.json and safetensors`,
      );
    return { ...(await checkpointFromSources(path, new Map([['model.gguf', file]]))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function modelFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error): never => {
    throw fileError(folder, error);
  });
  return entries.filter((name) => SMALL_FILES.includes(name) || WEIGHT_FILE.test(name));
}
