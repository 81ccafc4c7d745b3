/** The uniform of the backward kernels: the struct of shape.backward.wgsl. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { threshold } from '../dropout/mask.ts';

/** The mask that the forward pass put on x. */
export interface DropoutMask {
  /** The probability of being dropped, in [0, 1). */
  p: number;
  /** Which dropout of the network this is, as in the forward pass. */
  site: number;
  /** (seed's low word, its high word, step, 0), as in the forward pass. */
  state: Dim;
}

export interface BackwardNumbers {
  N: number;
  K: number;
  ldy: number;
  column: number;
  group?: number;
  perm?: boolean;
  add?: boolean;
  scale?: number;
  span?: number;
  part?: number;
  offset?: number;
  dropout?: DropoutMask;
}

export function backwardUniform(gpu: Gpu, s: BackwardNumbers): Tensor {
  const words = new Uint32Array(16);
  const floats = new Float32Array(words.buffer);
  const { dropout: d, span = 0, part = 0, offset = 0 } = s;
  words.set([s.N, s.K, s.ldy, s.column, Math.ceil(s.K / 8), Math.ceil(s.K / (s.group ?? s.K))]);
  words.set([Number(s.perm ?? false), Number(s.add ?? false)], 6);
  floats[8] = s.scale ?? 1;
  words.set([span, part, offset, d?.site ?? 0, d ? threshold(d.p) : 0], 9);
  floats[14] = d ? 1 / (1 - d.p) : 1;
  return gpu.uniform('linear backward shape', words);
}
