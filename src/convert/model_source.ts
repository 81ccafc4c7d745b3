/** A model as merging, quantising and exporting start from it: its weights, and the small files beside them. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { fileError } from '../formats/file_source.ts';
import type { Checkpoint } from '../formats/stored.ts';

/** What a folder may hold beside the weights that belongs to the model whatever its weights are stored as. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'chat_template.jinja',
];

/** An open model; close its checkpoint. */
export interface ModelSource {
  readonly checkpoint: Checkpoint;
  /** config.json, the tokenizer's files and their like, by name; none for a GGUF file. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Opens a model folder or a .gguf file with what lies beside its weights. UserError where it is none. */
export async function openModelSource(path: string): Promise<ModelSource> {
  const checkpoint = await openCheckpoint(path);
  const files = new Map<string, Uint8Array>();
  try {
    if (!(await stat(path)).isDirectory()) return { checkpoint, files };
    for (const name of COMPANIONS) {
      const bytes = await readFile(join(path, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw fileError(join(path, name), error);
      });
      if (bytes) files.set(name, bytes);
    }
    return { checkpoint, files };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
