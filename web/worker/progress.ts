/** Turns counts into progress: the rate over the last seconds, the time left, and no more messages than eyes can read. */
import type { OnProgress, Progress } from './api.ts';

const WINDOW_MS = 4000;
const EVERY_MS = 100;

/** Calls `onProgress` at most ten times a second, and for the last count. */
export function meter(
  onProgress: OnProgress,
  what: string,
  unit: Progress['unit'],
  now: () => number = () => performance.now(),
): (done: number, total: number) => void {
  const marks: { at: number; done: number }[] = [];
  let sent = Number.NEGATIVE_INFINITY;
  return (done, total) => {
    const at = now();
    marks.push({ at, done });
    while (marks.length > 2 && at - marks[0].at > WINDOW_MS) marks.shift();
    if (at - sent < EVERY_MS && done !== total) return;
    sent = at;
    const seconds = (at - marks[0].at) / 1000;
    const rate = seconds > 0 ? (done - marks[0].done) / seconds : 0;
    onProgress({ what, done, total, unit, rate, left: rate > 0 && total > 0 ? (total - done) / rate : 0 });
  };
}
