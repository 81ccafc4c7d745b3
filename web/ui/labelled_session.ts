/** The visitor's labelled questions: read from a CSV, kept for the next visit, sent to the worker to rank by. */
import { proxy } from 'comlink';
import type { LabelledAnswer, Misconception, OnProgress } from '../worker/api.ts';
import { CANCELLED, cancel, engine, messageOf } from './engine.ts';
import { Latest } from './latest.ts';
import { rerank } from './ranking_session.ts';
import { recall, remember } from './settings.ts';
import { type Labelled, store } from './state.ts';

const KEY = 'labelled';
const readings = new Latest();

/** Those of the last visit. */
export const recallLabelled = (): Labelled | undefined => recall(KEY, isLabelled);

/** Ranks by `labelled` from now on, by names alone with none, and keeps it for the next visit. */
export function setLabelled(labelled: Labelled | undefined): void {
  const kept = remember(KEY, labelled);
  store.set({ labelled, labelledUnkept: !kept && labelled !== undefined, labelledProblem: undefined });
  stopReading();
  sendLabelled();
}

/** Reads a CSV of labelled questions in the worker and takes it over; what is wrong with it goes to `labelledProblem`. */
export async function readLabelled(file: File): Promise<void> {
  try {
    const answers = await engine().readLabelled(file, store.state.taxonomy?.rows ?? []);
    setLabelled({ title: file.name, answers, on: true });
  } catch (error) {
    store.set({ labelledProblem: messageOf(error) });
  }
}

/** Labels follow a misconception that is renamed by hand. */
export function renameLabels({ id, name }: Misconception, to: string): void {
  const { labelled } = store.state;
  const bears = ({ misconception: m }: LabelledAnswer) => m.id === id && m.name === name;
  if (!labelled?.answers.some(bears)) return;
  const answers = labelled.answers.map((a) => (bears(a) ? { ...a, misconception: { id, name: to } } : a));
  setLabelled({ ...labelled, answers });
}

/** Ends the reading under way; what the model has read of it is kept. */
export function stopReading(): void {
  if (store.state.labelling) void cancel();
}

/** Gives the worker what to rank by: to be called when that has changed, and when a model has been loaded. */
export function sendLabelled(): void {
  readings.run(async () => {
    const { labelled, model, loading } = store.state;
    if (!model || loading) return;
    try {
      const onProgress: OnProgress = (progress) => store.set({ labelling: progress });
      const matters = await engine().labelled(labelled?.on ? labelled.answers : [], proxy(onProgress));
      if (matters) rerank();
    } catch (error) {
      const message = messageOf(error);
      if (message !== CANCELLED) store.set({ labelledProblem: message });
    } finally {
      store.set({ labelling: undefined });
    }
  });
}

function isLabelled(value: unknown): value is Labelled {
  if (typeof value !== 'object' || value === null) return false;
  const { title, answers, on } = value as Partial<Labelled>;
  return typeof title === 'string' && typeof on === 'boolean' && Array.isArray(answers) && answers.every(isAnswer);
}

function isAnswer(value: unknown): value is LabelledAnswer {
  const { question, misconception } = (value ?? {}) as Partial<LabelledAnswer>;
  const texts = [question?.question, question?.correct, question?.incorrect, misconception?.name];
  return texts.every((text) => typeof text === 'string') && Number.isSafeInteger(misconception?.id);
}
