/** Gathers the columns of rows through a permutation: GPTQ's act-order. Formula and layouts: permute_columns.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './permute_columns.wgsl' with { type: 'text' };

export interface PermuteColumns {
  /** [M, K], f16 or f32 */
  x: Tensor;
  /** u32 [K], each 0 .. K - 1 once */
  perm: Tensor;
  /** [M, K], x's type; not x itself */
  y: Tensor;
  /** How many rows there are. */
  rows: Dim;
}

/** Threads a row. */
export function plan(_caps: Caps, K: number): { WG: number } {
  return { WG: K >= 1024 ? 256 : 64 };
}

export function permuteColumns(r: Recorder, a: PermuteColumns): void {
  const [, K] = a.x.shape;
  const { WG } = plan(r.gpu.caps, K);
  r.dispatch({
    label: 'permute_columns',
    code: specialise(source, {
      enable: a.x.dtype === 'f16' ? ['f16'] : [],
      alias: { Elem: a.x.dtype },
      constants: { K, WG },
    }),
    bindings: [a.x, a.perm, a.y, a.rows],
    grid: () => fold(a.rows.count),
  });
}
