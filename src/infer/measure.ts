/**
 * What this machine's GPU gives, measured in a moment: the rate of a plain copy and of the int4 product that models
 * spend their time in. For `lacuna doctor`, for the expected time of a dry run, and as the ceiling of benchmarks.
 * Both check what they computed: a driver that is fast and wrong is no use.
 */
import { linear } from '../../kernels/linear/linear.ts';
import type { Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../bench.ts';
import { UserError } from '../errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type Dim, fold, Recorder, type Recording } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { specialise } from '../gpu/wgsl.ts';
import { fromHalf, toHalf, toHalfArray } from '../half.ts';
import source from './measure.wgsl' with { type: 'text' };

export interface CopyRate {
  /** Bytes a second, read and written added up. */
  bytes: number;
  /** Bytes of the one buffer that was copied. */
  size: number;
  clock: Clock;
}

export interface MatmulRate {
  /** FLOP a second: 2 M N K over the time. */
  flops: number;
  M: number;
  N: number;
  K: number;
  /** The kernel that ran, with its form. */
  kernel: string;
  clock: Clock;
}

/** Whose clock timed it: the GPU's timestamps, or the host's, with the cost of submitting in it. */
export type Clock = 'gpu' | 'host';

/** A GPU needs half a second of work to leave its idle clock; a software driver has none and is slow. */
const EFFORT = {
  gpu: { warmMs: 500, samples: 7, sampleMs: 2 },
  software: { warmMs: 0, samples: 3, sampleMs: 0 },
};

/** Large against every cache, small against every memory; one binding must hold it. */
const COPY_BYTES = { gpu: 512 * 2 ** 20, software: 64 * 2 ** 20 };

/** Enough to fill a large GPU; on the CPU, a few tenths of a second. */
const MATMUL = { gpu: { M: 4096, N: 4096, K: 4096 }, software: { M: 64, N: 1024, K: 512 } };
const DISTINCT_ROWS = 64;

const GROUP = 32;
const [A, B] = [2 ** -6, -(2 ** -3)];

/** The rate of y = x over a buffer larger than the caches. Throws a UserError where the copy is not what was written. */
export async function measureCopy(gpu: Gpu): Promise<CopyRate> {
  const kind = gpu.description.software ? 'software' : 'gpu';
  // 2^20 divides the sizes above, and every limit that is a power of two; others lose their odd bytes.
  const size = Math.floor(Math.min(COPY_BYTES[kind], gpu.caps.maxBinding) / 2 ** 20) * 2 ** 20;
  const x = gpu.tensor('copied from', 'u32', [size / 4]);
  const y = gpu.tensor('copied to', 'u32', [size / 4]);
  const noise = randomWords(1, 2 ** 18);
  for (let at = 0; at < size; at += noise.byteLength) gpu.write(x, noise, at);

  const [COUNT, WG, PER] = [size / 16, 256, 4];
  const r = new Recorder(gpu);
  r.dispatch({
    label: 'copy',
    code: specialise(source, { constants: { COUNT, WG, PER } }),
    bindings: [x, y],
    grid: fold(Math.ceil(COUNT / (WG * PER))),
  });
  const { ns, clock } = await timed(await r.finish(), kind);

  const last = await readEnd(gpu, y, noise.byteLength);
  gpu.free(x, y);
  if (!last.every((word, i) => word === noise[i]))
    throw new UserError(`${gpu.description.description}: copies wrong bytes: update the GPU's driver`);
  return { bytes: (2 * size * 1e9) / ns, size, clock };
}

/** The rate of x·Wᵀ with W int4 and random inputs. Throws a UserError where a sample of its results is wrong. */
export async function measureMatmul(gpu: Gpu): Promise<MatmulRate> {
  const kind = gpu.description.software ? 'software' : 'gpu';
  const { M, N, K } = MATMUL[kind];
  const words = randomWords(2, (N * K) / 8);
  const values = Float32Array.from(randomWords(3, DISTINCT_ROWS * K), (u) => ((u >>> 26) - 32) / 8);
  const f16 = gpu.activation === 'f16';
  const x = gpu.tensor('x', gpu.activation, [M, K]);
  const rowsOfX = f16 ? toHalfArray(values) : values;
  for (let at = 0; at < x.bytes; at += rowsOfX.byteLength) gpu.write(x, rowsOfX, at);
  const y = gpu.tensor('y', gpu.activation, [M, N]);
  const params = new Uint32Array((N * K) / GROUP).fill((toHalf(A) | (toHalf(B) << 16)) >>> 0);
  const weight: Q4Weight = {
    kind: 'q4',
    N,
    K,
    group: GROUP,
    meta: 'offset16',
    words: gpu.upload('words', 'u32', [N, K / 8], words),
    params: gpu.upload('params', 'u32', [N, K / GROUP], params),
  };
  const rows: Dim = gpu.dim('rows', M);
  const r = new Recorder(gpu);
  linear(r, { x, weight, y, rows });
  const kernel = r.dispatches[0].label;
  const recording = await r.finish();
  const { ns, clock } = await timed(recording, kind);

  const end = await gpu.read(y, N);
  const got = Float64Array.from(end, f16 ? fromHalf : (v: number) => v);
  recording.free();
  gpu.free(x, y, weight.words, weight.params);
  rows.buffer.destroy();
  // Every product is a multiple of 2^-9 and their sum stays under 2^11, so f32 holds it exactly in any order; what
  // is left is the rounding to the stored type.
  const rounding = f16 ? 2 ** -11 : 0;
  for (const n of [0, 1, N >> 1, N - 1]) {
    const expected = dot(values, words, n, K);
    if (!(Math.abs(got[n] - expected) <= rounding * Math.abs(expected)))
      throw new UserError(
        `${gpu.description.description}: ${kernel} computes ${got[n]} instead of ${expected}: update the GPU's driver, or set LACUNA_TIER=portable`,
      );
  }
  return { flops: (2 * M * N * K * 1e9) / ns, M, N, K, kernel, clock };
}

/** Row 0 of x times row n of W. */
function dot(x: Float32Array, words: Uint32Array, n: number, K: number): number {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += x[k] * (A * ((words[(n * K + k) >>> 3] >>> (4 * (k % 8))) & 15) + B);
  return sum;
}

async function timed(recording: Recording, kind: 'gpu' | 'software'): Promise<{ ns: number; clock: Clock }> {
  const effort = EFFORT[kind];
  if (recording.gpu.caps.timestamps) {
    const { ns } = await time(recording, effort);
    // A driver may answer timestamps with zeros; the host's clock is then the better one.
    if (ns > 0) return { ns, clock: 'gpu' };
  }
  return { ns: await hostTime(recording, effort), clock: 'host' };
}

/** Median nanoseconds a replay, by the host's clock. */
export async function hostTime(
  recording: Recording,
  { warmMs, samples }: { warmMs: number; samples: number },
): Promise<number> {
  const { gpu } = recording;
  const run = async (repeats: number): Promise<number> => {
    const began = performance.now();
    for (let i = 0; i < repeats; i++) recording.replay();
    await gpu.idle();
    return ((performance.now() - began) * 1e6) / repeats;
  };
  const end = performance.now() + warmMs;
  let once = await run(1);
  while (performance.now() < end) once = await run(1);
  const repeats = Math.max(1, Math.min(64, Math.round(2e7 / once)));
  const ns: number[] = [];
  for (let i = 0; i < samples; i++) ns.push(await run(repeats));
  return ns.sort((a, b) => a - b)[samples >> 1];
}

async function readEnd(gpu: Gpu, t: Tensor, bytes: number): Promise<Uint32Array> {
  const end = gpu.tensor('end', 'u32', [bytes / 4]);
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(t.buffer, t.bytes - bytes, end.buffer, 0, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  const words = (await gpu.read(end)) as Uint32Array;
  gpu.free(end);
  return words;
}

/** Random, because zeros draw less power and let a GPU clock higher than real work does. */
function randomWords(seed: number, n: number): Uint32Array {
  const words = new Uint32Array(n);
  let state = seed;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The low bits of a linear congruence repeat soon; the high ones are folded into them.
    words[i] = state ^ (state >>> 15);
  }
  return words;
}
