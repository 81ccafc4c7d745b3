/** Next-token loss over Qwen2.5's vocabulary and its gradient, into a tensor of its own. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { BYTES, type Tensor } from '../../src/gpu/tensor.ts';
import { Noise, type Output, output, places } from '../../test/bench_data.ts';
import { poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { crossEntropyBackward } from './cross_entropy.backward.ts';
import { crossEntropyBounds, crossEntropyRef } from './cross_entropy.ref.ts';
import { crossEntropy, plan, setCrossEntropyBatch } from './cross_entropy.ts';

const QWEN_VOCABULARY = 151_936;
/** What f16 training multiplies gradients by. */
const LOSS_SCALE = 65_536;
const ROWS_CHECKED = 8;

export const bench: Bench = (gpu) =>
  (gpu.description.software ? [[32, 8192]] : [512, 2048].map((T) => [T, QWEN_VOCABULARY])).flatMap(([T, V]) => [
    one(gpu, T, V, false),
    one(gpu, T, V, true),
  ]);

function one(gpu: Gpu, rows: number, V: number, backward: boolean): BenchCase {
  const dtype = gpu.activation;
  const size = BYTES[dtype];
  // As many as one binding holds.
  const T = Math.min(rows, Math.floor(gpu.caps.maxBinding / (V * size)));
  const gain = Math.fround(LOSS_SCALE / T);
  const noise = new Noise(1, T * V, dtype, 3);
  const next = uniform(2);
  const wanted = Array.from({ length: T }, () => Math.floor(next() * V));
  let made: Tensor[] = [];
  return {
    kernel: `cross_entropy${backward ? ' backward' : ''}`,
    shape: `T=${T} V=${V}`,
    bytes: (backward ? 2 : 1) * size * T * V + (backward ? 8 : 12) * T,
    flops: 4 * T * V,
    async record(r) {
      const logits = noise.tensor(gpu, 'logits', [T, V]);
      const targets = toGpu(gpu, 'targets', 'u32', [T], wanted);
      const [losses, lse] = ['losses', 'lse'].map((label) => poisoned(gpu, label, 'f32', [T]));
      made = [losses, lse, logits, targets];
      const batch = gpu.dim('batch');
      setCrossEntropyBatch(batch, T, gain);
      if (!backward) {
        crossEntropy(r, { logits, targets, losses, lse, batch });
        return;
      }
      await runOnce(gpu, (forward) => crossEntropy(forward, { logits, targets, losses, lse, batch }));
      const dlogits = poisoned(gpu, 'dlogits', dtype, [T, V]);
      made.unshift(dlogits);
      crossEntropyBackward(r, { logits, targets, lse, dlogits, batch });
    },
    async check() {
      const outputs = await Promise.all(made.slice(0, backward ? 1 : 2).map((t) => output(gpu, t)));
      if (!outputs.every((o) => o.finite)) return Number.POSITIVE_INFINITY;
      let worst = 0;
      for (const t of places(T, ROWS_CHECKED)) {
        const row = [noise.slice(t * V, (t + 1) * V), [wanted[t]], V, gain] as const;
        const expected = crossEntropyRef(...row);
        const allowed = crossEntropyBounds(...row, plan({ V, dtype }), dtype);
        const compare = (got: Output, at: number, name: keyof typeof expected) =>
          expected[name].forEach((x, i) => {
            worst = Math.max(worst, Math.abs(got.at(at + i) - x) / allowed[name][i]);
          });
        if (backward) compare(outputs[0], t * V, 'dlogits');
        else {
          compare(outputs[0], t, 'losses');
          compare(outputs[1], t, 'lse');
        }
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
