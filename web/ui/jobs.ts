/** Ranking a whole class, and timing kernels: the two long jobs a visitor starts, watches and may cancel. */
import { proxy } from 'comlink';
import type { BenchRow, ClassRow, OnProgress } from '../worker/api.ts';
import { CANCELLED, engine, messageOf } from './engine.ts';
import { store } from './state.ts';

/** Misconceptions kept for each answer of a class. */
export const CLASS_TOP = 3;

/** Ranks every answer of a CSV; rows appear as they are done and stay when the run is cancelled. */
export async function rankClass(file: File): Promise<void> {
  if (store.state.classRun?.running) return;
  store.set({ classRun: { file: file.name, running: true, rows: [], labelled: 0 }, classProblem: undefined });
  const patch = (change: object) => store.set({ classRun: { ...store.state.classRun!, ...change } });
  try {
    const onProgress: OnProgress = (progress) => patch({ progress });
    const onRows = (rows: ClassRow[], labelled: number) =>
      patch({ rows: [...store.state.classRun!.rows, ...rows], labelled });
    await engine().rankClass(file, CLASS_TOP, proxy(onProgress), proxy(onRows));
  } catch (error) {
    const message = messageOf(error);
    if (message === CANCELLED) patch({ stopped: 'Cancelled: the answers ranked so far are below.' });
    else store.set({ classProblem: message });
  } finally {
    patch({ running: false, progress: undefined });
    if (store.state.classRun!.rows.length === 0) store.set({ classRun: undefined });
  }
}

/** Times the kernels of the given names on this GPU; rows appear as they are done. */
export async function bench(kernels: string[]): Promise<void> {
  if (store.state.bench?.running) return;
  store.set({ bench: { running: true, rows: [] }, benchProblem: undefined });
  const patch = (change: object) => store.set({ bench: { ...store.state.bench!, ...change } });
  try {
    const onProgress: OnProgress = (progress) => patch({ progress });
    const onRow = (row: BenchRow) => patch({ rows: [...store.state.bench!.rows, row] });
    const ceiling = await engine().bench(kernels, proxy(onProgress), proxy(onRow));
    patch({ ceiling, when: new Date().toISOString() });
  } catch (error) {
    const message = messageOf(error);
    if (message === CANCELLED) patch({ stopped: 'Stopped: the kernels timed so far are below.' });
    else store.set({ benchProblem: message });
  } finally {
    patch({ running: false, progress: undefined });
  }
}
