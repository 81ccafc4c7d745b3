/**
 * Whether a model can run on this GPU, from its header alone, so that it is said before the download: every tensor in
 * a binding, one text's activations in a binding, and the memory of it all, which is asked for and given back.
 */
import { UserError } from '../../src/errors.ts';
import { SMALL_FILES } from '../../src/formats/checkpoint.ts';
import type { Checkpoint } from '../../src/formats/stored.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { batchTokensFor, DEFAULT_MAX_LENGTH } from '../../src/infer/embedder.ts';
import { estimate } from '../../src/infer/estimate.ts';
import { mostRows } from '../../src/model/fill.ts';
import { layerPaths } from '../../src/model/load.ts';

/** Tokens of a text that this model is given at most. */
export const maxLengthOf = (maxPositions: number): number => Math.min(DEFAULT_MAX_LENGTH, maxPositions);

/** The files whose header or content decides; the other ones need not be asked for. */
export const isHeader = (name: string): boolean => SMALL_FILES.includes(name) || /\.(gguf|safetensors)$/.test(name);

const GIB = 2 ** 30;
const inGib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GB`;

/** Throws a UserError that says why no binding of this GPU is large enough for the model. */
export function checkBindings(gpu: Gpu, checkpoint: Checkpoint): void {
  const { config, name } = checkpoint;
  const maxLength = maxLengthOf(config.maxPositions);
  try {
    batchTokensFor(gpu, config, maxLength);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${name}: too large for this GPU: one text of ${maxLength} tokens needs more than the ${gpu.caps.maxBinding} bytes that it binds: take a smaller model`,
    );
  }
  for (let i = 0; i < config.layers; i++)
    for (const path of Object.values(layerPaths(i)).flat()) {
      const s = checkpoint.linear(path);
      // Formats stored row by row are cut to what one binding holds; these are not.
      if (s.kind !== 'gptq' && s.kind !== 'awq') continue;
      if (s.N > mostRows(gpu, { kind: 'q4', group: s.group, meta: 'zero16' }, s.K))
        throw new UserError(
          `${name}: too large for this GPU: ${path} does not fit the ${gpu.caps.maxBinding} bytes that it binds: take a smaller model, or a GGUF of it`,
        );
    }
}

/** Throws a UserError that says how much memory the model needs, where the GPU does not give it. */
export async function checkMemory(gpu: Gpu, checkpoint: Checkpoint): Promise<void> {
  const { config, name } = checkpoint;
  const batchTokens = batchTokensFor(gpu, config, maxLengthOf(config.maxPositions));
  const { bytes } = estimate(checkpoint, gpu.caps, { lengths: [], batchTokens, quantize: false });
  if (!(await hasMemory(gpu, bytes.total)))
    throw new UserError(
      `${name}: too large for this GPU: it needs ${inGib(bytes.total)} of its memory, which is not to be had: take a smaller model, or close what else uses the GPU`,
    );
}

/** Asks the GPU for that much memory, piece by piece until it refuses, and gives it back. */
async function hasMemory({ device, caps }: Gpu, bytes: number): Promise<boolean> {
  const buffers: GPUBuffer[] = [];
  let error: GPUError | null = null;
  for (let left = bytes; left > 0 && !error; ) {
    device.pushErrorScope('out-of-memory');
    for (let piece = Math.min(left, GIB); piece > 0; piece -= caps.maxBinding) {
      const size = Math.ceil(Math.min(piece, caps.maxBinding) / 4) * 4;
      buffers.push(device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
    }
    left -= GIB;
    error = await device.popErrorScope();
  }
  for (const buffer of buffers) buffer.destroy();
  return error === null;
}
