import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type EediData, loadEedi } from '../data/eedi.ts';
import { seenElsewhere } from '../data/questions.ts';
import { evaluate, type Report } from '../metrics/retrieval.ts';
import { type BaselineOptions, rankBaseline } from './baseline.ts';

const EEDI = new URL('../../../shared/data/eedi', import.meta.url).pathname;
const absent = !existsSync(EEDI);
if (absent) console.log(`skipped: the golden numbers of the baselines need Eedi's data in ${EEDI}`);

describe.skipIf(absent)('golden numbers on all 4,370 pairs', () => {
  let loaded: Promise<EediData> | undefined;
  const score = async (options: BaselineOptions): Promise<Report> => {
    const data = await (loaded ??= loadEedi(EEDI));
    const seen = seenElsewhere(data.pairs);
    const rows = rankBaseline(data, options);
    return evaluate(
      rows.map(({ pred }, i) => ({ pred, label: data.pairs[i].label!, seen: seen(data.pairs[i]) })),
      { samples: 0 },
    );
  };

  test.each([
    { method: 'tfidf', analyzer: 'word', map: 0.139, recall: 0.454 },
    { method: 'tfidf', analyzer: 'word-bigrams', map: 0.153, recall: 0.487, seen: 0.139, unseen: 0.193 },
    { method: 'tfidf', analyzer: 'char', map: 0.172, recall: 0.529, seen: 0.161, unseen: 0.202 },
    { method: 'bm25', map: 0.109, recall: 0.369 },
    { method: 'nearest', map: 0.337, recall: 0.611, seen: 0.462, unseen: 0 },
    { method: 'combined', map: 0.33, recall: 0.734 },
  ] as const)('%j', async ({ map, recall, ...rest }) => {
    const { seen, unseen, ...options } = { seen: undefined, unseen: undefined, ...rest };
    const report = await score(options as BaselineOptions);
    const close = (actual: number | null, expected: number | undefined) =>
      expected === undefined || expect(Math.abs(actual! - expected)).toBeLessThan(0.0006);
    expect(report.rows).toBe(4370);
    close(report['map@25'], map);
    close(report['recall@25'], recall);
    close(report.seen['map@25'], seen);
    close(report.unseen['map@25'], unseen);
  });

  test('a fold alone gets the same rankings', async () => {
    const whole = await (loaded ??= loadEedi(EEDI));
    const data = { ...whole, pairs: whole.pairs.slice(0, 1000) };
    const pairs = data.pairs.filter(({ fold }) => fold === 3);
    const done: number[] = [];
    const rows = rankBaseline(data, { method: 'nearest', fold: 3, k: 5, onProgress: (n) => done.push(n) });
    expect(rows.map(({ questionId }) => questionId)).toEqual(pairs.map(({ questionId }) => questionId));
    expect(rows.every(({ pred }) => pred.length === 5)).toBe(true);
    expect(done.length).toBe(pairs.length);
    const all = rankBaseline(data, { method: 'nearest', k: 5 }).filter((_, i) => data.pairs[i].fold === 3);
    expect(rows).toEqual(all);
  });
});
