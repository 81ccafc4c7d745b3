/** A model's files as one thing: whatever the format, linears and dense tensors by canonical path, shapes checked. */
import type { ByteSource } from './source.ts';
import type { Checkpoint } from './stored.ts';

export type { Checkpoint, StoredDense, StoredLinear } from './stored.ts';

/** From sources, by their names inside the folder ('config.json', 'model.safetensors', or one 'x.gguf'). */
export declare function checkpointFromSources(
  name: string,
  files: ReadonlyMap<string, ByteSource>,
): Promise<Checkpoint>;
