/** What a run was told and where it ran, as config.json of its folder: read again by --resume, which asks for nothing else. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { fileError, openFile } from '../formats/file_source.ts';
import { check } from '../formats/schema.ts';
import { checkSettings, type Settings } from './settings.ts';

const SCHEMA = z.object({
  experiment: z.string(),
  preset: z.string(),
  train: z.enum(['lora', 'all']),
  /** As it was given, and the folder or file that it stands for. */
  model: z.string(),
  modelPath: z.string(),
  /** Of the model's files, and of the adapter's that the run began with. */
  fingerprint: z.string(),
  adapter: z.string().nullable(),
  data: z.string(),
  /** SHA-256 of the data's files by name. */
  dataFiles: z.record(z.string(), z.string()),
  fold: z.int().min(0).nullable(),
  withoutRationales: z.boolean(),
  /** Of products of int4 weights; runs of before there was a choice have none. */
  activations: z.enum(['int8']).nullable().default(null),
  /** Of tokens: other chunks draw other dropout masks. */
  chunkTokens: z.int().min(1),
  tier: z.enum(['matrix', 'subgroup', 'portable']),
  device: z.string(),
  command: z.string(),
  versions: z.record(z.string(), z.string()),
  settings: z.unknown(),
});

export type RunConfig = Omit<z.infer<typeof SCHEMA>, 'settings'> & { settings: Settings };

/** Reads config.json of a run. Throws a UserError where there is none, or none of a run. */
export async function readRunConfig(path: string): Promise<RunConfig> {
  const text = await readFile(path, 'utf8').catch((error): never => {
    throw fileError(path, error);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${path}: is not JSON`);
  }
  const config = check(SCHEMA, value, path);
  return { ...config, settings: checkSettings(config.settings, path) };
}

const SAMPLED = 65536;

/**
 * Tells whether files are still those that a run began with, wherever they lie now: their names, sizes, first and last
 * bytes. Not the whole, which takes minutes for a large model.
 */
export async function contentFingerprint(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of files) {
    const file = await openFile(path);
    try {
      const count = Math.min(file.size, SAMPLED);
      hash.update(`${basename(path)} ${file.size}\n`);
      hash.update(await file.read(0, count));
      hash.update(await file.read(file.size - count, count));
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}
