/** Whole data sets: the same for a seed, balanced, unlike the sample, and read back by src/data. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadEedi } from '../data/eedi.ts';
import { LETTERS, parseQuestions } from '../data/questions.ts';
import { parseTaxonomy } from '../data/taxonomy.ts';
import { eediFiles } from './eedi_files.ts';
import { coverage, type Generated, generate } from './generate.ts';
import { ITEMS } from './topics/index.ts';

const sampleFile = (name: string) => readFileSync(new URL(`../../data/sample/${name}`, import.meta.url), 'utf8');
const taxonomy = parseTaxonomy(sampleFile('misconception_mapping.csv'), 'misconception_mapping.csv');
const sample = parseQuestions(sampleFile('train.csv'), 'train.csv', { labels: 'required', taxonomy });

const N = 1500;
const train = generate({ n: N, seed: 1, exclude: sample });
const heldOut = generate({ n: N, seed: 1, split: 'held-out', exclude: sample });
const bytes = (questions: Generated[]) => [...eediFiles(questions, taxonomy).values()].join('\n');

describe('generate', () => {
  test('covers every misconception of the sample taxonomy, in both splits', () => {
    expect([...coverage().keys()]).toEqual([...taxonomy.ids]);
    expect([...coverage('held-out').keys()]).toEqual([...taxonomy.ids]);
  });

  test('gives the same bytes for a seed and others for another', () => {
    expect(bytes(generate({ n: N, seed: 1, exclude: sample }))).toBe(bytes(train));
    expect(bytes(generate({ n: N, seed: 2, exclude: sample }))).not.toBe(bytes(train));
  });

  test('a longer data set begins with a shorter one', () => {
    expect(generate({ n: 100, seed: 1, exclude: sample })).toEqual(train.slice(0, 100));
  });

  test.each([
    ['train', train],
    ['held-out', heldOut],
  ])('%s: labels misconceptions about equally often', (_, questions) => {
    const counts = new Map<number, number>();
    for (const { labels } of questions)
      for (const id of Object.values(labels)) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(counts.size).toBe(taxonomy.ids.length);
    expect(Math.max(...counts.values()) / Math.min(...counts.values())).toBeLessThan(4);
  });

  test.each([
    ['train', train],
    ['held-out', heldOut],
  ])('%s: asks of every item', (_, questions) => {
    const asked = new Set(questions.map(({ item }) => item));
    expect(ITEMS.filter(({ name }) => !asked.has(name)).map(({ name }) => name)).toEqual([]);
  });

  test.each([
    ['train', train],
    ['held-out', heldOut],
  ])('%s: four options that differ, the right one without a label, its letter anywhere', (_, questions) => {
    for (const { answers, labels, correct } of questions) {
      const options = LETTERS.map((letter) => answers[letter].replace(/\s/g, ''));
      expect([options, options.includes(''), new Set(options).size]).toEqual([options, false, 4]);
      expect(labels[correct]).toBe(undefined);
      expect(new Set(Object.values(labels)).size).toBe(Object.values(labels).length);
    }
    for (const letter of LETTERS) {
      const share = questions.filter(({ correct }) => correct === letter).length / questions.length;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.05);
    }
  });

  test('asks nothing twice, and nothing of the sample', () => {
    const asked = [...train, ...heldOut].map((q) => `${q.text} ${q.answers[q.correct]}`);
    expect(new Set(asked).size).toBe(asked.length);
    const known = new Set(sample.map(({ text }) => text.replace(/\s/g, '')));
    expect([...train, ...heldOut].filter(({ text }) => known.has(text.replace(/\s/g, '')))).toEqual([]);
  });

  test('the two splits have no text in common', () => {
    const texts = new Set(train.map(({ text }) => text));
    expect(heldOut.filter(({ text }) => texts.has(text))).toEqual([]);
  });

  test('writes part of the questions as people type them, and part without construct or subject', () => {
    const latex = ({ text, answers }: Generated) => /\\[([]/.test([text, ...Object.values(answers)].join());
    for (const [questions, nameless, one] of [
      [train, 0.4, 0.05],
      [heldOut, 0.25, 0],
    ] as const) {
      const share = (wanted: (q: Generated) => boolean) => questions.filter(wanted).length / N;
      expect(Math.abs(share((q) => !latex(q)) - 0.22)).toBeLessThan(0.06);
      expect(Math.abs(share((q) => !q.construct && !q.subject) - nameless)).toBeLessThan(0.04);
      for (const part of ['construct', 'subject'] as const)
        expect(Math.abs(share((q) => !q[part]) - nameless - one)).toBeLessThan(0.04);
    }
  });

  test('mixes LaTeX and plain mathematics in training alone', () => {
    const written = (text: string) => (/\\[([]/.test(text) ? 'latex' : /\d/.test(text) ? 'plain' : undefined);
    const mixed = ({ text, answers, correct }: Generated) =>
      written(text) && written(answers[correct]) && written(text) !== written(answers[correct]);
    // Some items have numbers without LaTeX in either.
    expect((train.filter(mixed).length - heldOut.filter(mixed).length) / N).toBeGreaterThan(0.1);
  });
});

describe('the files', () => {
  test('are read back by loadEedi as they were generated', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lacuna-generate-'));
    try {
      for (const [name, text] of eediFiles(train, taxonomy)) writeFileSync(join(dir, name), text);
      const data = await loadEedi(dir);
      expect(data.questions.map(({ line: _, ...q }) => q)).toEqual(train.map(({ item: _, ...q }) => q));
      expect(data.taxonomy).toEqual(taxonomy);
      expect(data.folds).toEqual([0, 1, 2, 3, 4]);
      expect(data.pairs.length).toBe(train.reduce((sum, { labels }) => sum + Object.keys(labels).length, 0));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
