/**
 * The page's engine: one GPU, one model, one taxonomy with its embeddings, and the storage they come from. What
 * changes any of these waits for what came before it; a single ranking waits only for changes, so that typing stays
 * quick while a class is ranked.
 */
import { passageText, queryText } from '../../src/data/prompt.ts';
import { UserError } from '../../src/errors.ts';
import { blobSource } from '../../src/formats/blob_source.ts';
import { checkpointFromSources } from '../../src/formats/checkpoint.ts';
import { ADAPTER_CONFIG, adapterFromSources } from '../../src/formats/peft_adapter.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Embedder } from '../../src/infer/embedder.ts';
import { attachAdapter } from '../../src/model/adapter.ts';
import { loadModel } from '../../src/model/load.ts';
import { tokenizerOf } from '../../src/model/tokenizer_of.ts';
import { freeModel } from '../../src/model/weights.ts';
import { Ranker } from '../../src/retrieve/ranker.ts';
import { type Disk, DiskFull, openDisk } from '../storage/disk.ts';
import { MemoryDisk } from '../storage/memory_disk.ts';
import { type Fetchable, type ModelFiles, ModelStore } from '../storage/model_store.ts';
import { hex, sha256Bytes } from '../storage/sha256.ts';
import { VectorStore } from '../storage/vector_store.ts';
import type {
  BenchRow,
  ClassRow,
  Engine,
  GpuReport,
  LoadedModel,
  Misconception,
  ModelEntry,
  ModelSource,
  OnProgress,
  Question,
  Ranked,
  StorageReport,
} from './api.ts';
import { fromFiles, fromHub, fromShipped, knownModels, shippedModels } from './catalogue.ts';
import { readClass, readTaxonomyCsv } from './class_csv.ts';
import { checkBindings, checkMemory, isHeader, maxLengthOf } from './fits.ts';
import { gpuReport, noGpu } from './gpu_report.ts';
import { meter } from './progress.ts';
import { remoteSource } from './remote_source.ts';

/** A model below this is downloaded without a look at its header first, which would be much of it. */
const CHECK_FROM = 64 * 2 ** 20;

/** Texts embedded between two looks at what else is asked: a batch or two of short ones, so that a GPU stays busy. */
const SLICE = { gpu: 512, software: 16 };

/** Misconceptions a ranking gives, unless more are asked for. */
const TOP = 25;

/** A model's bytes, and where they came from. */
interface Bytes {
  source: ModelSource;
  model: ModelFiles;
  blobs: Map<string, Blob>;
  /** Not in storage: they must not be let go of. */
  unkept: boolean;
  note?: string;
}

interface Open {
  bytes: Bytes;
  adapter: readonly File[];
  embedder: Embedder;
  vectors: VectorStore;
  loaded: LoadedModel;
}

interface Passages {
  rows: readonly Misconception[];
  vectors: Float32Array;
  ranker: Ranker;
}

export class LocalEngine implements Engine {
  readonly #base: URL;
  #gpu: Promise<Gpu> | undefined;
  #disk: Promise<Disk> | undefined;
  #open: Open | undefined;
  #rows: readonly Misconception[] = [];
  #passages: Passages | undefined;
  #refused = new Map<string, string>();
  /** The last of what changes or uses everything, and the last change of model or taxonomy. */
  #queue: Promise<unknown> = Promise.resolve();
  #changed: Promise<unknown> = Promise.resolve();
  /** Rankings under way: a change begins when they are done. */
  readonly #rankings = new Set<Promise<unknown>>();
  /** The last use of the ranker, whose buffers serve one at a time. */
  #ranked: Promise<unknown> = Promise.resolve();
  #running: AbortController | undefined;
  #tellGpu: ((state: 'lost' | 'restored', message: string) => void) | undefined;

  /** `base`: where the page lies. */
  constructor(base: URL) {
    this.#base = base;
  }

  async gpu(): Promise<GpuReport> {
    try {
      return await gpuReport(await this.#openGpu());
    } catch (error) {
      if (error instanceof UserError) return noGpu(error.message);
      throw error;
    }
  }

  async models(): Promise<ModelEntry[]> {
    const stored = (await (await this.#store()).list()).filter(({ complete }) => complete);
    const shipped = await shippedModels(this.#base);
    const entries: ModelEntry[] = [];
    const add = (entry: ModelEntry) => {
      const refused = this.#refused.get(entry.id);
      if (!entries.some(({ id }) => id === entry.id)) entries.push(refused ? { ...entry, refused } : entry);
    };
    for (const { id, title, files } of shipped) {
      const where = stored.some((s) => s.id === id) ? 'stored' : 'shipped';
      add({ id, title, bytes: files.reduce((n, { size }) => n + size, 0), where });
    }
    for (const { id, title, bytes } of stored) add({ id, title, bytes, where: 'stored' });
    for (const known of knownModels()) add({ ...known, where: 'hub' });
    return entries;
  }

  load(source: ModelSource, onProgress: OnProgress): Promise<LoadedModel> {
    return this.#change(async (signal) => {
      const began = performance.now();
      const adapter = source.kind === 'files' ? fromFiles(source.files).adapter : [];
      const bytes = await this.#bytesOf(source, onProgress, signal);
      signal.throwIfAborted();
      return this.#use(bytes, adapter, { onProgress, signal, began });
    });
  }

  adapter(files: File[], onProgress: OnProgress): Promise<LoadedModel> {
    return this.#change(async (signal) => {
      const began = performance.now();
      const bytes = await this.#again(this.#ready().bytes, onProgress, signal);
      return this.#use(bytes, files, { onProgress, signal, began });
    });
  }

  async deleteModel(id: string): Promise<void> {
    await (await this.#store()).remove(id);
  }

  async storage(): Promise<StorageReport> {
    const disk = await this.#openDisk();
    const estimate = await navigator.storage?.estimate?.().catch(() => undefined);
    const models = await new ModelStore(disk).list();
    return {
      available: disk.kind !== 'memory',
      usedBytes: estimate?.usage ?? 0,
      quotaBytes: estimate?.quota ?? 0,
      models: models.map(({ id, title, bytes, complete }) => ({ id, title, bytes, complete })),
      vectorsBytes: await VectorStore.bytes(disk),
    };
  }

  async clearVectors(): Promise<void> {
    await VectorStore.clear(await this.#openDisk());
    this.#open?.vectors.forget();
  }

  taxonomy(rows: Misconception[], onProgress: OnProgress): Promise<{ embedded: number; reused: number }> {
    return this.#change(async (signal) => {
      if (!this.#open) {
        this.#rows = rows;
        return { embedded: 0, reused: 0 };
      }
      const embedded = await this.#embedTaxonomy(this.#open, rows, onProgress, signal);
      return { embedded, reused: rows.length - embedded };
    });
  }

  readTaxonomy(csv: File): Promise<Misconception[]> {
    return readTaxonomyCsv(csv);
  }

  async rank(question: Question, top: number): Promise<{ ranked: Ranked[]; ms: number }> {
    for (let change: unknown; change !== this.#changed; ) {
      change = this.#changed;
      await change;
    }
    const began = performance.now();
    const ranking = this.#rank([question], top);
    this.#rankings.add(ranking);
    try {
      const [ranked] = await ranking;
      return { ranked, ms: performance.now() - began };
    } finally {
      this.#rankings.delete(ranking);
    }
  }

  rankClass(csv: File, top: number, onProgress: OnProgress, onRows: (rows: ClassRow[]) => void): Promise<void> {
    return this.#exclusive(async (signal) => {
      const { embedder } = this.#ready();
      const entries = await readClass(csv);
      const report = meter(onProgress, csv.name, 'questions');
      // What fills a batch even where every text is as long as can be.
      const slice = Math.max(1, Math.floor(embedder.batchTokens / embedder.maxLength));
      report(0, entries.length);
      for (let from = 0; from < entries.length; from += slice) {
        signal.throwIfAborted();
        const part = entries.slice(from, from + slice);
        const ranked = await this.#rank(
          part.map(({ question }) => question),
          top,
        );
        signal.throwIfAborted();
        onRows(part.map((entry, i) => ({ ...entry, ranked: ranked[i] })));
        report(from + part.length, entries.length);
      }
    });
  }

  async cancel(): Promise<void> {
    this.#running?.abort(new Error('cancelled'));
  }

  async benchKernels(): Promise<{ kernel: string; shapes: string[] }[]> {
    const { listBenches } = await import('./bench.ts');
    return listBenches(await this.#openGpu());
  }

  bench(
    kernels: string[],
    onProgress: OnProgress,
    onRow: (row: BenchRow) => void,
  ): Promise<{ copyGBs: number; tflops: number }> {
    return this.#exclusive(async (signal) => {
      const { runBenches } = await import('./bench.ts');
      return runBenches(kernels, { onProgress, onRow, signal });
    });
  }

  async onGpu(callback: (state: 'lost' | 'restored', message: string) => void): Promise<void> {
    this.#tellGpu = callback;
  }

  /** Runs after everything queued before; `cancel` ends it. */
  #exclusive<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = this.#queue.then(async () => {
      const controller = new AbortController();
      this.#running = controller;
      try {
        return await work(controller.signal);
      } finally {
        this.#running = undefined;
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** The same for what rankings must wait for. */
  #change<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = this.#exclusive(async (signal) => {
      await Promise.allSettled(this.#rankings);
      return work(signal);
    });
    this.#changed = run.catch(() => {});
    return run;
  }

  #openDisk(): Promise<Disk> {
    this.#disk ??= openDisk();
    return this.#disk;
  }

  async #store(): Promise<ModelStore> {
    return new ModelStore(await this.#openDisk());
  }

  #openGpu(): Promise<Gpu> {
    if (!this.#gpu) {
      const opened = Gpu.open();
      this.#gpu = opened;
      opened.then(
        (gpu) =>
          gpu.lost.then((reason) => {
            if (this.#gpu === opened) this.#recover(reason);
          }),
        () => {
          // The next call tries again.
          this.#gpu = undefined;
        },
      );
    }
    return this.#gpu;
  }

  /** Opens the GPU anew and brings back model and taxonomy. */
  #recover(reason: string): void {
    this.#gpu = undefined;
    this.#running?.abort(new Error('the GPU was lost'));
    this.#tellGpu?.('lost', `The GPU was lost (${reason}). Opening it again…`);
    const before = this.#open;
    this.#open = undefined;
    this.#passages = undefined;
    this.#change(async (signal) => {
      const gpu = await this.#openGpu();
      if (before) {
        const onProgress = () => {};
        const bytes = await this.#again(before.bytes, onProgress, signal);
        await this.#use(bytes, before.adapter, { onProgress, signal, began: performance.now() });
      }
      this.#tellGpu?.('restored', `${gpu.description.vendor || 'The GPU'} is back, and what was loaded with it.`);
    }).catch((error) => this.#tellGpu?.('lost', `The GPU does not come back (${error.message}): reload the page.`));
  }

  #ready(): Open {
    if (!this.#open) throw new UserError('no model is loaded yet: choose one');
    return this.#open;
  }

  /** The bytes of a model: what is stored, what is fetched and stored, or what is kept in memory with a note why. */
  async #bytesOf(source: ModelSource, onProgress: OnProgress, signal: AbortSignal): Promise<Bytes> {
    const store = await this.#store();
    const memory = store.disk.kind === 'memory';
    const note = memory ? 'This window keeps nothing: the model is gone with it.' : undefined;
    const wanted = await this.#fetchable(source, store);
    // It is there whole, and nobody says that it has changed.
    if (!('requests' in wanted))
      return { source, model: wanted, blobs: await store.open(wanted), unkept: memory, note };
    const size = wanted.files.reduce((n, file) => n + file.size, 0);
    if (size >= CHECK_FROM && !(await store.find(wanted.id))) await this.#checkHeader(wanted);
    const report = meter(onProgress, wanted.title, 'bytes');
    try {
      return { source, model: wanted, blobs: await store.fetch(wanted, report, signal), unkept: memory, note };
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
      await store.remove(wanted.id);
      const blobs = await new ModelStore(new MemoryDisk()).fetch(wanted, report, signal);
      return { source, model: wanted, blobs, unkept: true, note: `Not kept for the next visit: ${error.message}.` };
    }
  }

  /** The same bytes for another load; fetched again where they were deleted meanwhile. */
  async #again(bytes: Bytes, onProgress: OnProgress, signal: AbortSignal): Promise<Bytes> {
    return bytes.unkept ? bytes : this.#bytesOf(bytes.source, onProgress, signal);
  }

  /** How to fetch a model; what is stored of it alone, where that is whole and this page does not ship it. */
  async #fetchable(source: ModelSource, store: ModelStore): Promise<Fetchable | ModelFiles> {
    if (source.kind === 'files') return fromFiles(source.files).model;
    const shipped = (await shippedModels(this.#base)).find(({ id }) => id === source.id);
    if (shipped) return fromShipped(shipped, this.#base);
    return (await store.find(source.id)) ?? fromHub(source.id);
  }

  /** Throws where the header says that the model cannot run here. */
  async #checkHeader({ id, title, files, requests }: Fetchable): Promise<void> {
    const sources = files.flatMap(({ name, size }, i) =>
      isHeader(name) ? [[name, remoteSource(name, size, requests[i])] as const] : [],
    );
    try {
      const gpu = await this.#openGpu();
      const checkpoint = await checkpointFromSources(title, new Map(sources));
      checkBindings(gpu, checkpoint);
      await checkMemory(gpu, checkpoint);
      this.#refused.delete(id);
    } catch (error) {
      if (error instanceof UserError) this.#refused.set(id, error.message);
      throw error;
    }
  }

  /** Puts a model on the GPU in place of the one before, and embeds the taxonomy with it. */
  async #use(
    bytes: Bytes,
    adapter: readonly File[],
    run: { onProgress: OnProgress; signal: AbortSignal; began: number },
  ): Promise<LoadedModel> {
    const { onProgress, signal } = run;
    const { model, blobs, note } = bytes;
    const sources = new Map([...blobs].map(([name, blob]) => [name, blobSource(name, blob)]));
    const checkpoint = await checkpointFromSources(model.title, sources);
    const tokenizer = tokenizerOf(checkpoint);
    // Read before the old model goes, so that a wrong adapter leaves everything as it was.
    const lora = adapter.length
      ? await adapterFromSources(
          adapterTitle(adapter),
          new Map(adapter.map((file) => [file.name, blobSource(file.name, file)])),
          checkpoint.config,
        )
      : undefined;
    const gpu = await this.#openGpu();
    checkBindings(gpu, checkpoint);
    this.#close();
    await checkMemory(gpu, checkpoint);
    try {
      const weights = await loadModel(gpu, checkpoint, { onProgress: meter(onProgress, model.title, 'bytes') });
      try {
        signal.throwIfAborted();
        if (lora) await attachAdapter(gpu, weights, { ...lora, close: async () => {} });
      } catch (error) {
        freeModel(gpu, weights);
        throw error;
      }
      const compiled = meter(onProgress, 'GPU programs', 'pipelines');
      const maxLength = maxLengthOf(checkpoint.config.maxPositions);
      const embedder = await Embedder.create(gpu, weights, tokenizer, { maxLength }, compiled);
      const key = await keyOf(model, adapter);
      const vectors = await VectorStore.open(await this.#openDisk(), key, embedder.dimensions);
      const loaded: LoadedModel = {
        id: model.id,
        title: model.title,
        parameters: checkpoint.parameters(),
        gpuBytes: gpu.allocated,
        adapter: lora && adapterTitle(adapter),
        seconds: 0,
        note,
      };
      const open: Open = { bytes, adapter, embedder, vectors, loaded };
      this.#open = open;
      if (this.#rows.length) await this.#embedTaxonomy(open, this.#rows, onProgress, signal);
      loaded.seconds = (performance.now() - run.began) / 1000;
      return loaded;
    } catch (error) {
      // An error sticks to a device: the next model gets a fresh one.
      try {
        gpu.check();
      } catch {
        this.#gpu = undefined;
        this.#open = undefined;
        this.#passages = undefined;
        gpu.close();
      }
      throw error;
    }
  }

  #close(): void {
    this.#passages?.ranker.free();
    this.#passages = undefined;
    this.#open?.embedder.free();
    this.#open = undefined;
  }

  /** Makes `rows` what is ranked; gives how many names had to be embedded. A failure leaves the taxonomy before. */
  async #embedTaxonomy(
    { embedder, vectors: kept }: Open,
    rows: readonly Misconception[],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<number> {
    this.#rows = rows;
    const { gpu } = embedder;
    const report = meter(onProgress, 'misconceptions', 'texts');
    const { vectors, embedded } = await kept.vectors(
      rows.map(({ name }) => passageText(name)),
      gpu.description.software ? SLICE.software : SLICE.gpu,
      async (missing, before, total) => {
        signal.throwIfAborted();
        report(before, total);
        const made = await embedder.embed(missing);
        report(before + missing.length, total);
        return made;
      },
    );
    const before = this.#passages;
    this.#passages = rows.length
      ? { rows, vectors, ranker: await Ranker.create(gpu, vectors, embedder.dimensions, TOP) }
      : undefined;
    before?.ranker.free();
    return embedded;
  }

  async #rank(questions: readonly Question[], top: number): Promise<Ranked[][]> {
    const { embedder } = this.#ready();
    const passages = this.#passages;
    if (!passages) return questions.map(() => []);
    const queries = await embedder.embed(questions.map(queryText));
    const wanted = Math.min(top, passages.rows.length);
    const ranked = this.#ranked.then(async () => {
      if (passages.ranker.k < wanted) {
        passages.ranker.free();
        passages.ranker = await Ranker.create(embedder.gpu, passages.vectors, embedder.dimensions, wanted);
      }
      return passages.ranker.rank(queries);
    });
    this.#ranked = ranked.catch(() => {});
    return (await ranked).map(({ indices, scores }) =>
      Array.from(indices.subarray(0, wanted), (row, i) => ({ ...passages.rows[row], score: scores[i] })),
    );
  }
}

/** What an adapter is called: the folder it lay in, where the browser tells, else its config's file. */
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
