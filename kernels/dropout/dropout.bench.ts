/** The dropout in front of one LoRA module of a 7B model, for exp010's 5,888 tokens. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { dropoutRef } from './dropout.ref.ts';
import { dropout } from './dropout.ts';

export const bench: Bench = (gpu) => {
  const [M, C] = gpu.description.software ? [64, 576] : [5888, 3584];
  const { activation } = gpu;
  const values = new Noise(1, M * C, activation);
  const place = { key: [1, 0] as const, step: 2, site: 3, p: 0.05 };
  let made: Tensor[] = [];
  return [
    {
      kernel: 'dropout',
      shape: `M=${M} C=${C}`,
      bytes: M * C * (activation === 'f16' ? 4 : 8),
      flops: M * C,
      record(r) {
        made = [values.tensor(gpu, 'x', [M, C]), poisoned(gpu, 'y', activation, [M, C])];
        const state = gpu.dim('state', ...place.key, place.step);
        dropout(r, { x: made[0], y: made[1], rows: gpu.dim('rows', M), p: place.p, site: place.site, state });
      },
      async check() {
        const y = await output(gpu, made[1]);
        const sample = Math.min(M * C, 1 << 20);
        const wanted = dropoutRef(values.slice(0, sample), place);
        const allowed = (i: number) => (3 * EPS.f32 + EPS[activation]) * Math.abs(wanted[i]) + 2 ** -25;
        const off = y.finite ? 0 : Number.POSITIVE_INFINITY;
        return wanted.reduce((worst, x, i) => Math.max(worst, Math.abs(y.at(i) - x) / allowed(i)), off);
      },
      free: () => gpu.free(...made),
    },
  ];
};
