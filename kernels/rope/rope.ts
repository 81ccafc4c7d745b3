/** Rotary position embedding of q and k (Su et al. 2021). Formula and layouts: rope.wgsl. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './rope.wgsl' with { type: 'text' };

export interface Rope {
  /** [T, (heads + 2 kvHeads) headDim], f16 or f32. f32 where y is f16 spares q and k a rounding before the rotation. */
  x: Tensor;
  /** [T, (heads + 2 kvHeads) headDim], f16 or f32, another tensor: q and k rotated, v as it was */
  y: Tensor;
  /** u32 [T], each below the table's number of positions */
  positions: Tensor;
  /** f32 [positions, headDim / 2, 2], from `ropeTable` */
  table: Tensor;
  /** How many tokens there are, T. */
  rows: Dim;
  heads: number;
  kvHeads: number;
  /** A multiple of 8. */
  headDim: number;
}

const WG = 256;

/**
 * cos and sin of position * theta^(-2 i / headDim), f32 [maxPositions, headDim / 2, 2]. Made on the host in
 * float64: a f32 product of position and frequency is off by 32768 * 2^-24 = 2e-3 radians at position 32768, and
 * WGSL bounds the error of cos and sin only within [-pi, pi]. Rounded once, each entry is off by 2^-25 at most.
 */
export function ropeTable(gpu: Gpu, maxPositions: number, headDim: number, theta: number): Tensor {
  const half = headDim / 2;
  const data = new Float32Array(maxPositions * headDim);
  for (let i = 0; i < half; i++) {
    const frequency = theta ** (-i / half);
    for (let p = 0; p < maxPositions; p++) {
      data[2 * (p * half + i)] = Math.cos(p * frequency);
      data[2 * (p * half + i) + 1] = Math.sin(p * frequency);
    }
  }
  return gpu.upload('rope table', 'f32', [maxPositions, half, 2], data);
}

export function rope(r: Recorder, a: Rope): void {
  rotate(r, a, 'rope', 1);
}

/** From the gradients of the rotated q and k, and of v, in `a.x`, to those before the rotation, in `a.y`. */
export function ropeBackward(r: Recorder, a: Rope): void {
  rotate(r, a, 'rope backward', -1);
}

function rotate(r: Recorder, a: Rope, label: string, sign: 1 | -1): void {
  const { heads, kvHeads, headDim } = a;
  if (headDim % 8) throw new Error(`rope: headDim ${headDim} is not a multiple of 8`);
  const OCTETS = headDim / 8;
  const [ROTATED, HEADS] = [heads + kvHeads, heads + 2 * kvHeads];
  r.dispatch({
    label,
    code: specialise(source, {
      enable: [a.x.dtype, a.y.dtype].includes('f16') ? ['f16'] : [],
      alias: { X: `vec4<${a.x.dtype}>`, Y: `vec4<${a.y.dtype}>` },
      constants: { OCTETS, ROTATED, HEADS, SIGN: float(sign), WG },
    }),
    bindings: [a.x, a.y, a.positions, a.table, a.rows],
    grid: () => fold(Math.ceil((a.rows.count * HEADS * OCTETS) / WG)),
  });
}
