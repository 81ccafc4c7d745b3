/** metrics.jsonl: a line a step and a line an epoch, appended as they happen, and never two lines for one step. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { writeFiles } from '../formats/atomic_file.ts';
import { fileError } from '../formats/file_source.ts';
import type { EpochEvent, StepEvent, TrainEvent, TrainState } from './events.ts';

export class MetricsLog {
  readonly path: string;
  readonly steps: StepEvent[] = [];
  readonly epochs: EpochEvent[] = [];
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle, events: readonly TrainEvent[]) {
    this.path = path;
    this.#file = file;
    for (const event of events) this.#keep(event);
  }

  /** Opens the log of a run that stands at `state`: lines of steps beyond it, which will be taken again, are dropped. */
  static async open(path: string, state: Pick<TrainState, 'tried' | 'epoch'>): Promise<MetricsLog> {
    const text = await readFile(path, 'utf8').catch((error): string => {
      if (error.code === 'ENOENT') return '';
      throw fileError(path, error);
    });
    const events = text.split('\n').flatMap(parseLine);
    const kept = events.filter((e) => (e.type === 'step' ? e.step <= state.tried : e.epoch <= state.epoch));
    try {
      await writeFiles([{ path, chunks: [kept.map(lineOf).join('')] }]);
      return new MetricsLog(path, await open(path, 'a'), kept);
    } catch (error) {
      throw fileError(path, error);
    }
  }

  /** Appends an event. UserError where the disk is full. */
  async append(event: TrainEvent): Promise<void> {
    this.#keep(event);
    await this.#file.appendFile(lineOf(event)).catch((error): never => {
      throw fileError(this.path, error);
    });
  }

  /** Waits until what was appended would outlive a power cut. */
  async flush(): Promise<void> {
    await this.#file.sync().catch((error): never => {
      throw fileError(this.path, error);
    });
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #keep(event: TrainEvent): void {
    if (event.type === 'step') this.steps.push(event);
    else this.epochs.push(event);
  }
}

const lineOf = (event: TrainEvent): string => `${JSON.stringify(event)}\n`;

/** The event of a line; none of a line that was cut off when the process was killed. */
function parseLine(line: string): TrainEvent[] {
  try {
    const event = JSON.parse(line);
    return event?.type === 'step' || event?.type === 'epoch' ? [event] : [];
  } catch {
    return [];
  }
}
