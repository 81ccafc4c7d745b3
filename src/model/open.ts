/** From a name or a path to an embedder that is ready: resolve, open, load, adapt, record. Node and Deno. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { readAdapter } from '../formats/peft.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Embedder, type EmbedderOptions, requireInt8 } from '../infer/embedder.ts';
import { attachAdapter } from './adapter.ts';
import { loadModel } from './load.ts';
import { tokenizerOf } from './tokenizer_of.ts';

export interface OpenEmbedderOptions extends EmbedderOptions {
  /** Folder of a PEFT LoRA adapter. */
  adapter?: string;
  /** Quantise linears that are stored dense to int4 as they load. */
  quantize?: 'q4';
  /** `load` counts bytes, `compile` pipelines. */
  onProgress?: (phase: 'load' | 'compile', done: number, total: number) => void;
}

/** Loads the model at `path` (a folder or a .gguf file) and everything an embedder needs. */
export async function openEmbedder(gpu: Gpu, path: string, options: OpenEmbedderOptions = {}): Promise<Embedder> {
  const { onProgress } = options;
  // Before minutes of loading.
  if (options.activations === 'int8') requireInt8(gpu);
  const checkpoint = await openCheckpoint(path);
  try {
    const tokenizer = tokenizerOf(checkpoint);
    // Read before the model, so that a wrong adapter is not found out after minutes of loading.
    const adapter = options.adapter === undefined ? undefined : await readAdapter(options.adapter);
    const model = await loadModel(gpu, checkpoint, {
      quantize: options.quantize,
      onProgress: (done, total) => onProgress?.('load', done, total),
    });
    if (adapter) {
      await attachAdapter(gpu, model, adapter);
      await adapter.close();
    }
    return await Embedder.create(gpu, model, tokenizer, options, (done, total) => onProgress?.('compile', done, total));
  } finally {
    await checkpoint.close();
  }
}

/** Every file whose change makes embeddings differ: the model's, and the adapter's. */
export async function modelFiles(path: string, adapter?: string): Promise<string[]> {
  const inside = async (folder: string) =>
    (await readdir(folder)).filter((f) => /\.(json|safetensors|gguf)$/.test(f)).map((f) => join(folder, f));
  const model = path.endsWith('.gguf') ? [path] : await inside(path);
  return [...model, ...(adapter === undefined ? [] : await inside(adapter))].sort();
}
