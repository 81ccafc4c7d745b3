/** The gather of a training batch's rows from SmolLM2's table. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { type EmbedChunk, embed, plan } from './embed.ts';

export const bench: Bench = (gpu) => {
  const [vocab, C, T] = gpu.description.software ? [997, 576, 256] : [49_152, 576, 5888];
  const next = uniform(1);
  const tokens = Array.from({ length: T }, () => Math.floor(next() * vocab));
  let values: Float64Array = new Float64Array();
  let made: Tensor[] = [];
  return [
    {
      kernel: 'embed',
      shape: `T=${T} C=${C} vocab=${vocab} f16`,
      bytes: T * (6 * C + 4),
      flops: 0,
      record(r) {
        values = normal(2, vocab * C, 'f16');
        const chunks: EmbedChunk[] = plan(gpu.caps, { vocab, C, dtype: 'f16' }).map(({ first, count }) => {
          const rows = values.subarray(first * C, (first + count) * C);
          return { first, count, data: toGpu(gpu, 'table', 'f16', [count, C], rows) };
        });
        const h = poisoned(gpu, 'h', 'f32', [T, C]);
        const ids = toGpu(gpu, 'ids', 'u32', [T], tokens);
        made = [h, ids, ...chunks.map((c) => c.data)];
        embed(r, { ids, table: { vocab, C, chunks }, h, rows: gpu.dim('rows', T) });
      },
      async check() {
        const h = await fromGpu(gpu, made[0]);
        return h.every((x, i) => x === values[tokens[Math.floor(i / C)] * C + (i % C)]) ? 0 : Number.POSITIVE_INFINITY;
      },
      free: () => gpu.free(...made),
    },
  ];
};
