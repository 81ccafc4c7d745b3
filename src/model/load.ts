/**
 * Loads a checkpoint: walks the decoder's tensors in order and streams each to the GPU, repacked there by the kernels
 * of kernels/repack. Host memory is bounded by a chunk of a few MiB, not by the model.
 */
import { type EmbedTable, rowsOfTokens } from '../../kernels/embed/embed.ts';
import type { DenseWeight, Weight } from '../../kernels/linear/weights.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import { unpackDense } from '../formats/dequantize.ts';
import { pickRows } from '../formats/picked_rows.ts';
import type { Checkpoint, StoredDense, StoredLinear } from '../formats/stored.ts';
import type { TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { BYTES, type Tensor } from '../gpu/tensor.ts';
import { denseType, type Form, fill, fillDense, formOf, mostRows } from './fill.ts';
import { Upload } from './upload.ts';
import type { LayerWeights, ModelWeights, Projection } from './weights.ts';

export interface LoadOptions {
  /** Quantise linears that are stored dense to int4, group 32, while they load. */
  quantize?: 'q4';
  /** Round nothing where activations are f32: twice the memory for what is stored in ggml's blocks and not int4. */
  exact?: boolean;
  /** Load the language-model head too. */
  head?: boolean;
  /** Of the embedding, load the rows of these tokens alone: ids in ascending order, each once. Not with a head. */
  tokens?: Uint32Array;
  /** Bytes of the files read so far, and how many there are to read. */
  onProgress?: (done: number, total: number) => void;
}

/** Paths of one decoder layer, projection by projection. */
export const layerPaths = (i: number) => ({
  qkv: ['q_proj', 'k_proj', 'v_proj'].map((p) => `layers.${i}.self_attn.${p}`),
  o: [`layers.${i}.self_attn.o_proj`],
  gateUp: ['gate_proj', 'up_proj'].map((p) => `layers.${i}.mlp.${p}`),
  down: [`layers.${i}.mlp.down_proj`],
});

/** Loads every weight of a decoder. Throws a UserError that names the tensor which cannot be used; nothing stays allocated then. */
export async function loadModel(gpu: Gpu, checkpoint: Checkpoint, options: LoadOptions = {}): Promise<ModelWeights> {
  const loader = new Loader(gpu, checkpoint, options);
  try {
    return await loader.load();
  } catch (error) {
    loader.up.abandon();
    throw error;
  } finally {
    loader.up.close();
  }
}

class Loader {
  readonly up: Upload;
  readonly #gpu: Gpu;
  readonly #checkpoint: Checkpoint;
  readonly #options: LoadOptions;
  /** [vocab, hidden], or the rows of `tokens` alone. */
  readonly #embed: StoredDense;

  constructor(gpu: Gpu, checkpoint: Checkpoint, options: LoadOptions) {
    this.#gpu = gpu;
    this.#checkpoint = checkpoint;
    this.#options = options;
    const { tokens, head = false } = options;
    if (tokens && head) throw new Error('a head needs the whole embedding');
    if (tokens) requireKnown(tokens, checkpoint.config);
    const embed = checkpoint.dense('embed_tokens');
    this.#embed = tokens ? pickRows(embed, tokens) : embed;
    const total = this.#embed.data.length + linearBytes(checkpoint, head);
    this.up = new Upload(gpu, checkpoint.name, total, options.onProgress);
  }

  async load(): Promise<ModelWeights> {
    const { config } = this.#checkpoint;
    const embed = await this.#embedding();
    const layers: LayerWeights[] = [];
    for (let i = 0; i < config.layers; i++) {
      const paths = layerPaths(i);
      layers.push({
        inputNorm: await this.#norm(`layers.${i}.input_layernorm`),
        qkv: await this.#projection(paths.qkv),
        o: await this.#projection(paths.o),
        postNorm: await this.#norm(`layers.${i}.post_attention_layernorm`),
        gateUp: await this.#projection(paths.gateUp),
        down: await this.#projection(paths.down),
      });
    }
    const weights: ModelWeights = { config, embed, layers, norm: await this.#norm('norm') };
    if (this.#options.head) weights.head = config.tiedHead ? tiedHead(embed) : await this.#projection(['lm_head']);
    await this.up.finish();
    return weights;
  }

  async #norm(path: string): Promise<Tensor> {
    return this.#vector(path, await unpackDense(this.#checkpoint.dense(path)));
  }

  #vector(path: string, values: Float32Array): Tensor {
    if (!values.every(Number.isFinite)) throw new UserError(`${this.up.name}: ${path} holds NaN or infinity`);
    const t = this.up.tensor(path, 'f32', [values.length]);
    this.#gpu.write(t, values);
    return t;
  }

  /** The embedding, cut by rows where one binding cannot hold it. */
  async #embedding(): Promise<EmbedTable> {
    const { tokens, exact } = this.#options;
    const stored = this.#embed;
    const [vocab, C] = stored.shape;
    const dtype = denseType(this.#gpu, stored, exact);
    const most = Math.floor(this.#gpu.caps.maxBinding / (C * BYTES[dtype]));
    const chunks: EmbedTable['chunks'][number][] = [];
    for (let first = 0; first < vocab; first += most) {
      const count = Math.min(most, vocab - first);
      const data = this.up.tensor('embed_tokens', dtype, [count, C]);
      await fillDense(this.up, data, stored, first, count, 0);
      chunks.push({ first, count, data });
    }
    return { vocab, C, chunks, rows: tokens && rowsOfTokens(tokens) };
  }

  /** Linears on the same input, as one weight where their forms are alike and one binding holds them. */
  async #projection(paths: readonly string[]): Promise<Projection> {
    const stored = paths.map((path) => this.#checkpoint.linear(path));
    const forms = stored.map((s) => formOf(this.#gpu, s, this.#options));
    const K = stored[0].K;
    const N = stored.reduce((n, s) => n + s.N, 0);
    const alike = stored.every((s, i) => !hasActOrder(s) && JSON.stringify(forms[i]) === JSON.stringify(forms[0]));
    const together = alike && N <= mostRows(this.#gpu, forms[0], K);
    const p: Projection = { N, K, linears: [], parts: [], loras: [] };
    let column = 0;
    stored.forEach((s) => {
      p.linears.push({ path: s.path, column, N: s.N });
      column += s.N;
    });
    if (together) p.parts.push(...(await this.#parts(stored, forms[0], 0)));
    else
      for (const [i, s] of stored.entries()) p.parts.push(...(await this.#parts([s], forms[i], p.linears[i].column)));
    return p;
  }

  /** The linears of `group` end to end, from `column` on: one part, or several where a matrix exceeds a binding. */
  async #parts(group: readonly StoredLinear[], form: Form, column: number): Promise<Projection['parts']> {
    const rows = group.reduce((n, s) => n + s.N, 0);
    const most = mostRows(this.#gpu, form, group[0].K);
    // Only formats stored row by row can be cut by rows.
    if (rows > most && (group[0].kind === 'gptq' || group[0].kind === 'awq'))
      throw new UserError(
        `${this.up.name}: ${group[0].path} [${rows}, ${group[0].K}] is larger than this GPU's largest binding, ${this.#gpu.caps.maxBinding} bytes`,
      );
    const bias = await this.#biases(group, rows);
    const parts: Projection['parts'] = [];
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const weight = await this.#weight(group, form, first, count);
      const own = bias && this.#vector(`${group[0].path}.bias`, bias.slice(first, first + count));
      parts.push({ column: column + first, weight, bias: own });
    }
    return parts;
  }

  /** Rows first .. first + count of the linears of `group`, laid end to end. */
  async #weight(group: readonly StoredLinear[], form: Form, first: number, count: number): Promise<Weight> {
    const K = group[0].K;
    const label = group.map((s) => s.path).join(' + ');
    let weight: Weight;
    if (form.kind === 'dense') {
      const data = this.up.tensor(label, form.dtype, [count, K]) as DenseWeight['data'];
      weight = { kind: 'dense', N: count, K, data };
    } else {
      const perRow = Math.ceil(K / form.group) * (form.meta === 'offset32' ? 2 : 1);
      const words = this.up.tensor(label, 'u32', [count, Math.ceil(K / 8)]);
      const params = this.up.tensor(label, 'u32', [count, perRow]);
      weight = { ...form, N: count, K, words, params };
    }
    let row = 0;
    for (const s of group) {
      const begin = Math.max(0, first - row);
      const end = Math.min(s.N, first + count - row);
      if (begin < end) await fill(this.up, weight, s, begin, end, Math.max(0, row - first));
      row += s.N;
    }
    return weight;
  }

  /** The biases of `group` end to end, zero where a linear has none; undefined where none has one. */
  async #biases(group: readonly StoredLinear[], rows: number): Promise<Float32Array | undefined> {
    if (!group.some((s) => s.bias)) return undefined;
    const all = new Float32Array(rows);
    let at = 0;
    for (const s of group) {
      if (s.bias) all.set(await unpackDense(s.bias), at);
      at += s.N;
    }
    return all;
  }
}

const infos = (s: StoredLinear): TensorInfo[] =>
  s.kind === 'gptq' || s.kind === 'awq' ? [s.qweight, s.qzeros, s.scales] : [s.data];

const hasActOrder = (s: StoredLinear): boolean => s.kind === 'gptq' && s.gIdx !== undefined;

/** Throws a UserError for a token that the model has no embedding of. */
export function requireKnown(ids: Uint32Array, { vocabSize }: Pick<ModelConfig, 'vocabSize'>): void {
  for (const id of ids)
    if (id >= vocabSize)
      throw new UserError(
        `the tokenizer gives token ${id}, and the model knows ${vocabSize}: they belong to different models`,
      );
}

/** Bytes of the linears that loading reads, for the progress. */
function linearBytes(checkpoint: Checkpoint, head: boolean): number {
  const { config } = checkpoint;
  const paths = Array.from({ length: config.layers }, (_, i) => Object.values(layerPaths(i)).flat()).flat();
  if (head && !config.tiedHead) paths.push('lm_head');
  return paths.flatMap((path) => infos(checkpoint.linear(path))).reduce((n, t) => n + t.length, 0);
}

/** The head of a tied model is its embedding. */
function tiedHead(embed: EmbedTable): Projection {
  const { vocab: N, C: K } = embed;
  const parts = embed.chunks.map(({ first, count, data }) => ({
    column: first,
    weight: { kind: 'dense', N: count, K, data: data as DenseWeight['data'] } as const,
  }));
  return { N, K, linears: [{ path: 'lm_head', column: 0, N }], parts, loras: [] };
}
