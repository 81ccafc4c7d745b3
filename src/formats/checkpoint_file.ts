/** Opens a model on disk, in Node and Deno; apart from checkpoint.ts, which runs in the browser too. */
import type { Checkpoint } from './stored.ts';

/** Opens a model folder (config.json and safetensors, or one .gguf) or a .gguf file. */
export declare function openCheckpoint(path: string): Promise<Checkpoint>;
