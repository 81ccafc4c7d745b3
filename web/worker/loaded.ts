/** A model on the GPU, its adapter, and the taxonomy that it has embedded: what ranks. */
import { passageText, queryText } from '../../src/data/prompt.ts';
import { blobSource } from '../../src/formats/blob_source.ts';
import { checkpointFromSources } from '../../src/formats/checkpoint.ts';
import { ADAPTER_CONFIG, adapterFromSources } from '../../src/formats/peft_adapter.ts';
import type { Checkpoint } from '../../src/formats/stored.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Embedder } from '../../src/infer/embedder.ts';
import { attachAdapter } from '../../src/model/adapter.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Tokenizer } from '../../src/model/tokenizer.ts';
import { tokenizerOf } from '../../src/model/tokenizer_of.ts';
import { freeModel } from '../../src/model/weights.ts';
import { Ranker } from '../../src/retrieve/ranker.ts';
import type { Disk } from '../storage/disk.ts';
import type { ModelFiles } from '../storage/model_store.ts';
import { hex, sha256Bytes } from '../storage/sha256.ts';
import { VectorStore } from '../storage/vector_store.ts';
import type { LabelledAnswer, LoadedModel, Misconception, OnProgress, Question, Ranked } from './api.ts';
import { checkMemory, maxLengthOf } from './fits.ts';
import { examplesFor, type PageExamples } from './labelled.ts';
import type { ModelBytes } from './library.ts';
import { meter } from './progress.ts';

/**
 * Texts embedded between two looks at what else is asked: a batch or two of short ones, so that a GPU stays busy; in
 * software as many as take seconds, names being shorter than answers.
 */
const SLICE = { gpu: 512, names: 16, answers: 1 };

/** Misconceptions a ranking gives, unless more are asked for. */
const TOP = 25;

/** A file of a shipped model's folder: vectors of the sample's misconceptions (scripts/names.ts), in VectorStore's rows. */
const NAMES = 'names.vectors';

/** A model and its adapter as their files say, all that can be wrong with them found out, nothing on the GPU yet. */
export interface Readable {
  bytes: ModelBytes;
  adapter: readonly File[];
  checkpoint: Checkpoint;
  tokenizer: Tokenizer;
  lora?: Awaited<ReturnType<typeof adapterFromSources>>;
}

/** Reads headers, settings and tokenizer. Throws a UserError that names what is wrong. */
export async function readModel(bytes: ModelBytes, adapter: readonly File[]): Promise<Readable> {
  const files = [...bytes.blobs].filter(([name]) => name !== NAMES);
  const sources = new Map(files.map(([name, blob]) => [name, blobSource(name, blob)]));
  const checkpoint = await checkpointFromSources(bytes.model.title, sources);
  const parts = new Map(adapter.map((file) => [file.name, blobSource(file.name, file)]));
  const lora = parts.size ? await adapterFromSources(adapterTitle(adapter), parts, checkpoint.config) : undefined;
  return { bytes, adapter, checkpoint, tokenizer: tokenizerOf(checkpoint), lora };
}

/** What is ranked, and by what. */
interface Basis {
  rows: readonly Misconception[];
  /** f32 [rows, dimensions] */
  passages: Float32Array;
  answers: readonly LabelledAnswer[];
  /** f32 [answers, dimensions] */
  answerVectors: Float32Array;
}

const NOTHING: Basis = { rows: [], passages: new Float32Array(), answers: [], answerVectors: new Float32Array() };

export class Loaded {
  readonly bytes: ModelBytes;
  readonly adapter: readonly File[];
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly parameters: number;
  #basis = NOTHING;
  #examples: PageExamples | undefined;
  #ranker: Ranker | undefined;
  /** The last use of the ranker, whose buffers serve one at a time. */
  #ranked: Promise<unknown> = Promise.resolve();

  private constructor({ bytes, adapter, checkpoint }: Readable, embedder: Embedder, vectors: VectorStore) {
    this.bytes = bytes;
    this.adapter = adapter;
    this.embedder = embedder;
    this.vectors = vectors;
    this.parameters = checkpoint.parameters();
  }

  /** Puts a model on the GPU; where that fails, nothing of it stays there. */
  static async open(
    gpu: Gpu,
    disk: Disk,
    model: Readable,
    { onProgress, signal }: { onProgress: OnProgress; signal: AbortSignal },
  ): Promise<Loaded> {
    const { checkpoint, tokenizer, lora, bytes, adapter } = model;
    await checkMemory(gpu, checkpoint);
    const { title } = bytes.model;
    const weights = await loadModel(gpu, checkpoint, { onProgress: meter(onProgress, title, 'bytes') });
    try {
      signal.throwIfAborted();
      if (lora) await attachAdapter(gpu, weights, { ...lora, close: async () => {} });
      const maxLength = maxLengthOf(checkpoint.config.maxPositions);
      const key = await keyOf(bytes.model, adapter);
      const known = adapter.length ? undefined : bytes.blobs.get(NAMES);
      const vectors = await VectorStore.open(disk, key, checkpoint.config.hiddenSize, known);
      const compiled = meter(onProgress, 'GPU programs', 'pipelines');
      return new Loaded(model, await Embedder.create(gpu, weights, tokenizer, { maxLength }, compiled), vectors);
    } catch (error) {
      freeModel(gpu, weights);
      throw error;
    }
  }

  /** What the page is told; `seconds` it took. */
  describe(seconds: number): LoadedModel {
    const { id, title } = this.bytes.model;
    const { parameters, adapter } = this;
    return {
      id,
      title,
      parameters,
      gpuBytes: this.embedder.gpu.allocated,
      adapter: adapter.length ? adapterTitle(adapter) : undefined,
      seconds,
      note: this.bytes.note,
    };
  }

  /** Makes `rows` what is ranked; gives how many names had to be embedded. A failure leaves the taxonomy before. */
  async embedTaxonomy(rows: readonly Misconception[], onProgress: OnProgress, signal: AbortSignal): Promise<number> {
    const texts = rows.map(({ name }) => passageText(name));
    const { vectors, embedded } = await this.#embed(texts, 'misconceptions', SLICE.names, onProgress, signal);
    await this.rankBy({ rows, passages: vectors });
    return embedded;
  }

  /** Vectors of labelled answers, which `rankBy` takes. */
  async embedLabelled(
    answers: readonly LabelledAnswer[],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const texts = answers.map(({ question }) => queryText(question));
    return (await this.#embed(texts, 'labelled answers', SLICE.answers, onProgress, signal)).vectors;
  }

  #embed(texts: string[], what: string, software: number, onProgress: OnProgress, signal: AbortSignal) {
    const { embedder } = this;
    const report = meter(onProgress, what, 'texts');
    const slice = embedder.gpu.description.software ? software : SLICE.gpu;
    return this.vectors.vectors(texts, slice, async (missing, before, total) => {
      signal.throwIfAborted();
      report(before, total);
      const made = await embedder.embed(missing);
      report(before + missing.length, total);
      return made;
    });
  }

  /** Changes part of what is ranked, and by what. No ranking may be under way. A failure leaves all as it was. */
  async rankBy(change: Partial<Basis>): Promise<void> {
    const basis = { ...this.#basis, ...change };
    const examples = examplesFor(basis.answers, basis.answerVectors, basis.rows);
    const ranker = basis.rows.length ? await this.#makeRanker(basis.passages, examples, TOP) : undefined;
    this.#ranker?.free();
    this.#ranker = ranker;
    this.#basis = basis;
    this.#examples = examples;
  }

  #makeRanker(passages: Float32Array, examples: PageExamples | undefined, k: number): Promise<Ranker> {
    const { gpu, dimensions } = this.embedder;
    return Ranker.create(gpu, passages, dimensions, k, examples);
  }

  /** Labelled answers that are ranked by. */
  get labelled(): number {
    return this.#examples?.rows.length ?? 0;
  }

  /**
   * The best `top` misconceptions for each question, best first; none without a taxonomy. A question's own labels are
   * not looked at, as `lacuna rank --examples` does not.
   */
  async rank(questions: readonly Question[], top: number): Promise<Ranked[][]> {
    const { rows, passages } = this.#basis;
    const examples = this.#examples;
    if (!this.#ranker) return questions.map(() => []);
    const { embedder } = this;
    const queries = await embedder.embed(questions.map(queryText));
    const wanted = Math.min(top, rows.length);
    const ranked = this.#ranked.then(async () => {
      let ranker = this.#ranker!;
      if (ranker.k < wanted) {
        ranker.free();
        ranker = await this.#makeRanker(passages, examples, wanted);
        this.#ranker = ranker;
      }
      return ranker.rank(
        queries,
        questions.map(({ question }) => examples?.originOf(question)),
      );
    });
    this.#ranked = ranked.catch(() => {});
    return (await ranked).map(({ indices, scores }) =>
      Array.from(indices.subarray(0, wanted), (row, i) => ({ ...rows[row], score: scores[i] })),
    );
  }

  free(): void {
    this.#ranker?.free();
    this.embedder.free();
  }
}

/** What an adapter is called: the folder it lay in, where the browser tells, else its file. */
const adapterTitle = (files: readonly File[]): string =>
  files[0].webkitRelativePath?.split('/').at(-2) ||
  files.find(({ name }) => name !== ADAPTER_CONFIG)?.name ||
  'adapter';

/** Stands for a model with its adapter: embeddings of one are not those of another. */
async function keyOf({ files }: ModelFiles, adapter: readonly File[]): Promise<string> {
  const facts = [
    files.map(({ name, size, proof }) => [name, size, proof]),
    await Promise.all(adapter.map(async (file) => [file.name, hex(await sha256Of(file))])),
  ];
  return hex(await sha256Bytes(JSON.stringify(facts))).slice(0, 32);
}

const sha256Of = async (file: File): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
