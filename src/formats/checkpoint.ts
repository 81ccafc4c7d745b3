/** A model's files as one thing: whatever the format, linears and dense tensors by canonical path, shapes checked. */
import type { ByteSource } from './source.ts';
import type { Checkpoint } from './stored.ts';

export type { Checkpoint, StoredDense, StoredLinear } from './stored.ts';

/** Node and Deno: opens a model folder (config.json + safetensors) or a .gguf file. */
export declare function openCheckpoint(path: string): Promise<Checkpoint>;

/** Anywhere: the same from sources, by their names inside the folder ('config.json', 'model.safetensors', 'x.gguf'). */
export declare function checkpointFromSources(files: Map<string, ByteSource>, name?: string): Promise<Checkpoint>;
