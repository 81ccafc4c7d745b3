/**
 * Streams a checkpoint to the GPU: raw bytes in chunks of a few MiB into one staging buffer, repacked there by the
 * kernels of kernels/repack. Host memory is bounded by the chunk, not by the model. GPTQ and AWQ tensors, which are
 * stored across their rows, go up whole, one at a time.
 */
import type { EmbedTable } from '../../kernels/embed/embed.ts';
import type { DenseWeight, Q4Weight, Weight } from '../../kernels/linear/weights.ts';
import * as repack from '../../kernels/repack/repack.ts';
import { UserError } from '../errors.ts';
import { unpackDense } from '../formats/dequantize.ts';
import type { Checkpoint, StoredDense, StoredLinear } from '../formats/stored.ts';
import type { TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type Dim, Recorder } from '../gpu/recorder.ts';
import { BYTES, type Tensor } from '../gpu/tensor.ts';
import type { ModelWeights, Projection } from './weights.ts';

export interface LoadOptions {
  /** Quantise linears that are stored dense to int4, group 32, while they load. */
  quantize?: 'q4';
  /** Load the language-model head too. */
  head?: boolean;
  /** Bytes of the files read so far, and how many there are to read. */
  onProgress?: (done: number, total: number) => void;
}

const CHUNK = 16 * 2 ** 20;
/** Raw bytes handed to the queue before the host waits, so that uploads do not pile up in memory. */
const WINDOW = 128 * 2 ** 20;
const QUANTIZED_GROUP = 32;

/** Loads every weight of a decoder. Throws a UserError that names the tensor which cannot be used. */
export async function loadModel(gpu: Gpu, checkpoint: Checkpoint, options: LoadOptions = {}): Promise<ModelWeights> {
  const loader = new Loader(gpu, checkpoint, options);
  try {
    return await loader.load();
  } finally {
    loader.close();
  }
}

/** Paths of one decoder layer, projection by projection. */
export const layerPaths = (i: number) => ({
  qkv: ['q_proj', 'k_proj', 'v_proj'].map((p) => `layers.${i}.self_attn.${p}`),
  o: [`layers.${i}.self_attn.o_proj`],
  gateUp: ['gate_proj', 'up_proj'].map((p) => `layers.${i}.mlp.${p}`),
  down: [`layers.${i}.mlp.down_proj`],
});

/** How a stored linear will lie on the GPU. */
type Form = { kind: 'q4'; group: number; meta: Q4Weight['meta'] } | { kind: 'dense'; dtype: 'f16' | 'f32' };

class Loader {
  readonly #gpu: Gpu;
  readonly #checkpoint: Checkpoint;
  readonly #options: LoadOptions;
  readonly #staging: Tensor;
  readonly #dim: Dim;
  /** 1 + the index in #names of a tensor with a number that cannot be used, 0 while there is none. */
  readonly #bad: Tensor;
  readonly #names: string[] = [];
  #done = 0;
  #total = 0;
  #unwaited = 0;

  constructor(gpu: Gpu, checkpoint: Checkpoint, options: LoadOptions) {
    this.#gpu = gpu;
    this.#checkpoint = checkpoint;
    this.#options = options;
    this.#staging = gpu.tensor('staging', 'u32', [CHUNK / 4]);
    this.#dim = gpu.dim('repack');
    this.#bad = gpu.upload('bad', 'u32', [1], new Uint32Array(1));
  }

  async load(): Promise<ModelWeights> {
    const { config } = this.#checkpoint;
    this.#total = this.#countBytes();
    const embed = await this.#embedding();
    const layers: ModelWeights['layers'] = [];
    for (let i = 0; i < config.layers; i++) {
      const paths = layerPaths(i);
      layers.push({
        inputNorm: await this.#vector(`layers.${i}.input_layernorm`),
        qkv: await this.#projection(paths.qkv),
        o: await this.#projection(paths.o),
        postNorm: await this.#vector(`layers.${i}.post_attention_layernorm`),
        gateUp: await this.#projection(paths.gateUp),
        down: await this.#projection(paths.down),
      });
    }
    const weights: ModelWeights = { config, embed, layers, norm: await this.#vector('norm') };
    if (this.#options.head) weights.head = config.tiedHead ? tiedHead(embed) : await this.#projection(['lm_head']);
    const [bad] = await this.#gpu.read(this.#bad);
    if (bad)
      throw new UserError(
        `${this.#checkpoint.name}: ${this.#names[bad - 1]} holds NaN, infinity or a number beyond f16's range: the file is damaged, or needs LACUNA_TIER=portable`,
      );
    return weights;
  }

  close(): void {
    this.#gpu.free(this.#staging, this.#bad);
  }

  /** Bytes that will be read, for the progress. */
  #countBytes(): number {
    const { config } = this.#checkpoint;
    let total = this.#checkpoint.dense('embed_tokens').data.length;
    for (let i = 0; i < config.layers; i++)
      for (const path of Object.values(layerPaths(i)).flat())
        total += infos(this.#checkpoint.linear(path)).reduce((n, t) => n + t.length, 0);
    if (this.#options.head && !config.tiedHead)
      total += infos(this.#checkpoint.linear('lm_head')).reduce((n, t) => n + t.length, 0);
    return total;
  }

  async #vector(path: string): Promise<Tensor> {
    return this.#upload(this.#checkpoint.dense(path));
  }

  async #upload(stored: StoredDense): Promise<Tensor> {
    const values = await unpackDense(stored);
    if (!values.every(Number.isFinite))
      throw new UserError(`${this.#checkpoint.name}: ${stored.path} holds NaN or infinity`);
    return this.#gpu.upload(stored.path, 'f32', [values.length], values);
  }

  async #embedding(): Promise<EmbedTable> {
    const { vocabSize, hiddenSize } = this.#checkpoint.config;
    const stored = this.#checkpoint.dense('embed_tokens');
    const dtype = this.#denseType(stored);
    const most = Math.floor(this.#gpu.caps.maxBinding / (hiddenSize * BYTES[dtype]));
    const chunks: EmbedTable['chunks'][number][] = [];
    for (let first = 0; first < vocabSize; first += most) {
      const count = Math.min(most, vocabSize - first);
      const data = this.#gpu.tensor('embed_tokens', dtype, [count, hiddenSize]);
      await this.#dense(stored, hiddenSize, first, count, (raw, r, type) =>
        repack.repackDense(r, type, raw, data, this.#bad, this.#dim),
      );
      chunks.push({ first, count, data });
    }
    return { vocab: vocabSize, C: hiddenSize, chunks };
  }

  async #projection(paths: readonly string[]): Promise<Projection> {
    const stored = paths.map((path) => this.#checkpoint.linear(path));
    const forms = stored.map((s) => this.#form(s));
    const K = stored[0].K;
    const N = stored.reduce((n, s) => n + s.N, 0);
    const p: Projection = { N, K, linears: [], parts: [], loras: [] };
    let column = 0;
    for (const s of stored) {
      p.linears.push({ path: s.path, column, N: s.N });
      column += s.N;
    }
    const alike = stored.every((s, i) => !actOrder(s) && JSON.stringify(forms[i]) === JSON.stringify(forms[0]));
    const groups = alike && N <= this.#mostRows(forms[0], K) ? [stored] : stored.map((s) => [s]);
    column = 0;
    for (const group of groups) {
      const form = this.#form(group[0]);
      const rows = group.reduce((n, s) => n + s.N, 0);
      // A matrix of its own that no binding holds is cut by rows; only formats stored row by row can be.
      const most = this.#mostRows(form, K);
      if (rows > most && (group[0].kind === 'gptq' || group[0].kind === 'awq'))
        throw new UserError(
          `${this.#checkpoint.name}: ${group[0].path} [${rows}, ${K}] is larger than this GPU's largest binding, ${this.#gpu.caps.maxBinding} bytes`,
        );
      for (let first = 0; first < rows; first += most) {
        const count = Math.min(most, rows - first);
        const weight = await this.#weight(group, form, first, count);
        const bias = await this.#bias(group, first, count);
        p.parts.push({ column: column + first, weight, bias });
      }
      column += rows;
    }
    return p;
  }

  #form(s: StoredLinear): Form {
    if (s.kind === 'gptq' || s.kind === 'awq') return { kind: 'q4', group: s.group, meta: 'zero16' };
    if (s.kind === 'ggml') {
      if (s.type === 'Q4_0') return { kind: 'q4', group: 32, meta: 'zero16' };
      if (s.type === 'Q4_1') return { kind: 'q4', group: 32, meta: 'offset16' };
      if (s.type === 'Q4_K') return { kind: 'q4', group: 32, meta: 'offset32' };
    }
    if (this.#options.quantize === 'q4') {
      if (s.K % QUANTIZED_GROUP)
        throw new UserError(
          `${this.#checkpoint.name}: ${s.path} has ${s.K} inputs, which groups of 32 do not divide: load it without --quantize`,
        );
      return { kind: 'q4', group: QUANTIZED_GROUP, meta: 'offset16' };
    }
    return { kind: 'dense', dtype: this.#denseType(s) };
  }

  /** f16 halves every read of a weight and loses nothing a 16-bit source had; f32 sources keep f32 where activations do. */
  #denseType(s: { kind: string; dtype?: string }): 'f16' | 'f32' {
    return s.kind === 'dense' && s.dtype === 'F32' && !this.#gpu.caps.f16 ? 'f32' : 'f16';
  }

  #mostRows(form: Form, K: number): number {
    const rowBytes = form.kind === 'dense' ? K * BYTES[form.dtype] : Math.max(K / 2, (8 * K) / form.group);
    return Math.max(1, Math.floor(this.#gpu.caps.maxBinding / rowBytes));
  }

  /** Rows first .. first + count of the linears of `group`, laid end to end. */
  async #weight(group: readonly StoredLinear[], form: Form, first: number, count: number): Promise<Weight> {
    const gpu = this.#gpu;
    const K = group[0].K;
    const label = group.map((s) => s.path).join(' + ');
    let weight: Weight;
    if (form.kind === 'dense') {
      const data = gpu.tensor(label, form.dtype, [count, K]) as DenseWeight['data'];
      weight = { kind: 'dense', N: count, K, data };
    } else {
      const groups = Math.ceil(K / form.group) * (form.meta === 'offset32' ? 2 : 1);
      const words = gpu.tensor(label, 'u32', [count, Math.ceil(K / 8)]);
      const params = gpu.tensor(label, 'u32', [count, groups]);
      weight = { ...form, N: count, K, words, params };
    }
    let row = 0;
    for (const s of group) {
      const begin = Math.max(0, first - row);
      const end = Math.min(s.N, first + count - row);
      if (begin < end) await this.#fill(weight, s, begin, end, Math.max(0, row - first));
      row += s.N;
    }
    return weight;
  }

  /** Rows begin .. end of one stored linear into rows `at` .. of `weight`. */
  async #fill(weight: Weight, s: StoredLinear, begin: number, end: number, at: number): Promise<void> {
    if (s.kind === 'gptq' || s.kind === 'awq') return this.#fillAcross(weight as Q4Weight, s, at);
    if (weight.kind === 'dense')
      return this.#dense(
        s,
        s.K,
        begin,
        end - begin,
        (raw, r, type) => repack.repackDense(r, type, raw, weight.data, this.#bad, this.#dim),
        at,
      );
    const target = { words: weight.words, params: weight.params, bad: this.#bad };
    if (s.kind === 'ggml' && (s.type === 'Q4_0' || s.type === 'Q4_1' || s.type === 'Q4_K')) {
      const { type } = s;
      return this.#rows(s.path, s.data, s.N, begin, end - begin, at, s.K, (raw, r) =>
        type === 'Q4_K'
          ? repack.repackQ4K(r, raw, target, this.#dim)
          : repack.repackGgmlQ4(r, type, raw, target, this.#dim),
      );
    }
    // Dense, to be quantised: f32 rows in between, one chunk at a time.
    const rowsAtOnce = Math.max(1, Math.floor(CHUNK / (4 * s.K)));
    const between = this.#gpu.tensor('dense rows', 'f32', [Math.min(rowsAtOnce, end - begin), s.K]);
    const chunk = this.#gpu.dim('rows of the chunk');
    for (let row = begin; row < end; row += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, end - row);
      await this.#dense(s, s.K, row, count, (raw, r, type) =>
        repack.repackDense(r, type, raw, between, this.#bad, this.#dim),
      );
      chunk.set(count, s.K, at + row - begin);
      await this.#run((r) => repack.quantizeQ4(r, between, weight.words, weight.params, chunk));
    }
    this.#gpu.free(between);
  }

  /** GPTQ and AWQ: stored [K, N], so the whole matrix at once. */
  async #fillAcross(weight: Q4Weight, s: StoredLinear & { kind: 'gptq' | 'awq' }, at: number): Promise<void> {
    const gpu = this.#gpu;
    const [qweight, qzeros, scales] = [
      await this.#raw(s.qweight),
      await this.#raw(s.qzeros),
      await this.#raw(s.scales),
    ];
    this.#names.push(s.scales.name);
    let perm: Tensor | undefined;
    if (s.kind === 'gptq' && s.gIdx) {
      perm = gpu.upload(`${s.path} perm`, 'u32', [s.K], await actOrderPermutation(s.gIdx, s.group));
      weight.perm = perm;
    }
    this.#dim.set(s.N, s.K, at);
    await this.#run((r) =>
      s.kind === 'awq'
        ? repack.repackAwq(r, qweight, weight.words, this.#dim)
        : repack.repackGptq(r, qweight, perm ?? qzeros, perm !== undefined, weight.words, this.#dim),
    );
    this.#dim.set(s.N, Math.ceil(s.K / s.group), at, this.#names.length);
    const form = { awq: s.kind === 'awq', zeroBias: s.kind === 'gptq' ? s.zeroBias : 0 };
    const target = { words: weight.words, params: weight.params, bad: this.#bad };
    await this.#run((r) => repack.repackScalesZeros(r, form, scales, qzeros, target, this.#dim));
    gpu.free(qweight, qzeros, scales);
  }

  async #dense(
    s: (StoredLinear | StoredDense) & { kind: string },
    K: number,
    begin: number,
    count: number,
    record: (raw: Tensor, r: Recorder, type: repack.DenseSource) => void,
    at = 0,
  ): Promise<void> {
    if (K % 2)
      throw new UserError(
        `${this.#checkpoint.name}: ${s.path} has rows of ${K} numbers; only even lengths are supported`,
      );
    const source = s as StoredDense;
    const type = (source.kind === 'dense' ? source.dtype : source.type) as repack.DenseSource;
    const rows = 'N' in s ? s.N : source.shape[0];
    await this.#rows(s.path, source.data, rows, begin, count, at, K, (raw, r) => record(raw, r, type));
  }

  /** Streams rows begin .. begin + count of a tensor stored row by row through the staging buffer. */
  async #rows(
    path: string,
    info: TensorInfo,
    rows: number,
    begin: number,
    count: number,
    at: number,
    K: number,
    record: (raw: Tensor, r: Recorder) => void,
  ): Promise<void> {
    this.#names.push(path);
    const rowBytes = info.length / rows;
    const atOnce = Math.max(1, Math.floor(CHUNK / rowBytes));
    if (rowBytes > CHUNK)
      throw new UserError(
        `${this.#checkpoint.name}: a row of ${path} has ${rowBytes} bytes; at most ${CHUNK} are supported`,
      );
    for (let row = begin; row < begin + count; row += atOnce) {
      const n = Math.min(atOnce, begin + count - row);
      const bytes = await info.source.read(info.offset + row * rowBytes, n * rowBytes);
      this.#gpu.write(this.#staging, bytes);
      this.#dim.set(n, K, at + row - begin, this.#names.length);
      await this.#run((r) => record(this.#staging, r));
      await this.#progress(bytes.length);
    }
  }

  /** A whole tensor's bytes in a buffer of their own. */
  async #raw(info: TensorInfo): Promise<Tensor> {
    const t = this.#gpu.tensor(info.name, 'u32', [Math.ceil(info.length / 4)]);
    for (let at = 0; at < info.length; at += CHUNK) {
      const bytes = await info.source.read(info.offset + at, Math.min(CHUNK, info.length - at));
      this.#gpu.write(t, bytes, at);
      await this.#progress(bytes.length);
    }
    return t;
  }

  async #bias(group: readonly StoredLinear[], first: number, count: number): Promise<Tensor | undefined> {
    if (!group.some((s) => s.bias)) return undefined;
    const all = new Float32Array(group.reduce((n, s) => n + s.N, 0));
    let at = 0;
    for (const s of group) {
      if (s.bias) all.set(await unpackDense(s.bias), at);
      at += s.N;
    }
    if (!all.every(Number.isFinite))
      throw new UserError(`${this.#checkpoint.name}: a bias of ${group[0].path} holds NaN or infinity`);
    return this.#gpu.upload(`${group[0].path}.bias`, 'f32', [count], all.slice(first, first + count));
  }

  async #run(record: (r: Recorder) => void): Promise<void> {
    const r = new Recorder(this.#gpu);
    record(r);
    (await r.finish()).replay();
  }

  async #progress(bytes: number): Promise<void> {
    this.#done += bytes;
    this.#unwaited += bytes;
    if (this.#unwaited >= WINDOW) {
      await this.#gpu.idle();
      this.#unwaited = 0;
    }
    this.#options.onProgress?.(this.#done, this.#total);
  }
}

const infos = (s: StoredLinear): TensorInfo[] =>
  s.kind === 'gptq' || s.kind === 'awq' ? [s.qweight, s.qzeros, s.scales] : [s.data];

const actOrder = (s: StoredLinear): boolean => s.kind === 'gptq' && s.gIdx !== undefined;

/** The head of a tied model is its embedding. */
function tiedHead(embed: EmbedTable): Projection {
  const { vocab: N, C: K } = embed;
  const parts = embed.chunks.map(({ first, count, data }) => ({
    column: first,
    weight: { kind: 'dense', N: count, K, data: data as DenseWeight['data'] } as const,
  }));
  return { N, K, linears: [{ path: 'lm_head', column: 0, N }], parts, loras: [] };
}

/** k in the order of its group, stable: afterwards groups are runs of `group`. */
async function actOrderPermutation(gIdx: TensorInfo, group: number): Promise<Uint32Array> {
  const bytes = await gIdx.source.read(gIdx.offset, gIdx.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const of = Uint32Array.from({ length: gIdx.length / 4 }, (_, k) => view.getUint32(4 * k, true));
  const perm = Uint32Array.from(of, (_, k) => k).sort((a, b) => of[a] - of[b] || a - b);
  const odd = perm.findIndex((k, i) => of[k] !== Math.floor(i / group));
  if (odd >= 0)
    throw new UserError(
      `${gIdx.source.name}: ${gIdx.name} does not put ${group} inputs in every group; act-order files do`,
    );
  return perm;
}
