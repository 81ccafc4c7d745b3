/** A model of any shape with random int4 weights, made on the spot: for benchmarks of shapes whose weights are not at hand. */
import type { DenseWeight } from '../../kernels/linear/weights.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { toHalf } from '../half.ts';
import type { LayerWeights, ModelWeights, Projection } from './weights.ts';

/** Shapes of published models, for benchmarks. */
export const SHAPES: Record<string, ModelConfig> = {
  'SmolLM2-135M': shape('llama', 576, 30, 9, 3, 64, 1536, 49152, 1e5),
  'Qwen2.5-0.5B': shape('qwen2', 896, 24, 14, 2, 64, 4864, 151936, 1e6),
  'Qwen2.5-1.5B': shape('qwen2', 1536, 28, 12, 2, 128, 8960, 151936, 1e6),
  'Qwen2.5-7B': shape('qwen2', 3584, 28, 28, 4, 128, 18944, 152064, 1e6),
};

function shape(
  family: ModelConfig['family'],
  hiddenSize: number,
  layers: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  ffnSize: number,
  vocabSize: number,
  ropeTheta: number,
): ModelConfig {
  const qkvBias = family === 'qwen2';
  const numbers = { hiddenSize, layers, heads, kvHeads, headDim, ffnSize, vocabSize, ropeTheta };
  return { family, ...numbers, rmsEps: 1e-6, tiedHead: true, qkvBias, maxPositions: 32768, eosIds: [] };
}

/** Random weights, groups of `group`, scaled so that activations neither die nor explode. */
export function syntheticModel(gpu: Gpu, config: ModelConfig, group: number): ModelWeights {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const words = (n: number) => Uint32Array.from({ length: n }, random);
  const projection = (N: number, K: number, bias = false): Projection => {
    // Nibbles are uniform over 0..15, so (q - 7.5) s has deviation 4.6 s: s makes that 1 / sqrt(K).
    const scale = toHalf(1 / (4.6 * Math.sqrt(K)));
    const groups = Math.ceil(K / group);
    const params = new Uint32Array(N * groups).fill((scale | (toHalf(8) << 16)) >>> 0);
    const weight = {
      kind: 'q4' as const,
      N,
      K,
      group,
      meta: 'zero16' as const,
      words: gpu.upload('words', 'u32', [N, K / 8], words((N * K) / 8)),
      params: gpu.upload('params', 'u32', [N, groups], params),
    };
    const zeros = bias ? gpu.upload('bias', 'f32', [N], new Float32Array(N)) : undefined;
    return { N, K, linears: [], parts: [{ column: 0, weight, bias: zeros }], loras: [] };
  };
  const ones = () => gpu.upload('norm', 'f32', [config.hiddenSize], new Float32Array(config.hiddenSize).fill(1));
  const { hiddenSize: C, heads, kvHeads, headDim, ffnSize: F } = config;
  const layers: LayerWeights[] = Array.from({ length: config.layers }, () => ({
    inputNorm: ones(),
    qkv: projection((heads + 2 * kvHeads) * headDim, C, config.qkvBias),
    o: projection(C, heads * headDim),
    postNorm: ones(),
    gateUp: projection(2 * F, C),
    down: projection(C, F),
  }));
  // A few rows stand for the whole table: gathering reads one row a token whatever its size.
  const vocab = 1024;
  const half = (u: number) => toHalf((u / 2 ** 31 - 1) * 0.5);
  const table = Uint16Array.from(words(vocab * C), half);
  const data = gpu.upload('embed_tokens', 'f16', [vocab, C], table) as DenseWeight['data'];
  const embed = { vocab, C, chunks: [{ first: 0, count: vocab, data }] };
  return { config: { ...config, vocabSize: vocab }, embed, layers, norm: ones() };
}
