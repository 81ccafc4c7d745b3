/** Variable-length causal attention with grouped heads. Formula and layouts: attention.wgsl. */
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { attentionMatrix, matrixFits } from './attention.matrix.ts';
import source from './attention.wgsl' with { type: 'text' };
import { lseText } from './lse.ts';
import type { Sequences } from './sequences.ts';

export interface AttentionShape {
  heads: number;
  /** Divides heads. */
  kvHeads: number;
  /** A multiple of 8, at most 256. */
  headDim: number;
}

export interface Attention extends AttentionShape {
  /** [T, (heads + 2 kvHeads) headDim], f16 or f32: q heads, k heads, v heads */
  qkv: Tensor;
  /** [T, heads headDim], of qkv's type */
  y: Tensor;
  /** f32 [T, heads], where the gradient is wanted: log2 of the sum of exp2 of a query's scores in units of log2. */
  lse?: Tensor;
  sequences: Sequences;
}

export type AttentionPlan = PlainPlan | { form: 'matrix' };

export interface PlainPlan {
  form: 'plain';
  /** Queries a workgroup takes. */
  rows: number;
  /** Queries a thread has. */
  each: number;
  /** Threads that share a query. */
  parts: number;
  /** Keys staged at a time. */
  keys: number;
}

/** Throws where the shape is none that the kernel computes. */
export function plan(caps: Caps, shape: AttentionShape): AttentionPlan {
  const { heads, kvHeads, headDim } = shape;
  if (headDim % 8 || headDim > 256 || heads % kvHeads)
    throw new Error(
      `attention: ${heads} heads on ${kvHeads}, each ${headDim} wide: the width must be a multiple of 8 up to 256, and the heads one of ${kvHeads}`,
    );
  return matrixFits(caps, shape) ? { form: 'matrix' } : plainPlan(headDim);
}

function plainPlan(headDim: number): PlainPlan {
  const [rows, each] = [32, 2];
  // At least four vectors of channels a thread where D has them: fewer, and adding up shares costs too much.
  const parts = [8, 4].find((n) => headDim % (4 * n) === 0 && headDim >= 16 * n) ?? 2;
  // Within the portable workgroup memory everywhere: more workgroups at a time hide latency better than longer rounds.
  const keys = Math.floor(PORTABLE_CAPS.maxWorkgroupStorage / 4 / (headDim + parts * rows) / 4) * 4;
  return { form: 'plain', rows, each, parts, keys: Math.min(32, keys) };
}

export function attention(r: Recorder, a: Attention): void {
  const p = plan(r.gpu.caps, a);
  if (p.form === 'matrix') {
    attentionMatrix(r, a);
    return;
  }
  const { list, count } = a.sequences.tiles(p);
  r.dispatch({
    label: 'attention',
    code: plainCode(a, p),
    bindings: [a.qkv, list, a.y, count, ...(a.lse ? [a.lse] : [])],
    grid: () => [a.heads, count.count],
  });
}

function plainCode({ heads: H, kvHeads: KV, headDim, qkv, lse }: Attention, p: PlainPlan): string {
  const SCALE = float(Math.LOG2E / Math.sqrt(headDim));
  const counts = { EACH: p.each, SLICE: headDim / 4 / p.parts };
  const text = specialise(source, {
    enable: qkv.dtype === 'f16' ? ['f16'] : [],
    alias: { Vec: `vec4<${qkv.dtype}>` },
    constants: { H, KV, D4: headDim / 4, ROWS: p.rows, EACH: p.each, PARTS: p.parts, KEYS: p.keys, SCALE },
    include: [lseText(lse)],
  });
  return unroll(text, counts);
}
