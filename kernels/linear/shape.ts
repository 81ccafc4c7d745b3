/** The uniform of the forward kernels: the struct of shape.wgsl. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { Linear, LinearShape } from './linear.types.ts';

export function shapeUniform(gpu: Gpu, a: Linear, s: LinearShape): Tensor {
  const words = new Uint32Array(12);
  const groups = s.group ? Math.ceil(s.K / s.group) : 0;
  words.set([s.N, s.K, s.ldy, s.column, Math.ceil(s.K / 8), groups, s.group ?? s.K, Number(a.bias !== undefined)]);
  new Float32Array(words.buffer)[8] = a.scale ?? 1;
  return gpu.uniform('linear shape', words);
}
