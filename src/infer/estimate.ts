/** What a job will take, before anything is allocated: memory by kind, tokens, FLOPs, and time at a measured rate. */
import type { ModelConfig } from '../formats/config.ts';
import type { Checkpoint, StoredLinear } from '../formats/stored.ts';
import type { Caps } from '../gpu/adapter.ts';
import { BYTES } from '../gpu/tensor.ts';
import { activationBytes, int8Bytes, tileBytes } from '../model/decoder.ts';
import { denseType } from '../model/fill.ts';
import { type LoadOptions, layerPaths } from '../model/load.ts';

export interface Estimate {
  parameters: number;
  texts: number;
  tokens: number;
  flops: number;
  batchTokens: number;
  bytes: { weights: number; activations: number; vectors: number; total: number };
}

/** FLOPs of a forward pass over sequences of these lengths: two for each weight and token, and causal attention's. */
export function forwardFlops(c: ModelConfig, lengths: ArrayLike<number>): number {
  const qkv = (c.heads + 2 * c.kvHeads) * c.headDim;
  const perToken = c.layers * 2 * c.hiddenSize * (qkv + c.heads * c.headDim + 3 * c.ffnSize);
  let flops = 0;
  for (let i = 0; i < lengths.length; i++) {
    // Token t looks at t + 1 keys, with a product for the score and one for the value.
    const pairs = (lengths[i] * (lengths[i] + 1)) / 2;
    flops += lengths[i] * perToken + c.layers * pairs * c.heads * c.headDim * 4;
  }
  return flops;
}

/** Bytes the weights take on the GPU as loadModel loads them: int4 with its scales, or dense; of the embedding `rows` rows. */
export function weightBytes(
  checkpoint: Checkpoint,
  caps: Caps,
  { quantize, exact, rows }: Pick<LoadOptions, 'quantize' | 'exact'> & { rows?: number } = {},
): number {
  const { config } = checkpoint;
  const dense = (source: { kind: string; dtype?: string }) => BYTES[denseType({ caps }, source, exact)];
  let total = (rows ?? config.vocabSize) * config.hiddenSize * dense(checkpoint.dense('embed_tokens'));
  for (const s of layerLinears(checkpoint)) {
    const weights = s.N * s.K;
    if (s.kind === 'gptq' || s.kind === 'awq') total += weights / 2 + 4 * s.N * Math.ceil(s.K / s.group);
    else if (isInt4(s)) total += weights / 2 + (weights / 32) * (s.kind === 'ggml' && s.type === 'Q4_K' ? 8 : 4);
    else total += quantize ? weights / 2 + weights / 8 : weights * dense(s);
  }
  return total;
}

const layerLinears = (checkpoint: Checkpoint): StoredLinear[] =>
  Array.from({ length: checkpoint.config.layers }, (_, i) => Object.values(layerPaths(i)).flat())
    .flat()
    .map((path) => checkpoint.linear(path));

const isInt4 = (s: StoredLinear): boolean =>
  s.kind === 'gptq' || s.kind === 'awq' || (s.kind === 'ggml' && s.type.startsWith('Q4'));

/** Whether any linear is stored in int4, and stays so. */
export const holdsInt4 = (checkpoint: Checkpoint): boolean => layerLinears(checkpoint).some(isInt4);

/** `lengths`: tokens of every text. */
export function estimate(
  checkpoint: Checkpoint,
  caps: Caps,
  job: { lengths: ArrayLike<number>; batchTokens: number; quantize: boolean; int8?: boolean },
): Estimate {
  const { config } = checkpoint;
  const { lengths, batchTokens } = job;
  const weights = weightBytes(checkpoint, caps, { quantize: job.quantize ? 'q4' : undefined });
  const int8 = job.int8 ? int8Bytes(config, ['forward']) : undefined;
  const tiles = int8 ? int8.perToken : caps.matrix ? tileBytes(config, 'forward') : 0;
  const perToken = activationBytes(config, caps.f16 ? 'f16' : 'f32').perToken + tiles;
  const activations = batchTokens * perToken + (int8?.weights ?? 0);
  const vectors = (3 * Math.min(batchTokens, 4096) + lengths.length) * config.hiddenSize * 4;
  let tokens = 0;
  for (let i = 0; i < lengths.length; i++) tokens += lengths[i];
  return {
    parameters: checkpoint.parameters(),
    texts: lengths.length,
    tokens,
    flops: forwardFlops(config, lengths),
    batchTokens,
    bytes: { weights, activations, vectors, total: weights + activations + vectors },
  };
}
