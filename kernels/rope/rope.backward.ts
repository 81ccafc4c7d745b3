/** The gradient of rope, in place. Formula and layouts: rope.backward.wgsl. */
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './rope.backward.wgsl' with { type: 'text' };
import type { Rope } from './rope.ts';

const WG = 256;

/** `qkv` holds the gradients of the rotated q and k, and of v; afterwards those of q and k before the rotation. */
export function ropeBackward(r: Recorder, a: Rope): void {
  const { qkv, heads, kvHeads, headDim } = a;
  if (headDim % 8) throw new Error(`rope: headDim ${headDim} is not a multiple of 8`);
  const OCTETS = headDim / 8;
  const ROTATED = heads + kvHeads;
  r.dispatch({
    label: 'rope backward',
    code: specialise(source, {
      enable: qkv.dtype === 'f16' ? ['f16'] : [],
      alias: { Vec: `vec4<${qkv.dtype}>` },
      constants: { OCTETS, ROTATED, HEADS: heads + 2 * kvHeads, WG },
    }),
    bindings: [qkv, a.positions, a.table, a.rows],
    grid: () => fold(Math.ceil((a.rows.count * ROTATED * OCTETS) / WG)),
  });
}
