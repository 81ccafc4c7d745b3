/**
 * The kernels' own benchmarks, as the command line runs them, on a device of their own: what goes wrong here leaves
 * the one that ranks alone.
 */
import { type Bench, type BenchCase, EFFORT, measure } from '../../src/bench.ts';
import { measureCeilings } from '../../src/bench_ceilings.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import type { BenchRow, OnProgress } from './api.ts';
import { meter } from './progress.ts';

const files = import.meta.glob<{ bench: Bench }>('../../kernels/*/*.bench.ts');

/** Browsers round timestamps to 100 µs, so a sample lasts longer than elsewhere. */
const SAMPLE_MS = 20;

async function casesFor(gpu: Gpu): Promise<BenchCase[]> {
  const modules = await Promise.all(Object.values(files).map((load) => load()));
  return modules.flatMap(({ bench }) => bench(gpu));
}

/** Every kernel with the shapes that suit this GPU. */
export async function listBenches(gpu: Gpu): Promise<{ kernel: string; shapes: string[] }[]> {
  const shapes = new Map<string, string[]>();
  for (const { kernel, shape } of await casesFor(gpu)) shapes.set(kernel, [...(shapes.get(kernel) ?? []), shape]);
  return [...shapes].map(([kernel, list]) => ({ kernel, shapes: list }));
}

/** Measures this GPU's ceilings, then the wanted cases one by one; one that fails is a row that says why. */
export async function runBenches(
  wanted: readonly string[],
  { onProgress, onRow, signal }: { onProgress: OnProgress; onRow: (row: BenchRow) => void; signal: AbortSignal },
): Promise<{ copyGBs: number; tflops: number }> {
  const gpu = await Gpu.open();
  try {
    const report = meter(onProgress, 'kernels', 'kernels');
    const chosen = (await casesFor(gpu)).filter(
      ({ kernel, shape }) => wanted.includes(kernel) || wanted.includes(`${kernel} ${shape}`),
    );
    report(0, chosen.length);
    const { copy, multiply } = await measureCeilings(gpu);
    for (const [i, c] of chosen.entries()) {
      signal.throwIfAborted();
      onRow(await rowOf(gpu, c, { copy, multiply }));
      report(i + 1, chosen.length);
    }
    return { copyGBs: copy / 1e9, tflops: multiply / 1e12 };
  } finally {
    gpu.close();
  }
}

async function rowOf(gpu: Gpu, c: BenchCase, ceiling: { copy: number; multiply: number }): Promise<BenchRow> {
  const [memory, compute] = [c.bytes / ceiling.copy, c.flops / ceiling.multiply];
  const bound = memory >= compute ? 'memory' : 'compute';
  let wgsl: string[] = [];
  const seen: BenchCase = {
    ...c,
    async record(r) {
      await c.record(r);
      wgsl = r.dispatches.slice(0, r.dispatches.length / (c.calls ?? 1)).map(({ code }) => code);
    },
    check: () => c.check(),
    free: () => c.free(),
  };
  const none = { forms: [], ms: 0, spread: 0, gbPerSecond: 0, tflops: 0, share: 0, error: 0 };
  try {
    const effort = { ...EFFORT[gpu.description.software ? 'software' : 'gpu'], sampleMs: SAMPLE_MS };
    const { ns, spread, forms, error, clock } = await measure(gpu, seen, effort);
    return {
      kernel: c.kernel,
      shape: c.shape,
      forms,
      ms: ns / 1e6,
      spread,
      gbPerSecond: c.bytes / ns,
      tflops: c.flops / ns / 1e3,
      share: (Math.max(memory, compute) * 1e9) / ns,
      bound,
      clock,
      error,
      wgsl,
    };
  } catch (error) {
    gpu.check();
    const problem = (error as Error).message.split('\n')[0];
    return { kernel: c.kernel, shape: c.shape, ...none, bound, wgsl, problem };
  }
}
