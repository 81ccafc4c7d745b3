/**
 * Every weight trained, whatever form the base is stored in: f32 masters, from which the products' f16 copies are made
 * anew after each update; where the tier has no f16 they read the masters themselves.
 */

import { plan as embedPlan } from '../../kernels/embed/embed.ts';
import type { DenseWeight } from '../../kernels/linear/weights.ts';
import { UserError } from '../errors.ts';
import { needsBias } from '../formats/decoder_paths.ts';
import { dequantize } from '../formats/dequantize.ts';
import type { Checkpoint, StoredDense, StoredLinear } from '../formats/stored.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { layerPaths } from '../model/load.ts';
import type { LayerWeights, ModelWeights, Projection } from '../model/weights.ts';
import { type Parameter, type ParameterSpec, Parameters } from './parameters.ts';
import type { Trainable } from './trainable.ts';

/** One parameter and what fills it: stored tensors end to end, or some rows of one. */
interface Source extends ParameterSpec {
  stored: readonly (StoredLinear | StoredDense)[];
  rows?: { first: number; count: number };
}

const LAYER = ['qkv', 'o', 'gateUp', 'down'] as const;
const NORMS = ['input_layernorm', 'post_attention_layernorm'] as const;

/** The parameters of a checkpoint; linears that read the same input are one, as the decoder multiplies them. Names are paths joined by ' + '. */
export function sourcesOf(checkpoint: Checkpoint, maxBinding: number): Source[] {
  const { config } = checkpoint;
  const { vocabSize: vocab, hiddenSize: C } = config;
  const embed = checkpoint.dense('embed_tokens');
  const chunks = embedPlan({ maxBinding }, { vocab, C, dtype: 'f32' });
  const sources: Source[] = chunks.map((rows, i) => ({
    name: chunks.length > 1 ? `embed_tokens ${i}` : 'embed_tokens',
    shape: [rows.count, C],
    stored: [embed],
    rows,
  }));
  const norm = (path: string) => sources.push({ name: path, shape: [C], stored: [checkpoint.dense(path)] });
  for (let i = 0; i < config.layers; i++) {
    const paths = layerPaths(i);
    for (const kind of LAYER) {
      const stored = paths[kind].map((path) => checkpoint.linear(path));
      const name = paths[kind].join(' + ');
      const rows = stored.reduce((n, s) => n + s.N, 0);
      sources.push({ name, shape: [rows, stored[0].K], stored });
      if (paths[kind].every((path) => needsBias(config, path)))
        sources.push({ name: `${name} bias`, shape: [rows], stored: stored.map((s) => s.bias!) });
    }
    for (const n of NORMS) norm(`layers.${i}.${n}`);
  }
  norm('norm');
  return sources;
}

/** Some exporters write zeros as biases that the architecture has not; anything else there could not be written back. */
async function refuseOddBiases(checkpoint: Checkpoint): Promise<void> {
  const { config } = checkpoint;
  for (let i = 0; i < config.layers; i++)
    for (const path of Object.values(layerPaths(i)).flat()) {
      const { bias } = checkpoint.linear(path);
      if (bias && !needsBias(config, path) && (await dequantize(bias)).some(Boolean))
        throw new UserError(
          `${checkpoint.name}: ${bias.path} is not zero, and a ${config.family} model has none: train LoRA`,
        );
    }
}

/** Loads a checkpoint to be trained as a whole. `onProgress` counts parameters filled. */
export async function allWeights(
  gpu: Gpu,
  checkpoint: Checkpoint,
  onProgress?: (done: number, total: number) => void,
): Promise<Trainable> {
  await refuseOddBiases(checkpoint);
  const sources = sourcesOf(checkpoint, gpu.caps.maxBinding);
  const parameters = new Parameters(gpu, sources, { halves: gpu.activation === 'f16' });
  const byName = new Map<string, Parameter>();
  for (const [i, { stored, rows }] of sources.entries()) {
    const parameter = parameters.all[i];
    byName.set(parameter.name, parameter);
    const columns = parameter.shape[1] ?? 1;
    let at = 0;
    for (const s of stored) {
      const values = Float32Array.from(await dequantize(s));
      const part = rows ? values.subarray(rows.first * columns, (rows.first + rows.count) * columns) : values;
      gpu.write(parameter.value, part, 4 * at);
      at += part.length;
    }
    onProgress?.(i + 1, sources.length);
  }

  const gradients = new Map<Tensor, Tensor>();
  /** What kernels read of a parameter: itself, or its copy. */
  const vector = (name: string): Tensor => {
    const { value, gradient } = byName.get(name)!;
    gradients.set(value, gradient);
    return value;
  };
  const matrix = (name: string): Tensor => {
    const parameter = byName.get(name)!;
    // Kernels read f16 in pairs, so odd widths stay f32.
    if (gpu.activation === 'f32' || parameter.shape[1] % 2) return vector(name);
    const half = parameters.half(parameter);
    gradients.set(half, parameter.gradient);
    return half;
  };
  const projection = (paths: readonly string[]): Projection => {
    const name = paths.join(' + ');
    const data = matrix(name) as DenseWeight['data'];
    const [N, K] = data.shape;
    const bias = byName.has(`${name} bias`) ? vector(`${name} bias`) : undefined;
    let column = 0;
    const linears = paths.map((path) => {
      const linear = { path, column, N: checkpoint.linear(path).N };
      column += linear.N;
      return linear;
    });
    return { N, K, linears, parts: [{ column: 0, weight: { kind: 'dense', N, K, data }, bias }], loras: [] };
  };
  const { config } = checkpoint;
  const layers = Array.from({ length: config.layers }, (_, i): LayerWeights => {
    const paths = layerPaths(i);
    return {
      inputNorm: vector(`layers.${i}.${NORMS[0]}`),
      qkv: projection(paths.qkv),
      o: projection(paths.o),
      postNorm: vector(`layers.${i}.${NORMS[1]}`),
      gateUp: projection(paths.gateUp),
      down: projection(paths.down),
    };
  });
  const chunks = sources.flatMap(({ name, rows }) => (rows ? [{ ...rows, data: matrix(name) }] : []));
  const embed = { vocab: config.vocabSize, C: config.hiddenSize, chunks };
  const model: ModelWeights = { config, embed, layers, norm: vector('norm') };
  const r = new Recorder(gpu);
  parameters.recordHalves(r);
  const refresh = await r.finish();
  refresh.replay();
  const free = () => {
    refresh.free();
    parameters.free();
  };
  return { model, parameters, gradients, embedding: true, refresh, free };
}
