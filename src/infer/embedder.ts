/**
 * Texts to unit vectors: tokenize, pack, run the decoder, pool, normalise. One recording serves all batches; while
 * the GPU runs one, the next is uploaded behind it, so it never waits for the host.
 */
import { Sequences } from '../../kernels/attention/sequences.ts';
import { l2Normalize } from '../../kernels/l2_normalize/l2_normalize.ts';
import { INT8_LABEL } from '../../kernels/linear/int8/int8.ts';
import { measureInt8 } from '../../kernels/linear/int8/operands.ts';
import { poolMean } from '../../kernels/pool/pool.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type KernelTime, Recorder, type Recording } from '../gpu/recorder.ts';
import { type Activations, activationBytes, activations, forward } from '../model/decoder.ts';
import { type EmbeddingActivations, embedding, embeddingActivations } from '../model/embedding.ts';
import { requireKnown } from '../model/load.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { freeModel, linears, type ModelWeights } from '../model/weights.ts';
import { packBatches } from './batches.ts';

export type Pooling = 'last' | 'mean';

export interface EmbedderOptions {
  /** `last`: the last token's hidden state after the final norm, as the retriever is trained; `mean`: of all tokens'. */
  pooling?: Pooling;
  /** Tokens beyond this are dropped at a text's end. */
  maxLength?: number;
  /** Tokens a batch; default: what the adapter does best with, as far as its bindings hold it. */
  batchTokens?: number;
  /**
   * `int8`: products of int4 weights in whole numbers of 8 bits, with a scale a row of x and of W: faster where subgroup
   * matrices take i8, and some 1 % off a product, more where a few channels are large. Default: f16.
   */
  activations?: 'int8';
}

export const DEFAULT_MAX_LENGTH = 288;

/** Tokens a batch that keep this GPU busy; a software driver gains nothing from more than a few tiles. */
const PREFERRED_BATCH = { gpu: 16384, software: 1024 };

/** The batch size to use: as asked, or the preferred one, and never more than one binding holds. */
export function batchTokensFor(gpu: Gpu, config: ModelConfig, maxLength: number, asked?: number): number {
  const fits = Math.floor(gpu.caps.maxBinding / activationBytes(config, gpu.activation).widest);
  if (fits < maxLength)
    throw new UserError(
      `one sequence of ${maxLength} tokens does not fit this GPU's bindings: the longest that does has ${fits} (--max-length)`,
    );
  if (asked !== undefined && asked > fits)
    throw new UserError(`--batch-tokens ${asked} does not fit this GPU's bindings: the largest that does is ${fits}`);
  if (asked !== undefined && asked < maxLength)
    throw new UserError(`--batch-tokens ${asked} is less than --max-length ${maxLength}: a batch must hold one text`);
  return (
    asked ??
    Math.max(maxLength, Math.min(fits, gpu.description.software ? PREFERRED_BATCH.software : PREFERRED_BATCH.gpu))
  );
}

/** Throws a UserError where this GPU cannot multiply 8-bit activations: nothing else is used instead. */
export function requireInt8({ caps, description }: Gpu): void {
  if (!caps.matrixI8)
    throw new UserError(
      `--activations int8 needs subgroup matrices of i8, which ${description.description || description.device} in tier ${caps.tier} does not have: leave it out`,
    );
}

export class Embedder {
  readonly gpu: Gpu;
  readonly model: ModelWeights;
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
  readonly batchTokens: number;
  readonly pooling: Pooling;
  readonly #seqs: Sequences;
  readonly #activations: Activations;
  readonly #vectors: EmbeddingActivations;
  readonly #recording: Recording;

  private constructor(
    parts: Pick<Embedder, 'gpu' | 'model' | 'tokenizer' | 'maxLength' | 'batchTokens' | 'pooling'>,
    seqs: Sequences,
    made: { activations: Activations; vectors: EmbeddingActivations; recording: Recording },
  ) {
    this.gpu = parts.gpu;
    this.model = parts.model;
    this.tokenizer = parts.tokenizer;
    this.maxLength = parts.maxLength;
    this.batchTokens = parts.batchTokens;
    this.pooling = parts.pooling;
    this.#seqs = seqs;
    this.#activations = made.activations;
    this.#vectors = made.vectors;
    this.#recording = made.recording;
  }

  /** Records and compiles. `onCompile` counts the pipelines done. Owns the model unless `free` is told otherwise. */
  static async create(
    gpu: Gpu,
    model: ModelWeights,
    tokenizer: Tokenizer,
    options: EmbedderOptions = {},
    onCompile?: (done: number, total: number) => void,
  ): Promise<Embedder> {
    const { config } = model;
    const maxLength = options.maxLength ?? DEFAULT_MAX_LENGTH;
    if (maxLength > config.maxPositions)
      throw new UserError(
        `--max-length ${maxLength} exceeds the ${config.maxPositions} positions this model was made for`,
      );
    const batchTokens = batchTokensFor(gpu, config, maxLength, options.batchTokens);
    const pooling = options.pooling ?? 'last';
    const int8 = options.activations === 'int8';
    if (int8) {
      requireInt8(gpu);
      await measureInt8(gpu, linears(model));
    }
    const seqs = new Sequences(gpu, batchTokens, Math.min(batchTokens, 4096), model.embed.rows);
    const s = activations(gpu, config, batchTokens, maxLength);
    const vectors = embeddingActivations(gpu, seqs, config.hiddenSize);

    const r = new Recorder(gpu);
    forward(r, model, s, seqs, { int8 });
    if (int8 && !r.dispatches.some((d) => d.label === INT8_LABEL)) {
      seqs.free();
      gpu.free(...Object.values(s), ...Object.values(vectors));
      throw new UserError(
        `--activations int8 has nothing to work on: it takes int4 weights, not in act-order (--quantize q4, or \`lacuna quantize --to q4\`), and batches of 128 tokens or more, not ${batchTokens}`,
      );
    }
    if (pooling === 'last') embedding(r, model, s.h, vectors, seqs);
    else {
      const all = r.scratch('normed tokens', 'f32', s.h.shape);
      rmsNorm(r, { x: s.h, weight: model.norm, y: all, rows: seqs.tokens, eps: config.rmsEps });
      poolMean(r, { h: all, starts: seqs.starts, y: vectors.normed, count: seqs.count });
      l2Normalize(r, { x: vectors.normed, y: vectors.out, rows: seqs.count });
    }
    const recording = await r.finish(onCompile);
    const parts = { gpu, model, tokenizer, maxLength, batchTokens, pooling };
    return new Embedder(parts, seqs, { activations: s, vectors, recording });
  }

  /** Length of a vector. */
  get dimensions(): number {
    return this.model.config.hiddenSize;
  }

  /** Token ids as the model will see them: no special tokens, cut at `maxLength`. */
  tokenize(text: string): Uint32Array {
    return this.tokenizer.encode(text, this.maxLength);
  }

  /** Unit vectors f32 [texts, dimensions] in the order of `texts`. `onProgress` counts tokens. Throws a UserError for a text without tokens. */
  async embed(texts: readonly string[], onProgress?: (done: number, total: number) => void): Promise<Float32Array> {
    const tokens = texts.map((text) => this.tokenize(text));
    const empty = tokens.findIndex((t) => t.length === 0);
    if (empty >= 0) throw new UserError(`text ${empty + 1} has no tokens: nothing can be embedded`);
    return this.embedTokens(tokens, onProgress);
  }

  /** The same for token ids, each a non-empty sequence of at most `maxLength`. */
  async embedTokens(
    tokens: readonly Uint32Array[],
    onProgress?: (done: number, total: number) => void,
  ): Promise<Float32Array> {
    for (const ids of tokens) requireKnown(ids, this.model.config);
    const lengths = tokens.map((t) => t.length);
    const total = lengths.reduce((a, b) => a + b, 0);
    const d = this.dimensions;
    const out = new Float32Array(tokens.length * d);
    let done = 0;
    const collect = async (batch: number[], vectors: Promise<ArrayBuffer>) => {
      const rows = new Float32Array(await vectors);
      batch.forEach((index, row) => {
        out.set(rows.subarray(row * d, (row + 1) * d), index * d);
      });
      done += batch.reduce((n, i) => n + lengths[i], 0);
      onProgress?.(done, total);
    };
    let previous: Promise<void> | undefined;
    for (const batch of packBatches(lengths, { tokens: this.batchTokens, sequences: this.#seqs.maxSequences })) {
      this.#seqs.set(batch.map((i) => tokens[i]));
      this.#recording.replay();
      const vectors = this.gpu.readBuffer(this.#vectors.out.buffer, batch.length * d * 4);
      const collected = collect(batch, vectors);
      collected.catch(() => {}); // reported when it is awaited, one batch later
      await previous;
      previous = collected;
    }
    await previous;
    return out;
  }

  /** One batch, each dispatch timed on the GPU: label and nanoseconds. */
  async profile(tokens: readonly Uint32Array[]): Promise<KernelTime[]> {
    this.#seqs.set(tokens);
    return this.#recording.profile();
  }

  /** Frees what the embedder made, and the model with it unless somebody else owns it. */
  free({ keepModel = false } = {}): void {
    this.#recording.free();
    this.#seqs.free();
    this.gpu.free(...Object.values(this.#activations), ...Object.values(this.#vectors));
    if (!keepModel) freeModel(this.gpu, this.model);
  }
}
