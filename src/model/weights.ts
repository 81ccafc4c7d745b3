/**
 * A decoder's weights on the GPU. Linears that read the same input lie side by side in one projection, so that
 * q, k and v are one product, and gate and up another.
 */
import type { EmbedTable } from '../../kernels/embed/embed.ts';
import type { Lora, Weight } from '../../kernels/linear/weights.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Tensor } from '../gpu/tensor.ts';

/** One or several of the model's linears on the same input. y [T, N] holds their outputs side by side. */
export interface Projection {
  N: number;
  K: number;
  /** The linears by canonical path, with the columns of y that each one makes. */
  linears: { path: string; column: number; N: number }[];
  /** What is multiplied: one part where the formats are alike and one binding holds them, several otherwise. */
  parts: { column: number; weight: Weight; bias?: Tensor }[];
  /** Adapters, each on one linear's columns. */
  loras: AdapterPart[];
}

export interface AdapterPart {
  column: number;
  lora: Lora;
  /** Which linear of the network this is, counted through all layers: its dropout's own place in the random stream. */
  site: number;
}

export interface LayerWeights {
  inputNorm: Tensor;
  /** q, k, v: N = (heads + 2 kvHeads) headDim. */
  qkv: Projection;
  o: Projection;
  postNorm: Tensor;
  /** gate, up: N = 2 ffnSize. */
  gateUp: Projection;
  down: Projection;
}

export interface ModelWeights {
  config: ModelConfig;
  embed: EmbedTable;
  layers: LayerWeights[];
  norm: Tensor;
  /** The language-model head, where it was asked for. */
  head?: Projection;
}

export const projections = (w: LayerWeights): Projection[] => [w.qkv, w.o, w.gateUp, w.down];

/** The weights of all layers' linears. */
export const linears = (w: ModelWeights): Weight[] =>
  w.layers.flatMap((layer) => projections(layer).flatMap(({ parts }) => parts.map(({ weight }) => weight)));

/** Every tensor of the model, each once (a tied head is the embedding). */
export function tensors(w: ModelWeights): Set<Tensor> {
  const all = new Set<Tensor>([w.norm, ...w.embed.chunks.map((c) => c.data)]);
  const add = (p: Projection) => {
    for (const { weight, bias } of p.parts) {
      if (bias) all.add(bias);
      if (weight.kind === 'dense') all.add(weight.data);
      else {
        const { words, params, perm, int8 } = weight;
        for (const t of [words, params, perm, int8?.rows, int8?.columns]) if (t) all.add(t);
      }
    }
    for (const { lora } of p.loras) all.add(lora.A).add(lora.B);
  };
  for (const layer of w.layers) {
    all.add(layer.inputNorm).add(layer.postNorm);
    projections(layer).forEach(add);
  }
  if (w.head) add(w.head);
  return all;
}

export function freeModel(gpu: Gpu, w: ModelWeights): void {
  gpu.free(...tensors(w));
}
