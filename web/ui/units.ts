/** Numbers as people read them: bytes, seconds, rates and counts. */
import type { Progress } from '../worker/api.ts';

const STEPS = [
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const;

/** Bytes in decimal units to three figures: 9.61 MB. */
export function bytes(n: number): string {
  const step = STEPS.find(([size]) => n >= size);
  if (!step) return `${Math.round(n)} bytes`;
  const value = n / step[0];
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${step[1]}`;
}

/** Seconds to the precision that matters for waiting: 4 s, 2 min 5 s, 1 h 10 min. */
export function duration(seconds: number): string {
  const s = Math.max(1, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export const count = (n: number): string => n.toLocaleString('en-GB');

/** A count with its noun: 1 row, 2 rows. */
export const counted = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/** Three significant figures without an exponent: 0.123, 4.56, 1,234. */
export const figures = (n: number): string =>
  n >= 1000 ? count(Math.round(n)) : n.toLocaleString('en-GB', { maximumSignificantDigits: 3 });

const PREFIXES = [
  [1, 'T'],
  [1e-3, 'G'],
  [1e-6, 'M'],
] as const;

/** Arithmetic a second, given in TFLOP/s, to three figures: 5.34 GFLOP/s. */
export function flops(tera: number): string {
  const [size, prefix] = PREFIXES.find(([from]) => tera >= from) ?? PREFIXES[2];
  return `${figures(tera / size)} ${prefix}FLOP/s`;
}

/** A cosine as papers print it: .512, −.040. */
export const cosine = (score: number): string =>
  `${score < 0 ? '−' : ''}${Math.abs(score).toFixed(3).replace(/^0/, '')}`;

/** "3.1 of 9.6 MB, 1.2 MB/s, 5 s left", as far as it is known. */
export function progressText({ done, total, unit, rate, left }: Progress): string {
  const amount = unit === 'bytes' ? bytes : count;
  const parts = [total > 0 ? `${amount(done)} of ${amount(total)}` : amount(done)];
  if (unit !== 'bytes') parts[0] += ` ${unit}`;
  if (rate > 0) parts.push(unit === 'bytes' ? `${bytes(rate)}/s` : `${figures(rate)} ${unit} a second`);
  if (left > 0) parts.push(`${duration(left)} left`);
  return parts.join(' · ');
}
