/** Inputs, poisoned outputs and comparisons for kernel tests. */
import type { Gpu } from '../src/gpu/gpu.ts';
import { type Dispatch, Recorder } from '../src/gpu/recorder.ts';
import { type DType, elements, type Tensor } from '../src/gpu/tensor.ts';
import { fromHalf, toHalf, toHalfArray } from '../src/half.ts';

/** Unit roundoff of a stored type: results rounded to it are off by at most this share of their size. */
export const EPS: Record<'f32' | 'f16', number> = { f32: 2 ** -24, f16: 2 ** -11 };

/** A seeded generator of uniform numbers in [0, 1) (mulberry32, public domain by T. Ettinger). */
export function uniform(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `n` normal numbers of the given deviation, rounded to what `dtype` can hold, so that GPU and reference see the same. */
export function normal(seed: number, n: number, dtype: DType = 'f32', deviation = 1): Float64Array {
  const next = uniform(seed);
  return Float64Array.from({ length: n }, () => {
    const x = deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    return dtype === 'f16' ? fromHalf(toHalf(x)) : Math.fround(x);
  });
}

/** A tensor of `values` in its dtype. */
export function toGpu(
  gpu: Gpu,
  label: string,
  dtype: DType,
  shape: readonly number[],
  values: ArrayLike<number>,
): Tensor {
  if (dtype === 'f16') return gpu.upload(label, dtype, shape, toHalfArray(values));
  const Typed = dtype === 'f32' ? Float32Array : Uint32Array;
  return gpu.upload(label, dtype, shape, Typed.from(values));
}

/** A tensor of NaNs: what a kernel forgets to write stays NaN and fails the comparison. */
export function poisoned(gpu: Gpu, label: string, dtype: DType, shape: readonly number[]): Tensor {
  const t = gpu.tensor(label, dtype, shape);
  gpu.device.queue.writeBuffer(t.buffer, 0, new Uint8Array(t.bytes).fill(0xff));
  return t;
}

/** The values of a tensor as doubles. */
export async function fromGpu(gpu: Gpu, t: Tensor, count = elements(t.shape)): Promise<Float64Array> {
  const raw = await gpu.read(t, count);
  return Float64Array.from(raw, t.dtype === 'f16' ? fromHalf : (x: number) => x);
}

/** Records, compiles and runs once. */
export async function runOnce(gpu: Gpu, record: (r: Recorder) => void): Promise<readonly Dispatch[]> {
  const r = new Recorder(gpu);
  record(r);
  (await r.finish()).replay();
  return r.dispatches;
}

/**
 * Every element within `atol + rtol * |reference|`; the first that is not is reported with its index.
 * `atol` may be one number or one an element, as an error bound computed along with the reference is.
 */
export function expectClose(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  rtol: number,
  atol: number | ArrayLike<number>,
): void {
  if (actual.length !== reference.length) throw new Error(`${actual.length} elements instead of ${reference.length}`);
  for (let i = 0; i < reference.length; i++) {
    const allowed = (typeof atol === 'number' ? atol : atol[i]) + rtol * Math.abs(reference[i]);
    // NaN must fail, so the test is "not within", never "beyond".
    if (!(Math.abs(actual[i] - reference[i]) <= allowed))
      throw new Error(
        `element ${i} of ${reference.length}: ${actual[i]} instead of ${reference[i]}, off by ${Math.abs(actual[i] - reference[i])}, allowed ${allowed}`,
      );
  }
}

/** ‖actual − expected‖ / ‖expected‖; NaN if anything is. Throws where the lengths differ. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values, and ${expected.length} expected`);
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
}
