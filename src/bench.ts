/**
 * What every *.bench.ts exports, and how it is timed: warm, on the GPU's own clock, median and spread.
 * The benchmark files sit beside their kernels; `scripts/bench.ts` and `lacuna doctor` run them.
 */
import type { Gpu } from './gpu/gpu.ts';
import type { Recorder, Recording } from './gpu/recorder.ts';

export interface BenchCase {
  kernel: string;
  /** e.g. "M=4096 N=4096 K=4096 g=32". */
  shape: string;
  /** Fewest bytes the call must move, each input read once and each output written once. */
  bytes: number;
  flops: number;
  /** Makes inputs (random) and poisoned outputs, and records the call once. */
  record(r: Recorder): Promise<void> | void;
  /** Largest error against the float64 reference over a sample of outputs, divided by the tolerance: ≤ 1 passes. */
  check(): Promise<number>;
  /** Frees what `record` made. */
  free(): void;
}

export interface Timing {
  /** Median nanoseconds a call. */
  ns: number;
  /** Half the distance between the first and third quartile, as a share of the median. */
  spread: number;
}

/**
 * Times a recording. The GPU idles at a fraction of its clock, so it is kept busy for `warmMs` first and the
 * CPU does not pause between samples. Needs timestamp-query.
 */
export async function time(recording: Recording, { warmMs = 500, samples = 15, sampleMs = 2 } = {}): Promise<Timing> {
  const { gpu } = recording;
  const once = Math.max(1, await recording.time(1));
  const repeats = Math.max(1, Math.min(500, Math.round((sampleMs * 1e6) / once)));
  const end = performance.now() + warmMs;
  while (performance.now() < end) {
    recording.replay();
    await gpu.idle();
  }
  const ns: number[] = [];
  for (let i = 0; i < samples; i++) ns.push(await recording.time(repeats));
  ns.sort((a, b) => a - b);
  const median = ns[samples >> 1];
  return { ns: median, spread: (ns[(3 * samples) >> 2] - ns[samples >> 2]) / 2 / median };
}

export type Bench = (gpu: Gpu) => BenchCase[];
