/** A new model of the pocket kind: shapes, sizes, and weights as they are before any training. */
import { keyOf, philox } from '../../../kernels/dropout/philox.ts';
import { hfConfig } from '../../convert/hf_config.ts';
import { hfName } from '../../convert/weights.ts';
import type { ModelConfig } from '../../formats/config.ts';
import { denseShapes, linearShapes } from '../../formats/decoder_paths.ts';
import type { TensorToWrite } from '../../formats/safetensors.ts';

/** The numbers that a new model is free in. */
export interface Shape {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
  /** Tokens of the tokenizer to be learnt, and rows of the embedding. */
  readonly vocabSize: number;
}

/** Shapes by name. */
export const SHAPES: Readonly<Record<'pocket' | 'tiny', Shape>> = {
  /** At most 7 MB as int4: what is shipped. */
  pocket: { hiddenSize: 384, layers: 6, heads: 6, kvHeads: 2, headDim: 64, ffnSize: 1024, vocabSize: 2048 },
  /** For tests and first tries of a recipe. */
  tiny: { hiddenSize: 64, layers: 2, heads: 2, kvHeads: 1, headDim: 32, ffnSize: 128, vocabSize: 1024 },
};

/** A Llama decoder of this shape with its embedding for a head. */
export function configOf(shape: Shape, endId: number): ModelConfig {
  return {
    family: 'llama',
    ...shape,
    ropeTheta: 10_000,
    rmsEps: 1e-5,
    tiedHead: true,
    qkvBias: false,
    maxPositions: 2048,
    eosIds: [endId],
    padId: endId,
  };
}

export interface Sizes {
  /** Of the linears of all layers. */
  readonly linear: number;
  readonly embedding: number;
  readonly norms: number;
  readonly parameters: number;
  /** Bytes of the weights as `lacuna quantize --to q4` writes them: linears in Q4_1, the embedding in Q8_0, norms in f32. */
  readonly int4Bytes: number;
}

/** Parameters by kind, and the size that the model will be shipped in. */
export function sizesOf(config: ModelConfig): Sizes {
  const total = (shapes: Iterable<readonly number[]>) =>
    [...shapes].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
  const linear = total([...linearShapes(config).values()].map(({ N, K }) => [N, K]));
  const dense = denseShapes(config);
  const embedding = total([dense.get('embed_tokens')!]);
  const norms = total(dense.values()) - embedding;
  const int4Bytes = (linear / 32) * 20 + (embedding / 32) * 34 + 4 * norms;
  return { linear, embedding, norms, parameters: linear + embedding + norms, int4Bytes };
}

const DEVIATION = 0.02;

/**
 * Weights to train from, as GPT-2 begins (Radford et al. 2019): normal numbers of deviation 0.02, those of the
 * projections that add to the residual stream divided by sqrt(2 layers); norms are 1. Each weight depends on the seed,
 * the name of its tensor's place in the model and its index alone.
 */
export function newWeights(config: ModelConfig, seed: number): TensorToWrite[] {
  const tensor = (path: string, shape: readonly number[], data: Float32Array): TensorToWrite => ({
    name: hfName(path),
    dtype: 'F32',
    shape,
    data,
  });
  const out: TensorToWrite[] = [];
  for (const [path, shape] of denseShapes(config)) {
    const length = shape.reduce((a, b) => a * b);
    const data =
      path === 'embed_tokens' ? normals(length, DEVIATION, seed, out.length) : new Float32Array(length).fill(1);
    out.push(tensor(path, shape, data));
  }
  for (const [path, { N, K }] of linearShapes(config)) {
    const residual = /\.(o_proj|down_proj)$/.test(path);
    const deviation = residual ? DEVIATION / Math.sqrt(2 * config.layers) : DEVIATION;
    out.push(tensor(path, [N, K], normals(N * K, deviation, seed, out.length)));
  }
  return out;
}

/** Normal numbers (Box and Muller 1958) of stream `stream`, four from each block of Philox. */
function normals(length: number, deviation: number, seed: number, stream: number): Float32Array {
  const out = new Float32Array(length);
  const key = keyOf(seed);
  for (let i = 0; i < length; i += 4) {
    const words = philox([i / 4, stream, 0, 0], key);
    for (let j = 0; j < 4 && i + j < length; j += 2) {
      // The logarithm needs a number above 0.
      const radius = deviation * Math.sqrt(-2 * Math.log((words[j] + 1) / 2 ** 32));
      const angle = (2 * Math.PI * words[j + 1]) / 2 ** 32;
      out[i + j] = radius * Math.cos(angle);
      if (i + j + 1 < length) out[i + j + 1] = radius * Math.sin(angle);
    }
  }
  return out;
}

/** config.json of a new model. */
export function configJson(config: ModelConfig): string {
  return `${JSON.stringify(hfConfig(config, 'F32'), null, 2)}\n`;
}
