/** f16 in tiles of 16 x 16: what linear.tall.wgsl loads its left matrices from. Layout: tiles.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import f16Source from './tiles.f16.wgsl' with { type: 'text' };
import f32Source from './tiles.f32.wgsl' with { type: 'text' };
import source from './tiles.wgsl' with { type: 'text' };

/** Where [M, K] in tiles lies until the next call of this shape and name: f16 [M rounded up to 16, K]. */
export const tileScratch = (r: Recorder, name: string, M: number, K: number): Tensor =>
  r.scratch(name, 'f16', [16 * Math.ceil(M / 16), K]);

/**
 * Records columns `column` .. + `K` of x [M, …], f16 or f32, as tiles, and gives the tensor: f16 [M rounded up to 16, K],
 * which lives until the next call of this shape and name. K is a multiple of 16, column and x's width of 8.
 */
export function tiles(r: Recorder, a: { x: Tensor; rows: Dim; column?: number; K?: number }, name: string): Tensor {
  const { x, rows, column = 0 } = a;
  const [M, LD] = x.shape;
  const K = a.K ?? LD;
  const out = tileScratch(r, name, M, K);
  r.dispatch({
    label: `tiles ${x.dtype}`,
    code: specialise(source, {
      enable: ['f16'],
      constants: { K, LD, COLUMN: column },
      include: [x.dtype === 'f16' ? f16Source : f32Source],
    }),
    bindings: [x, out, rows],
    grid: () => fold(Math.ceil((rows.count * K) / 8 / 256)),
  });
  return out;
}
