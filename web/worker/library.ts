/**
 * The models of this page: which there are, and a model's bytes, out of storage, or fetched and kept, or held in
 * memory where nothing more can be kept. Looks at the header of a large one before it is downloaded.
 */
import { UserError } from '../../src/errors.ts';
import { checkpointFromSources } from '../../src/formats/checkpoint.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { type Disk, DiskFull, openDisk } from '../storage/disk.ts';
import { MemoryDisk } from '../storage/memory_disk.ts';
import { type Fetchable, type ModelFiles, ModelStore } from '../storage/model_store.ts';
import { VectorStore } from '../storage/vector_store.ts';
import type { ModelEntry, ModelSource, OnProgress, StorageReport } from './api.ts';
import { fromFiles, fromHub, fromShipped, knownModels, shippedModels } from './catalogue.ts';
import { checkBindings, checkMemory, isHeader } from './fits.ts';
import { meter } from './progress.ts';
import { remoteSource } from './remote_source.ts';

/** A model below this is downloaded without a look at its header first, which would be much of it. */
const CHECK_FROM = 64 * 2 ** 20;

/** A model's bytes, and where they came from. */
export interface ModelBytes {
  source: ModelSource;
  model: ModelFiles;
  blobs: Map<string, Blob>;
  /** Not in storage: they must not be let go of. */
  unkept: boolean;
  /** What the visitor should know. */
  note?: string;
}

export class Library {
  readonly #base: URL;
  readonly #gpu: () => Promise<Gpu>;
  readonly #refused = new Map<string, string>();
  #disk: Promise<Disk> | undefined;

  /** `base`: where the page lies; `gpu`: what a model must fit. */
  constructor(base: URL, gpu: () => Promise<Gpu>) {
    this.#base = base;
    this.#gpu = gpu;
  }

  disk(): Promise<Disk> {
    this.#disk ??= openDisk();
    return this.#disk;
  }

  async #store(): Promise<ModelStore> {
    return new ModelStore(await this.disk());
  }

  /** Shipped ones first, then what is stored, then what is known on the hub. */
  async entries(): Promise<ModelEntry[]> {
    const stored = (await (await this.#store()).list()).filter(({ complete }) => complete);
    const entries: ModelEntry[] = [];
    const add = (entry: ModelEntry) => {
      const refused = this.#refused.get(entry.id);
      if (!entries.some(({ id }) => id === entry.id)) entries.push(refused ? { ...entry, refused } : entry);
    };
    for (const { id, title, files } of await shippedModels(this.#base)) {
      const where = stored.some((s) => s.id === id) ? 'stored' : 'shipped';
      add({ id, title, bytes: files.reduce((n, { size }) => n + size, 0), where });
    }
    for (const { id, title, bytes } of stored) add({ id, title, bytes, where: 'stored' });
    for (const known of knownModels()) add({ ...known, where: 'hub' });
    return entries;
  }

  async remove(id: string): Promise<void> {
    await (await this.#store()).remove(id);
  }

  async report(): Promise<StorageReport> {
    const disk = await this.disk();
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

  /** Brings a model. Throws a UserError where it is not to be had or cannot run here. */
  async bytesOf(source: ModelSource, onProgress: OnProgress, signal: AbortSignal): Promise<ModelBytes> {
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
  async again(bytes: ModelBytes, onProgress: OnProgress, signal: AbortSignal): Promise<ModelBytes> {
    return bytes.unkept ? bytes : this.bytesOf(bytes.source, onProgress, signal);
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
      const gpu = await this.#gpu();
      const checkpoint = await checkpointFromSources(title, new Map(sources));
      checkBindings(gpu, checkpoint);
      await checkMemory(gpu, checkpoint);
      this.#refused.delete(id);
    } catch (error) {
      if (error instanceof UserError) this.#refused.set(id, error.message);
      throw error;
    }
  }
}
