/** A model of any shape with random int4 weights, made on the spot: for benchmarks of shapes whose weights are not at hand. */
import { rowsOfTokens } from '../../kernels/embed/embed.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { BYTES, type DType, elements } from '../gpu/tensor.ts';
import { toHalf } from '../half.ts';
import { layerPaths } from './load.ts';
import type { LayerWeights, ModelWeights, Projection } from './weights.ts';

/** Shapes of published models, for benchmarks. */
export const SHAPES: Record<string, ModelConfig> = {
  'SmolLM2-135M': shape('llama', 576, 30, 9, 3, 64, 1536, 49152, 1e5),
  'Qwen2.5-0.5B': shape('qwen2', 896, 24, 14, 2, 64, 4864, 151936, 1e6),
  'Qwen2.5-1.5B': shape('qwen2', 1536, 28, 12, 2, 128, 8960, 151936, 1e6),
  'Qwen2.5-7B': shape('qwen2', 3584, 28, 28, 4, 128, 18944, 152064, 1e6),
  'Qwen2.5-32B': shape('qwen2', 5120, 64, 40, 8, 128, 27648, 152064, 1e6),
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

/** Words drawn; longer tensors repeat them, so that the host is quick. */
const BLOCK = 1 << 16;

/**
 * Random weights, groups of `group`, scaled so that activations neither die nor explode. `vocab`: rows of the
 * embedding, by default a few that stand for the whole table, since gathering reads one row a token whatever its size.
 * `tokens` instead: the rows of these alone, as loadModel has them.
 */
export function syntheticModel(
  gpu: Gpu,
  config: ModelConfig,
  group: number,
  { vocab = 1024, tokens }: { vocab?: number; tokens?: Uint32Array } = {},
): ModelWeights {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const block = Uint32Array.from({ length: BLOCK }, random);
  /** A tensor of `dtype` that repeats `values`. */
  const repeated = (label: string, dtype: DType, shape: readonly number[], values: Uint32Array | Uint16Array) => {
    const t = gpu.tensor(label, dtype, shape);
    const total = elements(shape) * BYTES[dtype];
    for (let at = 0; at < total; at += values.byteLength)
      gpu.write(t, values.subarray(0, Math.ceil((total - at) / values.BYTES_PER_ELEMENT)), at);
    return t;
  };
  const projection = (paths: readonly string[], widths: readonly number[], K: number, bias = false): Projection => {
    const N = widths.reduce((a, b) => a + b, 0);
    // Nibbles are uniform over 0..15, so (q - 7.5) s has deviation 4.6 s: s makes that 1 / sqrt(K).
    const scale = toHalf(1 / (4.6 * Math.sqrt(K)));
    const params = new Uint32Array(BLOCK).fill((scale | (toHalf(8) << 16)) >>> 0);
    const weight = {
      ...{ kind: 'q4' as const, N, K, group, meta: 'zero16' as const },
      words: repeated('words', 'u32', [N, K / 8], block),
      params: repeated('params', 'u32', [N, Math.ceil(K / group)], params),
    };
    const zeros = bias ? gpu.upload('bias', 'f32', [N], new Float32Array(N)) : undefined;
    let column = 0;
    const linears = paths.map((path, i) => {
      column += widths[i];
      return { path, column: column - widths[i], N: widths[i] };
    });
    return { N, K, linears, parts: [{ column: 0, weight, bias: zeros }], loras: [] };
  };
  const ones = () => gpu.upload('norm', 'f32', [config.hiddenSize], new Float32Array(config.hiddenSize).fill(1));
  const { hiddenSize: C, heads, kvHeads, headDim, ffnSize: F } = config;
  const layers = Array.from({ length: config.layers }, (_, i): LayerWeights => {
    const paths = layerPaths(i);
    return {
      inputNorm: ones(),
      qkv: projection(paths.qkv, [heads * headDim, kvHeads * headDim, kvHeads * headDim], C, config.qkvBias),
      o: projection(paths.o, [C], heads * headDim),
      postNorm: ones(),
      gateUp: projection(paths.gateUp, [F, F], C),
      down: projection(paths.down, [C], F),
    };
  });
  const half = (u: number) => toHalf((u / 2 ** 31 - 1) * 0.5);
  const count = tokens?.length ?? vocab;
  const data = repeated('embed_tokens', 'f16', [count, C], Uint16Array.from(block, half));
  const embed = { vocab: count, C, chunks: [{ first: 0, count, data }], rows: tokens && rowsOfTokens(tokens) };
  return { config: { ...config, vocabSize: tokens ? config.vocabSize : vocab }, embed, layers, norm: ones() };
}
