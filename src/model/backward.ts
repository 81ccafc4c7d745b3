/**
 * The decoder, backward: the mirror of decoder.ts, one kernel a line. Of the forward pass each layer's input was kept,
 * and where there is room what its products made; where not, the layer is run again before it is walked back (Chen et
 * al. 2016). Dropout masks are made again from their counters in either case. Which tensors are trained is a map from each to the tensor that collects its gradient.
 */
import { attentionBackward } from '../../kernels/attention/attention.backward.ts';
import type { Sequences } from '../../kernels/attention/sequences.ts';
import { copy } from '../../kernels/copy/copy.ts';
import { embedBackward } from '../../kernels/embed_backward/embed_backward.ts';
import type { TokenRows } from '../../kernels/embed_backward/token_rows.ts';
import { biasGradient } from '../../kernels/linear/bias_gradient.ts';
import { int8BackwardPlan, linearBackwardInt8 } from '../../kernels/linear/int8/int8.ts';
import { linearBackward } from '../../kernels/linear/linear.backward.ts';
import { weightGradient } from '../../kernels/linear/weight_gradient.ts';
import { loraBackward } from '../../kernels/lora/lora.backward.ts';
import { rmsNormBackward } from '../../kernels/rms_norm/rms_norm.backward.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import { ropeBackward } from '../../kernels/rope/rope.ts';
import { swigluBackward } from '../../kernels/swiglu/swiglu.backward.ts';
import { swiglu } from '../../kernels/swiglu/swiglu.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dim, Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Activations, type AdapterDropout, DOWN_SCALE, type KeptActivations, upToDown } from './decoder.ts';
import { type ModelWeights, type Projection, projections } from './weights.ts';

/** Of every trained tensor, the f32 tensor of its shape that its gradient is added to. */
export type Gradients = ReadonlyMap<Tensor, Tensor>;

/** What the backward pass needs beside the forward's activations. All but the inputs serve one layer after the other. */
export interface BackwardActivations {
  /** f32 [T, hidden], one a layer: its input. */
  inputs: Tensor[];
  /** One a layer, where layers are not run again. */
  kept?: KeptActivations[];
  /** Then also d(x) Aᵀ of every adapter, by its site. */
  H: Map<number, Tensor>;
  /** f32 [T, heads]: attention's log-sum-exp, of layers that are run again. */
  lse: Tensor;
  /** f32 [T, hidden]: the residual stream's gradient. */
  dh: Tensor;
  /** [T, hidden]: the same as products read it, in the tier's activation type, as all below. */
  dy: Tensor;
  /** [T, hidden]: the gradient of a norm's output. */
  da: Tensor;
  /** [T, heads headDim] */
  dmixed: Tensor;
  /** [T, (heads + 2 kvHeads) headDim]: after the rotation, and before it. */
  dqkv: Tensor;
  dflat: Tensor;
  /** [T, ffn] */
  dact: Tensor;
}

/** `keep`: layers keep what their products make and are not run again. */
export function backwardActivations(gpu: Gpu, w: ModelWeights, maxTokens: number, keep: boolean): BackwardActivations {
  const c = w.config;
  const make = (label: string, columns: number, dtype: 'f16' | 'f32' = gpu.activation) =>
    gpu.tensor(label, dtype, [maxTokens, columns]);
  const C = c.hiddenSize;
  const keptOf = (i: number): KeptActivations => ({
    mid: make(`middle of layer ${i}`, C, 'f32'),
    qkv: make(`qkv of layer ${i}`, (c.heads + 2 * c.kvHeads) * c.headDim),
    mixed: make(`mixed of layer ${i}`, c.heads * c.headDim),
    gateUp: make(`gateUp of layer ${i}`, 2 * c.ffnSize),
    lse: make(`log-sum-exp of layer ${i}`, c.heads, 'f32'),
  });
  const loras = w.layers.flatMap(projections).flatMap((p) => p.loras);
  return {
    kept: keep ? w.layers.map((_, i) => keptOf(i)) : undefined,
    H: new Map(keep ? loras.map(({ site, lora }) => [site, make(`H ${site}`, lora.A.shape[0], 'f32')]) : []),
    inputs: Array.from({ length: c.layers }, (_, i) => make(`input of layer ${i}`, C, 'f32')),
    lse: make('log-sum-exp', c.heads, 'f32'),
    dh: make('dh', C, 'f32'),
    dy: make('dy', C),
    da: make('da', C),
    dmixed: make('dmixed', c.heads * c.headDim),
    dqkv: make('dqkv', (c.heads + 2 * c.kvHeads) * c.headDim),
    dflat: make('dflat', (c.heads + 2 * c.kvHeads) * c.headDim),
    dact: make('dact', c.ffnSize),
  };
}

/** Every tensor of them, to be freed. */
export const backwardTensors = ({ inputs, kept = [], H, ...rest }: BackwardActivations): Tensor[] => [
  ...inputs,
  ...kept.flatMap((k) => Object.values(k)),
  ...H.values(),
  ...Object.values(rest),
];

/** Bytes of backward activations a token, and what keeping all layers' own adds to them (without adapters' H). */
export function backwardBytes(c: ModelConfig, activation: 'f16' | 'f32'): { perToken: number; kept: number } {
  const bytes = activation === 'f16' ? 2 : 4;
  const [mixed, qkv] = [c.heads * c.headDim, (c.heads + 2 * c.kvHeads) * c.headDim];
  return {
    perToken:
      4 * (c.layers + 1) * c.hiddenSize + 4 * c.heads + bytes * (2 * c.hiddenSize + mixed + 2 * qkv + c.ffnSize),
    kept: c.layers * (4 * (c.hiddenSize + c.heads) + bytes * (mixed + qkv + 2 * c.ffnSize)),
  };
}

interface ProjectedBack {
  /** The forward's input. */
  x: Tensor;
  dy: Tensor;
  /** Left out where nothing below is trained. */
  dx?: Tensor;
  rows: Dim;
  scale?: number;
  dropout?: AdapterDropout;
  H?: (site: number, rank: number) => Tensor | undefined;
  /** dy W in i8 where kernels/linear/int8 can; adapters' gradients are f16's. */
  int8?: boolean;
}

/** dx = dy W for all parts and adapters of a projection; the gradients of those that are trained. */
function projectBackward(r: Recorder, p: Projection, gradients: Gradients, a: ProjectedBack): void {
  const { x, dy, dx, rows, scale = 1 } = a;
  p.parts.forEach(({ column, weight, bias }, i) => {
    if (dx) {
      const call = { dy, column, weight, dx, rows, scale, add: i > 0 };
      const plan = a.int8 ? int8BackwardPlan(r.gpu.caps, call) : undefined;
      if (plan) linearBackwardInt8(r, call, plan);
      else linearBackward(r, call);
    }
    const dW = weight.kind === 'dense' ? gradients.get(weight.data) : undefined;
    if (dW) weightGradient(r, { dy, column, x, N: weight.N, dW: { data: dW }, rows, scale, add: true });
    const dbias = bias && gradients.get(bias);
    if (dbias) biasGradient(r, { dy, column, N: weight.N, dbias: { data: dbias }, rows, add: true });
  });
  const dropout = a.dropout && p.loras.length > 0 ? { ...a.dropout, site: p.loras[0].site } : undefined;
  for (const { column, lora, site } of p.loras) {
    const [dA, dB] = [gradients.get(lora.A), gradients.get(lora.B)];
    if (!dA || !dB) throw new Error(`${lora.A.label}: an adapter that is not trained has no place in a training step`);
    const scaled = { ...lora, scale: lora.scale * scale };
    const trained = { dA: { data: dA }, dB: { data: dB }, add: true };
    loraBackward(r, { x, lora: scaled, dy, column, rows, dx, ...trained, dropout, H: a.H?.(site, lora.A.shape[0]) });
  }
}

export interface BackwardOptions {
  dropout?: AdapterDropout;
  /** Products of int4 weights in i8, those of layers that are run again too. */
  int8?: boolean;
}

/** Linears of a layer: an adapter's site is its layer's times this and its place. */
const LINEARS = 7;

/** One layer: from the gradient of its output, in b.dh and b.dy, to that of its input, unless it is the `last`, below which nothing is trained. */
function layerBackward(
  r: Recorder,
  w: ModelWeights,
  i: number,
  shared: Activations,
  b: BackwardActivations,
  seqs: Sequences,
  gradients: Gradients,
  { last, dropout, int8 }: BackwardOptions & { last: boolean },
): void {
  const { config: c, layers } = w;
  const [L, input, own] = [layers[i], b.inputs[i], b.kept?.[i]];
  const rows = seqs.tokens;
  const shape = { heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim };
  const down = DOWN_SCALE[r.gpu.activation];
  const s = { ...shared, lse: b.lse, ...own };
  const mid = own ? own.mid : s.h;
  const normed = (weight: Tensor, x: Tensor) => {
    const data = gradients.get(weight);
    const dweight = data && { data, add: true };
    rmsNormBackward(r, { x, weight, dy: b.da, dx: b.dh, copy: b.dy, rows, eps: c.rmsEps, add: true, dweight });
  };
  const scratchH = (site: number, rank: number) => r.scratch(`H ${site % LINEARS}`, 'f32', [s.h.shape[0], rank]);
  const H = own ? (site: number) => b.H.get(site) : scratchH;
  if (own) {
    rmsNorm(r, { x: mid, weight: L.postNorm, y: s.a, rows, eps: c.rmsEps });
    swiglu(r, { gateUp: s.gateUp, y: s.act, rows, scale: 1 / down });
  } else {
    copy(r, { x: input, y: s.h, rows });
    upToDown(r, c, L, s, seqs, { dropout, H, int8 });
  }
  // The down projection was not run again, so its adapter's H was not made.
  const downH = own ? H : undefined;
  projectBackward(r, L.down, gradients, { x: s.act, dy: b.dy, dx: b.dact, rows, scale: down, dropout, H: downH, int8 });
  swigluBackward(r, { gateUp: s.gateUp, dy: b.dact, rows, scale: 1 / down });
  projectBackward(r, L.gateUp, gradients, { x: s.a, dy: s.gateUp, dx: b.da, rows, dropout, H, int8 });
  normed(L.postNorm, mid);
  projectBackward(r, L.o, gradients, { x: s.mixed, dy: b.dy, dx: b.dmixed, rows, dropout, H, int8 });
  attentionBackward(r, { qkv: s.qkv, y: s.mixed, lse: s.lse, dy: b.dmixed, dqkv: b.dqkv, sequences: seqs, ...shape });
  ropeBackward(r, { x: b.dqkv, y: b.dflat, positions: seqs.positions, table: s.ropeTable, rows, ...shape });
  rmsNorm(r, { x: input, weight: L.inputNorm, y: s.a, rows, eps: c.rmsEps });
  projectBackward(r, L.qkv, gradients, { x: s.a, dy: b.dflat, dx: last ? undefined : b.da, rows, dropout, H, int8 });
  if (!last) normed(L.inputNorm, input);
}

/**
 * From the gradient of the residual stream after the last layer, in b.dh, to the gradients of all that is trained,
 * which are added to. `tokens` is needed where the embedding is among them.
 */
export function backward(
  r: Recorder,
  w: ModelWeights,
  s: Activations,
  b: BackwardActivations,
  seqs: Sequences,
  gradients: Gradients,
  { tokens, ...options }: BackwardOptions & { tokens?: TokenRows } = {},
): void {
  copy(r, { x: b.dh, y: b.dy, rows: seqs.tokens });
  const below = w.layers.length > 0 && (gradients.has(w.layers[0].inputNorm) || tokens !== undefined);
  for (let i = w.layers.length - 1; i >= 0; i--) {
    layerBackward(r, w, i, s, b, seqs, gradients, { last: i === 0 && !below, ...options });
  }
  if (!tokens) return;
  const chunks = w.embed.chunks.map((chunk) => ({ ...chunk, data: gradients.get(chunk.data)! }));
  embedBackward(r, { dh: b.dh, rows: tokens, dtable: { ...w.embed, chunks }, add: true });
}
