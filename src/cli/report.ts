/** A report of scores as a table: all rows, seen and unseen misconceptions, each with its 95 % intervals. */
import type { Interval, Report, Scores } from '../metrics/retrieval.ts';
import { formatTable } from './table.ts';

const number = (value: number | null) => (value === null ? '-' : value.toFixed(4));
const range = (interval: Interval | null) => (interval ? interval.map((x) => x.toFixed(3)).join(' to ') : '-');

export function formatReport(report: Report<number>, k: number): string {
  const metrics = [`map@${k}`, `recall@${k}`] as const;
  const line = (name: string, scores: Scores<number>) => [
    name,
    `${scores.rows}`,
    ...metrics.flatMap((metric) => [number(scores[metric]), range(scores.intervals[metric])]),
  ];
  return formatTable([
    ['misconceptions', 'rows', `MAP@${k}`, '95 %', `recall@${k}`, '95 %'],
    line('all', report),
    line('seen', report.seen),
    line('unseen', report.unseen),
  ]);
}
