/**
 * The project's own sample data as a module, `virtual:sample`: read and checked while the page is built, so that no
 * visitor's browser parses a CSV to show the first example.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { LETTERS, parseQuestions } from '../src/data/questions.ts';
import { parseTaxonomy } from '../src/data/taxonomy.ts';
import type { Example } from './ui/sample.ts';
import type { Misconception } from './worker/api.ts';

const ID = 'virtual:sample';
const path = (name: string) => fileURLToPath(new URL(`../data/sample/${name}`, import.meta.url));

function taxonomy(): Misconception[] {
  const file = path('misconception_mapping.csv');
  const { ids, names } = parseTaxonomy(readFileSync(file, 'utf8'), file);
  return ids.map((id, i) => ({ id, name: names[i] }));
}

function examples(rows: Misconception[]): Example[] {
  const file = path('train.csv');
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return parseQuestions(readFileSync(file, 'utf8'), file, { labels: 'optional' }).map((q) => ({
    id: q.questionId,
    question: q.text,
    construct: q.construct ?? '',
    subject: q.subject ?? '',
    options: LETTERS.map((letter) => q.answers[letter]),
    correct: LETTERS.indexOf(q.correct),
    behind: LETTERS.map((letter) => names.get(q.labels[letter] ?? -1) ?? null),
  }));
}

const literal = (value: unknown) => `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;

export const sampleData: Plugin = {
  name: 'sample-data',
  resolveId: (id) => (id === ID ? `\0${ID}` : null),
  load(id) {
    if (id !== `\0${ID}`) return null;
    const rows = taxonomy();
    return `export const taxonomy = ${literal(rows)};\nexport const examples = ${literal(examples(rows))};`;
  },
};
