/** The embedding's gradient for a step of SmolLM2-135M: as many tokens as 16 queries and 1,024 passages have. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { embedBackwardRef } from '../embed/embed.ref.ts';
import { embedBackward } from './embed_backward.ts';
import { TokenRows } from './token_rows.ts';

export const bench: Bench = (gpu) => {
  const [vocab, C, T] = gpu.description.software ? [997, 64, 512] : [49_152, 576, 20_000];
  const next = uniform(1);
  // To the fourth power: a few ids stand for much of the text, most occur once or never.
  const tokens = Array.from({ length: T }, () => Math.floor(next() ** 4 * vocab));
  let values: Float64Array = new Float64Array();
  const distinct = new Set(tokens);
  let made: Tensor[] = [];
  let rows: TokenRows | undefined;
  return [
    {
      kernel: 'embed_backward',
      shape: `T=${T} C=${C} vocab=${vocab} distinct=${distinct.size}`,
      bytes: 4 * C * (T + distinct.size),
      flops: T * C,
      record(r) {
        values = normal(2, T * C);
        made = [toGpu(gpu, 'dh', 'f32', [T, C], values), poisoned(gpu, 'dtable', 'f32', [vocab, C])];
        rows = new TokenRows(gpu, T);
        rows.set(tokens);
        const dtable = { vocab, C, chunks: [{ first: 0, count: vocab, data: made[1] }] };
        embedBackward(r, { dh: made[0], rows, dtable, add: false });
      },
      async check() {
        const result = await fromGpu(gpu, made[1]);
        const wanted = embedBackwardRef(tokens, values, vocab, C);
        const sizes = embedBackwardRef(tokens, values.map(Math.abs), vocab, C);
        const times = new Float64Array(vocab);
        for (const id of tokens) times[id]++;
        let worst = 0;
        for (const id of distinct)
          for (let i = id * C; i < (id + 1) * C; i++) {
            const share = Math.abs(result[i] - wanted[i]) / ((times[id] + 1) * EPS.f32 * sizes[i]);
            worst = Math.max(worst, Number.isNaN(share) ? Number.POSITIVE_INFINITY : share);
          }
        return worst;
      },
      free: () => {
        gpu.free(...made);
        rows?.free();
      },
    },
  ];
};
