/**
 * The page's engine: one GPU, one loaded model with the taxonomy that it ranks, and the library of models. What is
 * asked meanwhile takes its turn (turns.ts); a GPU that is lost is opened again with what was on it.
 */
import { UserError } from '../../src/errors.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { VectorStore } from '../storage/vector_store.ts';
import type {
  BenchRow,
  ClassRow,
  Engine,
  GpuReport,
  LabelledAnswer,
  LoadedModel,
  Misconception,
  ModelEntry,
  ModelSource,
  OnProgress,
  Question,
  Ranked,
  StorageReport,
} from './api.ts';
import { fromFiles } from './catalogue.ts';
import { readClass, readLabelledCsv, readTaxonomyCsv } from './class_csv.ts';
import { checkBindings } from './fits.ts';
import { gpuReport, noGpu } from './gpu_report.ts';
import { Library, type ModelBytes } from './library.ts';
import { Loaded, readModel } from './loaded.ts';
import { meter } from './progress.ts';
import { Turns } from './turns.ts';

interface Run {
  onProgress: OnProgress;
  signal: AbortSignal;
  /** When it began, in milliseconds of performance.now(). */
  began: number;
}

export class LocalEngine implements Engine {
  readonly #library: Library;
  readonly #turns = new Turns();
  #gpu: Promise<Gpu> | undefined;
  #loaded: Loaded | undefined;
  #rows: readonly Misconception[] = [];
  #tellGpu: ((state: 'lost' | 'restored', message: string) => void) | undefined;

  /** `base`: where the page lies. */
  constructor(base: URL) {
    this.#library = new Library(base, () => this.#openGpu());
  }

  async gpu(): Promise<GpuReport> {
    try {
      return await gpuReport(await this.#openGpu());
    } catch (error) {
      if (error instanceof UserError) return noGpu(error.message);
      throw error;
    }
  }

  models(): Promise<ModelEntry[]> {
    return this.#library.entries();
  }

  load(source: ModelSource, onProgress: OnProgress): Promise<LoadedModel> {
    const run = this.#long(async (signal) => {
      const began = performance.now();
      const adapter = source.kind === 'files' ? fromFiles(source.files).adapter : [];
      const bytes = await this.#library.bytesOf(source, onProgress, signal);
      signal.throwIfAborted();
      return this.#replace(bytes, adapter, { onProgress, signal, began });
    });
    // Rankings go on with the model before while another one is downloaded; without one they wait.
    if (!this.#loaded) this.#turns.hold(run);
    return run;
  }

  adapter(files: File[], onProgress: OnProgress): Promise<LoadedModel> {
    return this.#long(async (signal) => {
      const began = performance.now();
      const bytes = await this.#library.again(this.#ready().bytes, onProgress, signal);
      return this.#replace(bytes, files, { onProgress, signal, began });
    });
  }

  deleteModel(id: string): Promise<void> {
    return this.#library.remove(id);
  }

  storage(): Promise<StorageReport> {
    return this.#library.report();
  }

  async clearVectors(): Promise<void> {
    await VectorStore.clear(await this.#library.disk());
    this.#loaded?.vectors.forget();
  }

  taxonomy(rows: Misconception[], onProgress: OnProgress): Promise<{ embedded: number; reused: number }> {
    return this.#turns
      .change(async (signal) => {
        const embedded = (await this.#loaded?.embedTaxonomy(rows, onProgress, signal)) ?? 0;
        this.#rows = rows;
        return { embedded, reused: this.#loaded ? rows.length - embedded : 0 };
      })
      .catch((error) => this.#fail(error));
  }

  readTaxonomy(csv: File): Promise<Misconception[]> {
    return readTaxonomyCsv(csv);
  }

  readLabelled(csv: File, rows: Misconception[]): Promise<LabelledAnswer[]> {
    return readLabelledCsv(csv, rows);
  }

  labelled(answers: LabelledAnswer[], onProgress: OnProgress): Promise<boolean> {
    return this.#long(async (signal) => {
      const loaded = this.#ready();
      const before = loaded.labelled;
      const vectors = await loaded.embedLabelled(answers, onProgress, signal);
      await this.#turns.swap(() => loaded.rankBy({ answers, answerVectors: vectors }));
      return before > 0 || loaded.labelled > 0;
    });
  }

  async rank(question: Question, top: number): Promise<{ ranked: Ranked[]; ms: number; labelled: number }> {
    try {
      return await this.#turns.quick(async () => {
        const began = performance.now();
        const loaded = this.#ready();
        const [ranked] = await loaded.rank([question], top);
        return { ranked, ms: performance.now() - began, labelled: loaded.labelled };
      });
    } catch (error) {
      return this.#fail(error);
    }
  }

  rankClass(
    csv: File,
    top: number,
    onProgress: OnProgress,
    onRows: (rows: ClassRow[], labelled: number) => void,
  ): Promise<void> {
    return this.#long(async (signal) => {
      const loaded = this.#ready();
      const entries = await readClass(csv);
      const report = meter(onProgress, csv.name, 'questions');
      // What fills a batch even where every text is as long as can be.
      const { batchTokens, maxLength } = loaded.embedder;
      const slice = Math.max(1, Math.floor(batchTokens / maxLength));
      report(0, entries.length);
      for (let from = 0; from < entries.length; from += slice) {
        signal.throwIfAborted();
        const part = entries.slice(from, from + slice);
        const questions = part.map(({ question }) => question);
        const ranked = await loaded.rank(questions, top);
        signal.throwIfAborted();
        const rows = part.map((entry, i) => ({ ...entry, ranked: ranked[i] }));
        onRows(rows, loaded.labelled);
        report(from + part.length, entries.length);
      }
    });
  }

  async cancel(): Promise<void> {
    this.#turns.cancel('cancelled');
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
    return this.#long(async (signal) => {
      const { runBenches } = await import('./bench.ts');
      return runBenches(kernels, { onProgress, onRow, signal });
    });
  }

  async onGpu(callback: (state: 'lost' | 'restored', message: string) => void): Promise<void> {
    this.#tellGpu = callback;
  }

  #long<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#turns.long(work).catch((error) => this.#fail(error));
  }

  #ready(): Loaded {
    if (!this.#loaded) throw new UserError('no model is loaded yet: choose one');
    return this.#loaded;
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
    this.#turns.cancel('the GPU was lost');
    this.#tellGpu?.('lost', `The GPU was lost (${reason}). Opening it again…`);
    const before = this.#loaded;
    this.#loaded = undefined;
    const run = this.#turns.long(async (signal) => {
      const gpu = await this.#openGpu();
      if (before) await this.#bringBack(before, signal);
      this.#tellGpu?.('restored', `${gpu.description.vendor || 'The GPU'} is back, and what was loaded with it.`);
    });
    this.#turns.hold(run);
    run.catch((error) =>
      this.#tellGpu?.('lost', `The GPU does not come back (${inPageWords(error).message}): reload the page.`),
    );
  }

  /** Puts a model in place of the one before; where it fails, that one is brought back. */
  async #replace(bytes: ModelBytes, adapter: readonly File[], run: Run): Promise<LoadedModel> {
    const before = this.#loaded;
    try {
      return await this.#use(bytes, adapter, run);
    } catch (error) {
      if (before && !this.#loaded) await this.#bringBack(before, new AbortController().signal).catch(() => {});
      throw error;
    }
  }

  /** Loads what was loaded before. */
  async #bringBack(before: Loaded, signal: AbortSignal): Promise<void> {
    const onProgress = () => {};
    const bytes = await this.#library.again(before.bytes, onProgress, signal);
    await this.#use(bytes, before.adapter, { onProgress, signal, began: performance.now() });
  }

  /** Puts a model on the GPU and embeds the taxonomy with it. All that its files can have wrong comes out before. */
  async #use(bytes: ModelBytes, adapter: readonly File[], run: Run): Promise<LoadedModel> {
    const model = await readModel(bytes, adapter);
    const gpu = await this.#openGpu();
    checkBindings(gpu, model.checkpoint);
    return this.#turns.swap(async () => {
      this.#loaded?.free();
      this.#loaded = undefined;
      try {
        const loaded = await Loaded.open(gpu, await this.#library.disk(), model, run);
        try {
          if (this.#rows.length) await loaded.embedTaxonomy(this.#rows, run.onProgress, run.signal);
        } catch (error) {
          loaded.free();
          throw error;
        }
        this.#loaded = loaded;
        return loaded.describe((performance.now() - run.began) / 1000);
      } catch (error) {
        // An error sticks to its device: the next model gets a fresh one.
        if (isBroken(gpu)) {
          this.#gpu = undefined;
          gpu.close();
        }
        throw error;
      }
    });
  }

  /** Gives a device up that has failed while ranking, which opens another as a loss does; passes the error on. */
  async #fail(error: unknown): Promise<never> {
    const gpu = await this.#gpu?.catch(() => undefined);
    if (gpu && isBroken(gpu)) gpu.close();
    throw inPageWords(error);
  }
}

function isBroken(gpu: Gpu): boolean {
  try {
    gpu.check();
    return false;
  } catch {
    return true;
  }
}

/** An error as one line that suits the page: the engine's floors speak to the command line. */
function inPageWords(error: unknown): Error {
  const message = (error instanceof Error ? error.message : String(error)).split('\n')[0];
  if (message.startsWith('the GPU is out of memory'))
    return new UserError('the GPU is out of memory: take a smaller model, or close what else uses the GPU');
  if (message.startsWith('the GPU was lost')) return new UserError('the GPU was lost: it is being opened again');
  return new UserError(message);
}
