/**
 * Stored weights -> what the kernels read: the packed int4 layout of ../linear/weights.ts, or dense f16 / f32.
 * Shapes come through Dims, not constants: a model has hundreds of tensors, and each of these is one pipeline.
 */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { type Constant, specialise } from '../../src/gpu/wgsl.ts';
import awq from './awq.wgsl' with { type: 'text' };
import dense from './dense.wgsl' with { type: 'text' };
import ggmlQ4 from './ggml_q4.wgsl' with { type: 'text' };
import gptq from './gptq.wgsl' with { type: 'text' };
import q4K from './q4_k.wgsl' with { type: 'text' };
import quantizeQ4Source from './quantize_q4.wgsl' with { type: 'text' };
import scalesZeros from './scales_zeros.wgsl' with { type: 'text' };

const WG = 64;

function record(
  r: Recorder,
  label: string,
  source: string,
  constants: Record<string, Constant>,
  bindings: readonly (Tensor | Dim)[],
  threads: () => number,
): void {
  const code = specialise(source, { constants: { ...constants, WG } });
  r.dispatch({ label: `repack ${label}`, code, bindings, grid: () => fold(Math.ceil(threads() / WG)) });
}

/** Where packed weights go. `bad`: one u32 that ends up not zero where a tensor holds a number that is not finite. */
export interface Q4Target {
  words: Tensor;
  params: Tensor;
  bad: Tensor;
}

/** dim: (rows, K, first row, tensor number). Q4_0 and Q4_1 blocks; see ggml_q4.wgsl. */
export function repackGgmlQ4(r: Recorder, type: 'Q4_0' | 'Q4_1', raw: Tensor, to: Q4Target, dim: Dim): void {
  const threads = () => (dim.value[0] * dim.value[1]) / 32;
  record(r, type, ggmlQ4, { Q4_1: type === 'Q4_1' }, [raw, to.words, to.params, to.bad, dim], threads);
}

/** dim: (rows, K, first row, tensor number). */
export function repackQ4K(r: Recorder, raw: Tensor, to: Q4Target, dim: Dim): void {
  record(r, 'Q4_K', q4K, {}, [raw, to.words, to.params, to.bad, dim], () => (dim.value[0] * dim.value[1]) / 32);
}

/** dim: (N, K, first row). `perm`: GPTQ act-order; pass any u32 tensor with `actOrder` false. */
export function repackGptq(
  r: Recorder,
  qweight: Tensor,
  perm: Tensor,
  actOrder: boolean,
  words: Tensor,
  dim: Dim,
): void {
  const threads = () => (dim.value[0] * dim.value[1]) / 8;
  record(r, 'GPTQ', gptq, { ACT_ORDER: actOrder }, [qweight, perm, words, dim], threads);
}

/** dim: (N, K, first row). */
export function repackAwq(r: Recorder, qweight: Tensor, words: Tensor, dim: Dim): void {
  record(r, 'AWQ', awq, {}, [qweight, words, dim], () => (dim.value[0] * dim.value[1]) / 8);
}

/** dim: (N, groups, first row, tensor number). */
export function repackScalesZeros(
  r: Recorder,
  form: { awq: boolean; zeroBias: number },
  scales: Tensor,
  qzeros: Tensor,
  to: Q4Target,
  dim: Dim,
): void {
  const constants = { AWQ: form.awq, ZERO_BIAS: form.zeroBias };
  const threads = () => dim.value[0] * dim.value[1];
  record(r, 'scales and zeros', scalesZeros, constants, [scales, qzeros, to.params, to.bad, dim], threads);
}

/** Forms dense.wgsl reads, in the order of its SOURCE constant. */
export const DENSE_SOURCES = ['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q4_0', 'Q4_1', 'Q4_K'] as const;
export type DenseSource = (typeof DENSE_SOURCES)[number];

/** dim: (rows, K, first row, tensor number); K even. `y` decides f16 or f32. */
export function repackDense(r: Recorder, source: DenseSource, raw: Tensor, y: Tensor, bad: Tensor, dim: Dim): void {
  const constants = { SOURCE: DENSE_SOURCES.indexOf(source), TO_F16: y.dtype === 'f16' };
  record(r, source, dense, constants, [raw, y, bad, dim], () => (dim.value[0] * dim.value[1]) / 2);
}

/** dim: (rows, K, first row); K a multiple of 32. x f32 [rows, K]. */
export function quantizeQ4(r: Recorder, x: Tensor, words: Tensor, params: Tensor, dim: Dim): void {
  record(r, 'quantize q4', quantizeQ4Source, {}, [x, words, params, dim], () => (dim.value[0] * dim.value[1]) / 32);
}
