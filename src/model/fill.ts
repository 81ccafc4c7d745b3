/** Stored weights into the run-time layout: which repack kernel each format takes, and what form it ends up in. */
import type { Q4Weight, Weight } from '../../kernels/linear/weights.ts';
import * as repack from '../../kernels/repack/repack.ts';
import { UserError } from '../errors.ts';
import type { StoredDense, StoredLinear } from '../formats/stored.ts';
import { readTensor, type TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { BYTES, type Tensor } from '../gpu/tensor.ts';
import { CHUNK, type StoredRows, type Upload } from './upload.ts';

/** How a stored linear lies on the GPU. */
export type Form = { kind: 'q4'; group: number; meta: Q4Weight['meta'] } | { kind: 'dense'; dtype: 'f16' | 'f32' };

const QUANTIZED_GROUP = 32;

/** The form of a linear: int4 where it is stored so or `quantize` asks for it, dense elsewhere. */
export function formOf(gpu: Gpu, s: StoredLinear, { quantize, exact }: { quantize?: 'q4'; exact?: boolean }): Form {
  if (s.kind === 'gptq' || s.kind === 'awq') return { kind: 'q4', group: s.group, meta: 'zero16' };
  if (s.kind === 'ggml') {
    if (s.type === 'Q4_0') return { kind: 'q4', group: 32, meta: 'zero16' };
    if (s.type === 'Q4_1') return { kind: 'q4', group: 32, meta: 'offset16' };
    if (s.type === 'Q4_K') return { kind: 'q4', group: 32, meta: 'offset32' };
  }
  if (!quantize) return { kind: 'dense', dtype: denseType(gpu, s, exact) };
  if (s.K % QUANTIZED_GROUP)
    throw new UserError(`${s.path} has ${s.K} inputs, which groups of 32 do not divide: load it without --quantize`);
  return { kind: 'q4', group: QUANTIZED_GROUP, meta: 'offset16' };
}

/**
 * f16 halves every read of a weight and loses nothing a 16-bit source had; f32 sources keep f32 where activations do,
 * and so do ggml's blocks, whose numbers have up to 19 bits, where `exact` asks for it.
 */
export function denseType(
  gpu: { caps: Pick<Gpu['caps'], 'f16'> },
  s: { kind: string; dtype?: string },
  exact = false,
): 'f16' | 'f32' {
  const wide = s.kind === 'ggml' ? exact : s.dtype === 'F32';
  return wide && !gpu.caps.f16 ? 'f32' : 'f16';
}

/** Rows of K inputs that one binding holds. */
export function mostRows(gpu: Gpu, form: Form, K: number): number {
  const rowBytes = form.kind === 'dense' ? K * BYTES[form.dtype] : Math.max(K / 2, (8 * K) / form.group);
  return Math.max(1, Math.floor(gpu.caps.maxBinding / rowBytes));
}

/** Rows begin .. end of one stored linear into rows `at` .. of `weight`. */
export async function fill(
  up: Upload,
  weight: Weight,
  s: StoredLinear,
  begin: number,
  end: number,
  at: number,
): Promise<void> {
  if (s.kind === 'gptq' || s.kind === 'awq') return fillAcross(up, weight as Q4Weight, s, at);
  if (weight.kind === 'dense') return fillDense(up, weight.data, s, begin, end - begin, at);
  if (s.kind === 'ggml' && s.type.startsWith('Q4')) {
    const target = { words: weight.words, params: weight.params, bad: up.bad };
    return up.rows(rowsOf(up, s), begin, end - begin, at, (r, raw) =>
      s.type === 'Q4_K'
        ? repack.repackQ4K(r, raw, target, up.dim)
        : repack.repackGgmlQ4(r, s.type as 'Q4_0' | 'Q4_1', raw, target, up.dim),
    );
  }
  return fillQuantized(up, weight, s, begin, end, at);
}

/** Rows begin .. begin + count of anything stored row by row into rows `at` .. of dense `y`. */
export async function fillDense(
  up: Upload,
  y: Tensor,
  s: StoredDense | (StoredLinear & { kind: 'dense' | 'ggml' }),
  begin: number,
  count: number,
  at: number,
): Promise<void> {
  const type = s.kind === 'dense' ? s.dtype : s.type;
  await up.rows(rowsOf(up, s), begin, count, at, (r, raw) => repack.repackDense(r, type, raw, y, up.bad, up.dim));
}

function rowsOf(up: Upload, s: StoredDense | (StoredLinear & { kind: 'dense' | 'ggml' })): StoredRows {
  const [rows, K] = 'N' in s ? [s.N, s.K] : s.shape;
  if (K % 2) throw new UserError(`${up.name}: ${s.path} has rows of ${K} numbers; only even lengths are supported`);
  return { path: s.path, data: s.data, rows, K };
}

/** Dense, to be quantised: f32 rows in between, one chunk at a time. */
async function fillQuantized(
  up: Upload,
  weight: Q4Weight,
  s: StoredLinear & { kind: 'dense' | 'ggml' },
  begin: number,
  end: number,
  at: number,
): Promise<void> {
  const atOnce = Math.max(1, Math.floor(CHUNK / (4 * s.K)));
  const between = up.gpu.tensor('dense rows', 'f32', [Math.min(atOnce, end - begin), s.K]);
  for (let row = begin; row < end; row += atOnce) {
    const count = Math.min(atOnce, end - row);
    await fillDense(up, between, s, row, count, 0);
    up.dim.set(count, s.K, at + row - begin);
    await up.run((r) => repack.quantizeQ4(r, between, weight.words, weight.params, up.dim));
  }
  up.gpu.free(between);
}

/** GPTQ and AWQ: stored [K, N], so the whole matrix at once. */
async function fillAcross(
  up: Upload,
  weight: Q4Weight,
  s: StoredLinear & { kind: 'gptq' | 'awq' },
  at: number,
): Promise<void> {
  const raw = {
    qweight: await up.whole(s.qweight),
    qzeros: await up.whole(s.qzeros),
    scales: await up.whole(s.scales),
  };
  if (s.kind === 'gptq' && s.gIdx) {
    weight.perm = up.tensor(`${s.path} perm`, 'u32', [s.K]);
    up.gpu.write(weight.perm, await actOrderPermutation(s.gIdx, s.group));
  }
  const { perm } = weight;
  up.dim.set(s.N, s.K, at);
  await up.run((r) =>
    s.kind === 'awq'
      ? repack.repackAwq(r, raw.qweight, weight.words, up.dim)
      : repack.repackGptq(r, raw.qweight, perm ?? raw.qzeros, perm !== undefined, weight.words, up.dim),
  );
  up.dim.set(s.N, Math.ceil(s.K / s.group), at, up.mark(s.scales.name));
  const form = { awq: s.kind === 'awq', zeroBias: s.kind === 'gptq' ? s.zeroBias : 0 };
  const target = { words: weight.words, params: weight.params, bad: up.bad };
  await up.run((r) => repack.repackScalesZeros(r, form, raw.scales, raw.qzeros, target, up.dim));
  up.gpu.free(...Object.values(raw));
}

/** k in the order of its group, stable: afterwards groups are runs of `group`. */
async function actOrderPermutation(gIdx: TensorInfo, group: number): Promise<Uint32Array> {
  const of = new Uint32Array((await readTensor(gIdx)).buffer);
  const perm = Uint32Array.from(of, (_, k) => k).sort((a, b) => of[a] - of[b] || a - b);
  const odd = perm.findIndex((k, i) => of[k] !== Math.floor(i / group));
  if (odd >= 0)
    throw new UserError(
      `${gIdx.source.name}: ${gIdx.name} does not put ${group} inputs in every group; act-order files do`,
    );
  return perm;
}
