/** A model folder as transformers and lacuna open it: plain safetensors, config.json and the tokenizer's files. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileToWrite, writeFiles } from '../formats/atomic_file.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { narrow } from '../formats/narrow.ts';
import { safetensorsFile, type TensorToStream } from '../formats/safetensors_write.ts';
import { rowChunks } from '../formats/weight_rows.ts';
import { hfConfig } from './hf_config.ts';
import type { ModelSource } from './model_source.ts';
import { tokenizerFiles } from './tokenizer_files.ts';
import { hfName, type ModelWeights } from './weights.ts';

export interface FolderOptions {
  readonly dtype: FloatDtype;
  /** More files, or others in place of the model's own, by their paths in the folder. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** For F16: rows of a weight as a GPU has rounded them, where it has. What it made of a number that does not fit is its own. */
  readonly halves?: ReadHalves;
  /** Weights written so far of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Reads rows begin..end of a weight, by its path, as half bits. */
export type ReadHalves = (path: string, begin: number, end: number) => Promise<Uint16Array> | undefined;

/** What another model may have left in the folder that would be read as a part of this one. */
const STALE = ['model.safetensors.index.json', 'quantize_config.json', 'quant_config.json'];

/**
 * Writes `weights` as a model of `source`'s config and tokenizer into `folder`, a chunk at a time. All files appear
 * when all are written. UserError where a weight does not fit the dtype.
 */
export async function writeModelFolder(
  folder: string,
  source: ModelSource,
  weights: ModelWeights,
  options: FolderOptions,
): Promise<void> {
  const { dtype } = options;
  if (options.halves && dtype !== 'F16') throw new Error(`halves are not ${dtype}`);
  const bytes = source.files.get('config.json');
  const original = bytes && JSON.parse(new TextDecoder().decode(bytes));
  const config = `${JSON.stringify(hfConfig(source.checkpoint.config, dtype, original), null, 2)}\n`;
  const beside = new Map<string, Uint8Array>([
    ['config.json', new TextEncoder().encode(config)],
    ...tokenizerFiles(source),
    ...(options.files ?? []),
  ]);
  const files: FileToWrite[] = [...beside].map(([name, content]) => ({ path: join(folder, name), chunks: [content] }));
  const tensors = streams(weights, options);
  await writeFiles([safetensorsFile(join(folder, 'model.safetensors'), tensors, { format: 'pt' }), ...files]);
  for (const name of STALE) if (!beside.has(name)) await rm(join(folder, name), { force: true });
}

/** Whether all fitted into f16: what did not is infinite or NaN, or the largest number where a GPU stops at that. */
function fitted(halves: Uint16Array): boolean {
  for (let i = 0; i < halves.length; i++) if ((halves[i] & 0x7fff) >= 0x7bff) return false;
  return true;
}

function streams(weights: ModelWeights, { dtype, halves, onProgress = () => {} }: FolderOptions): TensorToStream[] {
  const sizes = [...weights.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const total = sizes.reduce((a, b) => a + b, 0);
  let done = 0;
  return [...weights].map(([path, { shape, open }]) => ({
    name: hfName(path),
    dtype,
    shape,
    async *data() {
      const rows = await open();
      for (const { first, count } of rowChunks(rows)) {
        const end = first + count;
        const rounded = await halves?.(path, first, end);
        // It is the values that tell what did not fit.
        yield rounded && fitted(rounded) ? rounded : narrow(await rows.read(first, end), dtype, hfName(path));
        done += count * rows.columns;
        onProgress(done, total);
      }
    },
  }));
}
