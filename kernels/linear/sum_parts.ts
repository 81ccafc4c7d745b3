/** Adds up the parts of a sum that workgroups made apart, in a fixed order. Formula and layouts: sum_parts.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './sum_parts.wgsl' with { type: 'text' };

export interface SumParts {
  /** f32 [parts, M, C], M the capacity */
  parts: Tensor;
  /** f16 or f32: M · C elements of it are written, from `offset` on */
  out: Tensor;
  offset?: number;
  /** How many of the M rows there are. */
  rows: Dim;
  add?: boolean;
  scale?: number;
}

const WG = 256;

export function sumParts(r: Recorder, a: SumParts): void {
  const [PARTS, M, C] = a.parts.shape;
  const shape = Uint32Array.of(C, PARTS, M * C, a.offset ?? 0, Number(a.add ?? false), 0, 0, 0);
  new Float32Array(shape.buffer)[5] = a.scale ?? 1;
  r.dispatch({
    label: 'sum_parts',
    code: specialise(source, {
      enable: a.out.dtype === 'f16' ? ['f16'] : [],
      alias: { Out: a.out.dtype },
      constants: { WG },
    }),
    bindings: [a.parts, a.out, a.rows, r.gpu.uniform('sum_parts shape', shape)],
    grid: () => fold(Math.ceil((a.rows.count * C) / WG)),
  });
}
