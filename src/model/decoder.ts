/**
 * The decoder, forward: Qwen2 and Llama. Each line records one kernel, or the few of one projection; the folder of
 * that name under kernels/ holds its WGSL. Nothing runs until the recording is replayed.
 */
import { attention } from '../../kernels/attention/attention.ts';
import type { Sequences } from '../../kernels/attention/sequences.ts';
import { embed } from '../../kernels/embed/embed.ts';
import { int8Plan, linearInt8 } from '../../kernels/linear/int8/int8.ts';
import { downAhead, linear } from '../../kernels/linear/linear.ts';
import { lora } from '../../kernels/lora/lora.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import { rope, ropeTable } from '../../kernels/rope/rope.ts';
import { swiglu } from '../../kernels/swiglu/swiglu.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dim, Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { LayerWeights, ModelWeights, Projection } from './weights.ts';

/** Activations of one batch. Each is overwritten layer by layer, unless a layer has its own (KeptActivations). */
export interface Activations {
  /** f32 [T, hidden]: the residual stream. */
  h: Tensor;
  /** [T, hidden]: what a projection reads, in the tier's activation type, as all below. */
  a: Tensor;
  /** f32 [T, (heads + 2 kvHeads) headDim]: before the rotation, so that q and k are rounded once, after it. */
  flat: Tensor;
  /** [T, (heads + 2 kvHeads) headDim] */
  qkv: Tensor;
  /** [T, heads headDim] */
  mixed: Tensor;
  /** [T, 2 ffn] */
  gateUp: Tensor;
  /** [T, ffn] */
  act: Tensor;
  /** f32 [positions, headDim / 2, 2] */
  ropeTable: Tensor;
}

/** What a layer keeps for its backward pass, so that it need not be run again. */
export interface KeptActivations extends Pick<Activations, 'qkv' | 'mixed' | 'gateUp'> {
  /** f32 [T, hidden]: the residual stream in the middle of the layer. */
  mid: Tensor;
  /** f32 [T, heads]: attention's log-sum-exp. */
  lse: Tensor;
}

/** Where a layer works: the activations, and what its backward pass wants beside them, `input` being a copy of its input. */
type Workspace = Activations & Partial<KeptActivations> & { input?: Tensor };

/** What a training step, a calibration or an embedder asks of a forward pass. */
export interface ForwardOptions {
  /** Called after the embedding (0) and after every layer (1 ..), to record what a test wants to keep there. */
  probe?: (r: Recorder, depth: number) => void;
  /** Told of every projection before it is recorded, and of what it reads: [rows, K]. */
  onInput?: (r: Recorder, p: Projection, x: Tensor, rows: Dim) => void;
  dropout?: AdapterDropout;
  /** Where an adapter keeps d(x) Aᵀ, f32 [T, rank], by its site. */
  H?: (site: number, rank: number) => Tensor | undefined;
  /** f32 [T, hidden], one a layer: get the layers' inputs. */
  inputs?: readonly Tensor[];
  /** One a layer, where layers are not run again. */
  kept?: readonly KeptActivations[];
  /** Products of int4 weights in i8 where kernels/linear/int8 can; adapters are added in f16 then, from x as it was. */
  int8?: boolean;
}

/** Widths of the activations that hold one row a token, as [name, columns, is f32]. */
const widths = (c: ModelConfig): [keyof Activations, number, boolean][] => [
  ['h', c.hiddenSize, true],
  ['a', c.hiddenSize, false],
  ['flat', (c.heads + 2 * c.kvHeads) * c.headDim, true],
  ['qkv', (c.heads + 2 * c.kvHeads) * c.headDim, false],
  ['mixed', c.heads * c.headDim, false],
  ['gateUp', 2 * c.ffnSize, false],
  ['act', c.ffnSize, false],
];

/** Bytes of activations a token, and of the widest of them, which one binding must hold. */
export function activationBytes(c: ModelConfig, activation: 'f16' | 'f32'): { perToken: number; widest: number } {
  const bytes = widths(c).map(([, columns, f32]) => columns * (f32 || activation === 'f32' ? 4 : 2));
  return { perToken: bytes.reduce((a, b) => a + b, 0), widest: Math.max(...bytes) };
}

type Pass = 'forward' | 'backward';

/**
 * Bytes a token that products of many rows on subgroup matrices (linear.tall.ts) may hold beside the activations: their
 * left operands in tiles, one of each width.
 */
export function tileBytes(c: ModelConfig, pass: Pass): number {
  const [mixed, qkv] = [c.heads * c.headDim, (c.heads + 2 * c.kvHeads) * c.headDim];
  const widths = pass === 'forward' ? [c.hiddenSize, mixed, c.ffnSize] : [c.hiddenSize, qkv, 2 * c.ffnSize];
  return 2 * [...new Set(widths)].reduce((a, b) => a + b, 0);
}

/** Bytes that products in i8 hold beside the activations: rows of each width a token, and a layer's weights, for each pass. */
export function int8Bytes(c: ModelConfig, passes: readonly Pass[]): { perToken: number; weights: number } {
  const [mixed, qkv] = [c.heads * c.headDim, (c.heads + 2 * c.kvHeads) * c.headDim];
  const weights = c.hiddenSize * (qkv + mixed + 3 * c.ffnSize);
  return { perToken: passes.reduce((n, pass) => n + tileBytes(c, pass) / 2, 0), weights: passes.length * weights };
}

/** Room for batches of up to `maxTokens` tokens, in sequences of up to `maxLength`. */
export function activations(gpu: Gpu, c: ModelConfig, maxTokens: number, maxLength: number): Activations {
  const made = widths(c).map(([name, columns, f32]) => [
    name,
    gpu.tensor(name, f32 ? 'f32' : gpu.activation, [maxTokens, columns]),
  ]);
  return { ...Object.fromEntries(made), ropeTable: ropeTable(gpu, maxLength, c.headDim, c.ropeTheta) };
}

/**
 * SwiGLU's output is the one activation of real models that outgrows f16 (Qwen2.5's outliers pass 65,504), so it is
 * stored divided by 16, and the down projection multiplies by 16. A power of two: nothing is rounded by it.
 */
export const DOWN_SCALE = { f16: 16, f32: 1 };

/** Dropout on what the adapters read, while training. */
export interface AdapterDropout {
  /** The probability of being dropped. */
  p: number;
  /** (seed's low word, its high word, a number that no other batch has, 0). */
  state: Dim;
}

export interface Projected extends Pick<ForwardOptions, 'dropout' | 'H' | 'onInput' | 'int8'> {
  x: Tensor;
  y: Tensor;
  rows: Dim;
  add?: boolean;
  scale?: number;
}

/** y = x Wᵀ for every part of a projection, and its adapters on top. */
export function project(r: Recorder, p: Projection, a: Projected): void {
  const { x, y, rows, add = false, scale = 1 } = a;
  a.onInput?.(r, p, x, rows);
  // Linears that read the same input see it through the same mask: it is drawn once, and their adapters can be one.
  const dropout = a.dropout && p.loras.length > 0 ? { ...a.dropout, site: p.loras[0].site } : undefined;
  const updates = p.loras.map(({ column, lora: l, site }) => {
    const H = a.H?.(site, l.A.shape[0]);
    return { x, y, rows, column, lora: { ...l, scale: l.scale * scale }, dropout, H };
  });
  const [{ weight, column, bias }] = p.parts;
  const [update] = updates;
  if (!a.int8 && p.parts.length === 1 && updates.length === 1 && update.lora.B.shape[0] === weight.N) {
    linear(r, { ...update, column, weight, bias, add, scale });
    return;
  }
  const calls = p.parts.map(({ column, weight, bias }) => ({ x, weight, bias, y, rows, column, add, scale }));
  const xTiles = a.int8 || !update ? undefined : downAhead(r, calls, update);
  for (const call of calls) {
    const plan = a.int8 ? int8Plan(r.gpu.caps, call) : undefined;
    if (plan) linearInt8(r, call, plan);
    else linear(r, { ...call, xTiles });
  }
  updates.forEach((update, i) => {
    lora(r, { ...update, ahead: i === 0 && xTiles !== undefined });
  });
}

/** One layer: h += o(attention(rope(qkv(norm(h))))); h += down(silu(gate(norm(h))) * up(norm(h))). */
export function layer(
  r: Recorder,
  c: ModelConfig,
  w: LayerWeights,
  s: Workspace,
  seqs: Sequences,
  t: ForwardOptions = {},
): void {
  const rows = seqs.tokens;
  upToDown(r, c, w, s, seqs, t);
  project(r, w.down, { x: s.act, y: s.h, rows, add: true, scale: DOWN_SCALE[r.gpu.activation], ...t });
}

/** All of a layer but its last product: what the backward pass makes again. s.h ends in the middle of the layer. */
export function upToDown(
  r: Recorder,
  c: ModelConfig,
  w: LayerWeights,
  s: Workspace,
  seqs: Sequences,
  t: ForwardOptions = {},
): void {
  const rows = seqs.tokens;
  const shape = { heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim };
  rmsNorm(r, { x: s.h, weight: w.inputNorm, y: s.a, copy: s.input, rows, eps: c.rmsEps });
  project(r, w.qkv, { x: s.a, y: s.flat, rows, ...t });
  rope(r, { x: s.flat, y: s.qkv, positions: seqs.positions, table: s.ropeTable, rows, ...shape });
  attention(r, { qkv: s.qkv, y: s.mixed, lse: s.lse, sequences: seqs, ...shape });
  project(r, w.o, { x: s.mixed, y: s.h, rows, add: true, ...t });
  rmsNorm(r, { x: s.h, weight: w.postNorm, y: s.a, copy: s.mid, rows, eps: c.rmsEps });
  project(r, w.gateUp, { x: s.a, y: s.gateUp, rows, ...t });
  swiglu(r, { gateUp: s.gateUp, y: s.act, rows, scale: 1 / DOWN_SCALE[r.gpu.activation] });
}

/** Token ids to the residual stream after the last layer, before the final norm. */
export function forward(r: Recorder, w: ModelWeights, s: Activations, seqs: Sequences, t: ForwardOptions = {}): void {
  if (seqs.rows !== w.embed.rows) throw new Error('the sequences are of another embedding than the model');
  embed(r, { ids: seqs.ids, table: w.embed, h: s.h, rows: seqs.tokens });
  t.probe?.(r, 0);
  w.layers.forEach((l, i) => {
    layer(r, w.config, l, { ...s, ...t.kept?.[i], input: t.inputs?.[i] }, seqs, t);
    t.probe?.(r, i + 1);
  });
}
