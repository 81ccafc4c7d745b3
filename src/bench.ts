/**
 * What every *.bench.ts exports, and how a case of it is run: checked on poisoned outputs first, then timed warm on the
 * GPU's own clock, median and spread. The files sit beside their kernels; `lacuna bench` runs them all.
 */
import type { Gpu } from './gpu/gpu.ts';
import { Recorder, type Recording } from './gpu/recorder.ts';

export interface BenchCase {
  /** The operator's folder name, with what is special about the call: 'linear q4', 'rms_norm backward'. */
  kernel: string;
  /** e.g. "M=4096 N=4096 K=4096 g=32". With `kernel` it names the case across runs. */
  shape: string;
  /** Fewest bytes a call must move, each input read once and each output written once. */
  bytes: number;
  /** Of one call, a multiplication and an addition counted as two. */
  flops: number;
  /** What multiplies, where it is not what the GPU's ceiling is measured with. */
  operands?: 'i8';
  /**
   * How many calls `record` makes, 1 by default. More, each with operands of its own, is for those that would otherwise
   * stay in a cache, which in a model they do not.
   */
  calls?: number;
  /** Makes inputs (random) and poisoned outputs, and records the call. */
  record(r: Recorder): Promise<void> | void;
  /** Largest error against the float64 reference over a sample of outputs, divided by the tolerance: ≤ 1 passes. */
  check(): Promise<number>;
  /** Frees what `record` made. */
  free(): void;
}

export type Bench = (gpu: Gpu) => BenchCase[];

export interface Timing {
  /** Median nanoseconds a call. */
  ns: number;
  /** Half the distance between the first and third quartile, as a share of the median. */
  spread: number;
  /** Whose: the GPU's timestamps, or the host's clock where a browser gives none, with the cost of submitting in it. */
  clock: 'gpu' | 'host';
}

export interface Effort {
  /** How long the GPU is kept busy before the first sample counts. */
  warmMs?: number;
  samples?: number;
  /** About how long a sample takes; a call that takes longer is a sample. */
  sampleMs?: number;
}

/** What `time` takes for a GPU, and for a driver that runs on the CPU, which has no clock to raise and is slow. */
export const EFFORT = {
  gpu: { warmMs: 1200, samples: 15, sampleMs: 2 },
  software: { warmMs: 0, samples: 9, sampleMs: 10 },
} as const;

/** Samples that wait on the GPU at a time, so that it never waits for the CPU. */
const IN_FLIGHT = 3;

/**
 * Times a recording. A GPU idles at a fraction of its clock and takes up to a second of continuous work to leave it:
 * samples are queued ahead of each other from the first one on, and those that finish within `warmMs` do not count.
 * Without timestamp-query, samples follow each other on the host's clock.
 */
export async function time(recording: Recording, effort: Effort = {}): Promise<Timing> {
  const { warmMs, samples, sampleMs } = { ...EFFORT.gpu, ...effort };
  const clock = recording.gpu.caps.timestamps ? 'gpu' : 'host';
  const sampleOf = (repeats: number) => (clock === 'gpu' ? recording.time(repeats) : hostTime(recording, repeats));
  const inFlight = clock === 'gpu' ? IN_FLIGHT : 1;
  const once = Math.max(1, await sampleOf(1));
  const repeats = Math.max(1, Math.min(500, Math.round((sampleMs * 1e6) / once)));
  const end = performance.now() + warmMs;
  const queued: Promise<number>[] = [];
  const ns: number[] = [];
  while (ns.length < samples) {
    const wanted = performance.now() < end ? inFlight : Math.min(inFlight, samples - ns.length);
    while (queued.length < wanted) queued.push(sampleOf(repeats));
    const sample = await (queued.shift() as Promise<number>);
    if (performance.now() >= end) ns.push(sample);
  }
  await Promise.all(queued);
  ns.sort((a, b) => a - b);
  const median = ns[samples >> 1];
  return { ns: median, spread: (ns[(3 * samples) >> 2] - ns[samples >> 2]) / 2 / median, clock };
}

/** Nanoseconds a replay of `repeats` in a row, by the host's clock. */
async function hostTime(recording: Recording, repeats: number): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < repeats; i++) recording.replay();
  await recording.gpu.idle();
  return ((performance.now() - began) * 1e6) / repeats;
}

export interface Measured extends Timing {
  kernel: string;
  shape: string;
  bytes: number;
  flops: number;
  operands?: 'i8';
  /** The labels of the dispatches that a call made, in order: which forms ran. */
  forms: string[];
  /** Where they are several and the GPU has timestamps: nanoseconds of each, in a pass of its own, which costs some more. */
  parts?: number[];
  /** Largest error over its tolerance; above 1, or not finite, the check has failed. */
  error: number;
}

/** Records, runs and checks a case, and times it. What it made is freed, whatever happens. */
export async function measure(gpu: Gpu, c: BenchCase, effort: Effort = {}): Promise<Measured> {
  const { kernel, shape, bytes, flops, operands, calls = 1 } = c;
  const r = new Recorder(gpu);
  let recording: Recording | undefined;
  try {
    await c.record(r);
    recording = await r.finish();
    recording.replay();
    const error = await c.check();
    const { ns, spread, clock } = await time(recording, effort);
    const forms = r.dispatches.slice(0, r.dispatches.length / calls).map(({ label }) => label);
    const parts = forms.length > 1 && clock === 'gpu' ? await partsOf(recording, forms.length) : undefined;
    const what = { kernel, shape, bytes, flops, ...(operands && { operands }) };
    return { ...what, forms, ...(parts && { parts }), error, ns: ns / calls, spread, clock };
  } finally {
    recording?.free();
    c.free();
  }
}

/** Nanoseconds of each dispatch of a call, the mean over a recording's calls. */
async function partsOf(recording: Recording, perCall: number): Promise<number[]> {
  const sums = new Array<number>(perCall).fill(0);
  const times = await recording.profile();
  times.forEach(({ ns }, i) => {
    sums[i % perCall] += ns;
  });
  return sums.map((sum) => Math.round((sum * perCall) / times.length));
}
