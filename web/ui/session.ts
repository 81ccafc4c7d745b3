/** What the page does with its worker: start, load a model, put the taxonomy through it. Rankings follow by themselves. */
import { proxy } from 'comlink';
import type { LoadedModel, Misconception, ModelSource, OnProgress } from '../worker/api.ts';
import { CANCELLED, connect, engine, messageOf } from './engine.ts';
import { recallLabelled, sendLabelled, stopReading } from './labelled_session.ts';
import { Latest } from './latest.ts';
import { rerank, showExample } from './ranking_session.ts';
import { isText, recall, remember } from './settings.ts';
import { store, type Taxonomy } from './state.ts';

/** Starts the worker, then finds the GPU, the sample and the model of the last visit, or the first that fits. */
export async function start(): Promise<void> {
  const worker = connect((message) => store.set({ crash: message, loading: undefined, embedding: undefined }));
  void worker.onGpu(
    proxy((state: 'lost' | 'restored', message: string) => {
      store.set({ gpuEvent: { state, message } });
      if (state !== 'restored') return;
      rerank();
      sendLabelled();
    }),
  );
  const sampled = import('./sample.ts').then(({ taxonomy, examples }) => {
    const kept = recall('taxonomy', isTaxonomy);
    store.set({
      taxonomy: kept ?? { title: 'The sample taxonomy', rows: taxonomy, sample: true },
      labelled: recallLabelled(),
    });
    // One that shows what the page can do with mathematics.
    showExample(examples.find(({ question }) => /frac.*\+.*frac/.test(question)) ?? examples[0]);
  });
  try {
    const [gpu] = await Promise.all([worker.gpu(), sampled]);
    store.set({ gpu });
    await refreshModels();
    if (gpu.problem === undefined) await loadFirst();
  } catch (error) {
    store.set({ modelProblem: messageOf(error) });
  }
}

async function loadFirst(): Promise<void> {
  const models = store.state.models ?? [];
  const usable = models.filter(({ refused, where }) => refused === undefined && where !== 'hub');
  const last = recall('model', isText);
  const first = usable.find(({ id }) => id === last) ?? usable[0];
  if (first) await loadModel({ kind: 'entry', id: first.id }, first.title);
}

export async function refreshModels(): Promise<void> {
  const [models, storage] = await Promise.all([engine().models(), engine().storage()]);
  store.set({ models, storage });
}

/** Loads a model in place of the present one; a failure leaves its one line in `modelProblem`. */
export async function loadModel(source: ModelSource, title: string): Promise<void> {
  const done = await withModel(title, (onProgress) => engine().load(source, onProgress));
  if (done && source.kind !== 'files') remember('model', done.id);
}

/** Puts an adapter's files on the model, or takes it off with none. */
export const setAdapter = (files: File[]): Promise<LoadedModel | undefined> =>
  withModel(files.length ? 'The adapter' : 'The model without adapter', (onProgress) =>
    engine().adapter(files, onProgress),
  );

async function withModel(
  title: string,
  load: (onProgress: OnProgress) => Promise<LoadedModel>,
): Promise<LoadedModel | undefined> {
  if (store.state.loading) return undefined;
  stopReading();
  store.set({ loading: { title }, modelProblem: undefined });
  try {
    const onProgress: OnProgress = (progress) => {
      if (store.state.loading) store.set({ loading: { title, progress } });
    };
    const model = await load(proxy(onProgress));
    store.set({ model, loading: undefined });
    await sendTaxonomy();
    return model;
  } catch (error) {
    const message = messageOf(error);
    if (message !== CANCELLED) store.set({ modelProblem: message });
    return undefined;
  } finally {
    store.set({ loading: undefined });
    sendLabelled();
    void refreshModels().catch((error) => store.set({ modelProblem: messageOf(error) }));
  }
}

export async function deleteModel(id: string): Promise<void> {
  try {
    await engine().deleteModel(id);
    await refreshModels();
  } catch (error) {
    store.set({ modelProblem: messageOf(error) });
  }
}

export async function clearVectors(): Promise<void> {
  try {
    await engine().clearVectors();
    await refreshModels();
  } catch (error) {
    store.set({ modelProblem: messageOf(error) });
  }
}

const updates = new Latest();

/** Ranks against `taxonomy` from now on, and keeps it for the next visit. */
export function setTaxonomy(taxonomy: Taxonomy): void {
  const kept = remember('taxonomy', taxonomy.sample ? undefined : taxonomy);
  store.set({ taxonomy, taxonomyUnkept: !kept && !taxonomy.sample, taxonomyProblem: undefined });
  updates.run(sendTaxonomy);
}

/** Reads a taxonomy CSV in the worker and takes it over; what is wrong with it goes to `taxonomyProblem`. */
export async function readTaxonomy(file: File): Promise<void> {
  try {
    const rows = await engine().readTaxonomy(file);
    setTaxonomy({ title: file.name, rows, sample: false });
  } catch (error) {
    store.set({ taxonomyProblem: messageOf(error) });
  }
}

/** The sample taxonomy again, edits forgotten. */
export async function restoreSample(): Promise<void> {
  const { taxonomy } = await import('./sample.ts');
  setTaxonomy({ title: 'The sample taxonomy', rows: taxonomy, sample: true });
}

async function sendTaxonomy(): Promise<void> {
  const { taxonomy, model } = store.state;
  if (!taxonomy || !model || taxonomy.rows.length === 0) return;
  try {
    const onProgress: OnProgress = (progress) => store.set({ embedding: progress });
    const embedded = await engine().taxonomy(taxonomy.rows, proxy(onProgress));
    store.set({ embedded });
    rerank();
  } catch (error) {
    const message = messageOf(error);
    if (message !== CANCELLED) store.set({ taxonomyProblem: message });
  } finally {
    store.set({ embedding: undefined });
  }
}

function isTaxonomy(value: unknown): value is Taxonomy {
  if (typeof value !== 'object' || value === null) return false;
  const { title, rows } = value as Partial<Taxonomy>;
  return typeof title === 'string' && Array.isArray(rows) && rows.length > 0 && rows.every(isMisconception);
}

function isMisconception(value: unknown): value is Misconception {
  if (typeof value !== 'object' || value === null) return false;
  const { id, name } = value as Partial<Misconception>;
  return Number.isSafeInteger(id) && typeof name === 'string';
}
