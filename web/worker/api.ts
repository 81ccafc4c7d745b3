/**
 * What the page asks of its worker. The worker owns the GPU, the model, the taxonomy's embeddings and the browser's
 * storage; the page only draws. Everything here crosses a message channel (comlink): plain data, and callbacks that
 * the caller wraps in `proxy`. A method that fails rejects with an Error whose message is one line for the user.
 */

/** How far something long has come. `total` is 0 where it is not known. */
export interface Progress {
  what: string;
  done: number;
  total: number;
  unit: 'bytes' | 'texts' | 'questions' | 'pipelines' | 'kernels';
  /** Units a second over the last seconds, and seconds left; 0 where not known yet. */
  rate: number;
  left: number;
}
export type OnProgress = (p: Progress) => void;

/** What WebGPU found here. `problem` says in a sentence why nothing can run, where nothing can. */
export interface GpuReport {
  problem?: string;
  /** Vendor, architecture and description, as far as the browser tells. */
  name: string;
  software: boolean;
  tier: 'matrix' | 'subgroup' | 'portable';
  /** Why this tier: which features are there and which are missing. */
  reasons: string[];
  limits: { name: string; value: number }[];
  features: string[];
}

/** A model the visitor can pick. */
export interface ModelEntry {
  /** Stable: the key of what is stored, and of the settings. */
  id: string;
  title: string;
  /** Bytes to download, or stored; 0 where not known before asking. */
  bytes: number;
  /** shipped: beside the page. stored: in this browser. hub: must be fetched. */
  where: 'shipped' | 'stored' | 'hub';
  /** Why it cannot run here (too large for this GPU's limits), said before any download. */
  refused?: string;
}

/** Where a model comes from: a known entry, a hub id `owner/name[@revision][:file.gguf]`, or files dropped. */
export type ModelSource =
  | { kind: 'entry'; id: string }
  | { kind: 'hub'; id: string }
  | { kind: 'files'; files: File[] };

export interface LoadedModel {
  id: string;
  title: string;
  parameters: number;
  gpuBytes: number;
  adapter?: string;
  seconds: number;
  /** What the visitor should know, such as that nothing could be stored. */
  note?: string;
}

export interface Misconception {
  id: number;
  name: string;
}

export interface Question {
  question: string;
  correct: string;
  incorrect: string;
  construct?: string;
  subject?: string;
}

/** A wrong answer whose misconception somebody has named. */
export interface LabelledAnswer {
  question: Question;
  misconception: Misconception;
}

export interface Ranked {
  id: number;
  name: string;
  /** Cosine similarity, -1 to 1; with labelled answers that bear it, the mean of its name's and the closest one's. */
  score: number;
}

export interface ClassRow {
  /** Row of the CSV, from 1, for messages. */
  line: number;
  question: Question;
  /** The pupil, or whatever else identifies the row, as the CSV gives it. */
  label: string;
  ranked: Ranked[];
}

export interface StorageReport {
  /** False in private windows and where the browser has no storage: the page then works without. */
  available: boolean;
  usedBytes: number;
  quotaBytes: number;
  models: { id: string; title: string; bytes: number; complete: boolean }[];
  vectorsBytes: number;
}

export interface BenchRow {
  kernel: string;
  shape: string;
  /** Labels of the dispatches that ran: they name the form. */
  forms: string[];
  /** Median milliseconds a call, and half the interquartile range as a share of it. */
  ms: number;
  spread: number;
  gbPerSecond: number;
  tflops: number;
  /** Share of this GPU's own ceiling, measured in this run: of the copy rate or of the multiply rate. */
  share: number;
  bound: 'memory' | 'compute';
  /** Whose clock: the GPU's timestamps, or, where the browser gives none, the host's over many repeats. */
  clock?: 'gpu' | 'host';
  /** Why there are no figures, where the case could not run here. */
  problem?: string;
  /** Largest error over tolerance against the float64 reference; ≤ 1 passes. */
  error: number;
  /** The WGSL that ran, one text a dispatch. */
  wgsl: string[];
}

export interface Engine {
  gpu(): Promise<GpuReport>;
  /** Shipped ones first, and the first of all is the one to load without being asked. */
  models(): Promise<ModelEntry[]>;
  /** Fetches what is missing (resuming, checked by SHA-256), loads it and embeds the taxonomy again. */
  load(source: ModelSource, onProgress: OnProgress): Promise<LoadedModel>;
  /** Puts PEFT adapter files on the loaded model, or takes the adapter off with none. */
  adapter(files: File[], onProgress: OnProgress): Promise<LoadedModel>;
  deleteModel(id: string): Promise<void>;
  storage(): Promise<StorageReport>;
  clearVectors(): Promise<void>;
  /** The taxonomy from now on. Only names that were never embedded with this model are embedded. */
  taxonomy(rows: Misconception[], onProgress: OnProgress): Promise<{ embedded: number; reused: number }>;
  /** Reads a taxonomy CSV: its rows, or an Error that names line and column. */
  readTaxonomy(csv: File): Promise<Misconception[]>;
  /** Reads a CSV of labelled questions in Eedi's columns. An Error names line and column, labels outside `rows` too. */
  readLabelled(csv: File, rows: Misconception[]): Promise<LabelledAnswer[]>;
  /**
   * What is ranked by from now on, beside the names, until another model is loaded. Those whose misconception the
   * taxonomy does not have wait until it does. Rankings go on as before while new ones are embedded.
   * Whether rankings may have changed.
   */
  labelled(answers: LabelledAnswer[], onProgress: OnProgress): Promise<boolean>;
  /** `labelled`: how many labelled answers it was ranked by. */
  rank(question: Question, top: number): Promise<{ ranked: Ranked[]; ms: number; labelled: number }>;
  /**
   * Reads and ranks a class CSV; `onRows` gets the rows as they are done, and how many labelled answers they were ranked
   * by. Rejects with 'cancelled' after `cancel`.
   */
  rankClass(
    csv: File,
    top: number,
    onProgress: OnProgress,
    onRows: (rows: ClassRow[], labelled: number) => void,
  ): Promise<void>;
  /** Ends what is running of load, adapter, taxonomy, labelled, rankClass and bench: it rejects with 'cancelled'. */
  cancel(): Promise<void>;
  benchKernels(): Promise<{ kernel: string; shapes: string[] }[]>;
  /** Each of `kernels` is a kernel, for all its shapes, or `kernel shape`, for one. */
  bench(
    kernels: string[],
    onProgress: OnProgress,
    onRow: (row: BenchRow) => void,
  ): Promise<{ copyGBs: number; tflops: number }>;
  /** Called when the GPU is lost and after it came back (with the model loaded again). */
  onGpu(callback: (state: 'lost' | 'restored', message: string) => void): Promise<void>;
}
