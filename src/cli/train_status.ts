/** How a training run looks in a terminal: one line that is written over, and a line of a table after every epoch. */
import process from 'node:process';
import type { Scores } from '../metrics/retrieval.ts';
import type { EpochEvent, StepEvent } from '../train/events.ts';
import { bestOf, type RunFolder } from '../train/run_folder.ts';
import { Smoothed } from '../train/training_plot.ts';
import { size } from './options.ts';
import { clock, quantity } from './progress.ts';
import { formatTable } from './table.ts';
import type { Reporter, RunResult } from './train_run.ts';

/** Written over so often in a terminal; a line so often where stderr is a file. */
const REFRESH_MS = { terminal: 100, file: 10_000 };

/** Shows a run: the status line on stderr, epochs on stdout. */
export class TerminalReporter implements Reporter {
  readonly #loss = new Smoothed();
  readonly #terminal = process.stderr.isTTY === true;
  /** When the last line was written, and whether it still stands. */
  #shown = performance.now();
  #standing = false;
  #began = { step: 0, seconds: 0 };
  #epochs: readonly EpochEvent[] = [];
  #headed = false;

  phase(label: string, done: number, total: number, unit: string): void {
    const share = total ? Math.floor((100 * done) / total) : 100;
    this.#show(`${label} ${share} %  ${quantity(done)} of ${quantity(total)} ${unit}`);
  }

  begin(...[state, { steps, epochs }]: Parameters<Reporter['begin']>): void {
    this.#began = { step: state.tried, seconds: state.seconds };
    this.#epochs = epochs;
    for (const { loss } of steps) this.#loss.add(loss);
    if (state.tried) this.note(`going on from step ${state.tried}`);
  }

  step(event: StepEvent): void {
    const { step, steps, epoch, tokensPerSecond, gpuBytes, seconds } = event;
    const perStep = (seconds - this.#began.seconds) / (step - this.#began.step);
    const loss = this.#loss.add(event.loss).toFixed(4);
    const parts = [
      `step ${step}/${steps}`,
      `epoch ${epoch + 1}`,
      `loss ${loss}`,
      `${quantity(tokensPerSecond)} tokens/s`,
      size(gpuBytes),
      `${clock((steps - step) * perStep)} left`,
      ...(event.updated ? [] : ['gradients overflowed, step left out']),
    ];
    this.#show(parts.join('  '), step === steps);
  }

  epoch(event: EpochEvent, best: EpochEvent | undefined): void {
    this.#erase();
    const [header, line] = tableOf([event], best).split('\n');
    process.stdout.write(this.#headed ? `${line}\n` : `${header}\n${line}\n`);
    this.#headed = true;
  }

  note(text: string): void {
    this.#erase();
    process.stderr.write(`${text}\n`);
  }

  /** All epochs once more, with the last and the best marked, and where their weights lie. */
  finish(_: RunResult, folder: RunFolder): void {
    this.#erase();
    const best = bestOf(this.#epochs);
    const last = this.#epochs.at(-1);
    if (!last) return;
    if (this.#epochs.length > 1) process.stdout.write(`\n${tableOf(this.#epochs, best)}`);
    process.stdout.write(`last  epoch ${last.epoch}  ${folder.weights('last')}\n`);
    if (best) process.stdout.write(`best  epoch ${best.epoch}  ${folder.weights('best')}\n`);
  }

  #show(line: string, now = false): void {
    const since = performance.now() - this.#shown;
    if (!now && since < REFRESH_MS[this.#terminal ? 'terminal' : 'file']) return;
    this.#shown = performance.now();
    this.#standing = this.#terminal;
    const width = process.stderr.columns || 100;
    process.stderr.write(this.#terminal ? `\r\x1b[K${line.slice(0, width - 1)}` : `${line}\n`);
  }

  #erase(): void {
    if (this.#standing) process.stderr.write('\r\x1b[K');
    this.#standing = false;
  }
}

/** Tells nothing but the events, as the lines of JSON that metrics.jsonl has too. */
export class JsonReporter implements Reporter {
  phase(): void {}

  begin(): void {}

  step(event: StepEvent): void {
    this.#write(event);
  }

  epoch(event: EpochEvent): void {
    this.#write(event);
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  finish(result: RunResult, folder: RunFolder): void {
    this.#write({ type: 'end', ...result, out: folder.path });
  }

  #write(event: object): void {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }
}

const PARTS = ['all', 'seen', 'unseen'] as const;
const HEADER = ['epoch', '   loss', ...PARTS.flatMap((part) => [`${part} MAP@25`, 'recall@25']), ''];

/** Cells are as wide as the header, so that lines printed one by one stand under each other. */
function tableOf(epochs: readonly EpochEvent[], best: EpochEvent | undefined): string {
  const number = (value: number | null | undefined) => value?.toFixed(4) ?? '-';
  const rows = epochs.map((event) => {
    const { report } = event;
    const scores: (Scores | undefined)[] = [report, report?.seen, report?.unseen];
    return [
      `${event.epoch}/${event.epochs}`,
      event.loss.toFixed(4),
      ...scores.flatMap((s) => [number(s?.['map@25']), number(s?.['recall@25'])]),
      [event === epochs.at(-1) && 'last', event.epoch === best?.epoch && 'best'].filter(Boolean).join(', '),
    ];
  });
  return formatTable([HEADER, ...rows], [0, HEADER.length - 1]);
}
