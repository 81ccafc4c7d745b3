/** The page's end of the channel to its worker, which owns the GPU, the model and the storage. */
import { type Remote, wrap } from 'comlink';
import type { Engine } from '../worker/api.ts';

let worker: Remote<Engine> | undefined;

/** Starts the worker. `onCrash` is called when it died, of memory for one: nothing answers after that. */
export function connect(onCrash: (message: string) => void): Remote<Engine> {
  const thread = new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module', name: 'lacuna' });
  thread.addEventListener('error', (event) => {
    event.preventDefault();
    onCrash(event.message || 'no reason was given');
  });
  worker = wrap<Engine>(thread);
  return worker;
}

/** The worker's interface, once the page has started. */
export function engine(): Remote<Engine> {
  if (!worker) throw new Error('the page is still starting: try again in a moment');
  return worker;
}

/** What an exception says, in one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();

/** What a job that the visitor ended rejects with. */
export const CANCELLED = 'cancelled';

/** Ends the running load, class or benchmark. */
export const cancel = (): Promise<void> => engine().cancel();
