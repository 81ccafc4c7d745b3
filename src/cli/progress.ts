/** A progress bar on stderr with rate and time left, for what takes longer than a moment. */
import { SingleBar } from 'cli-progress';

/** Work that ends sooner shows no bar. */
const PATIENCE_MS = 1000;

export interface Progress {
  update(done: number): void;
  stop(): void;
}

export const quantity = (n: number): string => {
  if (n >= 1e9) return `${(n / 1e9).toFixed(2)}G`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)}M`;
  return n >= 1e4 ? `${(n / 1e3).toFixed(1)}k` : `${Math.round(n)}`;
};

export const clock = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return '--:--';
  const s = Math.ceil(seconds);
  const minutes = `${Math.floor(s / 60) % 60}`.padStart(s >= 3600 ? 2 : 1, '0');
  const rest = `${minutes}:${`${s % 60}`.padStart(2, '0')}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
};

/**
 * Counts `total` units of work under a label, `from` of which were done before. Where stderr is no terminal, a line is
 * printed every five seconds.
 */
export function progress(label: string, total: number, unit = '', from = 0): Progress {
  const began = performance.now();
  let bar: SingleBar | undefined;
  const rates = (done: number) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = (done - from) / seconds;
    return { rate: quantity(rate), left: clock((total - done) / rate), done: quantity(done), all: quantity(total) };
  };
  return {
    update(done) {
      if (!bar && performance.now() - began < PATIENCE_MS) return;
      if (!bar) {
        bar = new SingleBar({
          stream: process.stderr,
          format: `${label.padEnd(12)} {bar} {percentage}% {done}/{all} ${unit}  {rate} ${unit}/s  {left} left`,
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
          noTTYOutput: true,
          notTTYSchedule: 5000,
        });
        bar.start(total, done, rates(done));
      }
      bar.update(done, rates(done));
    },
    stop() {
      bar?.stop();
    },
  };
}

/** Bars for kinds of work that take turns: that of the one which moved last is shown. */
export function turns() {
  let [shown, bar]: [string?, Progress?] = [];
  const stop = () => bar?.stop();
  return {
    stop,
    of: (label: string, unit: string) => (done: number, total: number) => {
      if (shown !== label) {
        stop();
        [shown, bar] = [label, progress(label, total, unit, done)];
      }
      bar?.update(done);
    },
  };
}
