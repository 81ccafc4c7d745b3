/**
 * Every item, drawn many times: answers are computed once more where the question says what to compute, wrong answers
 * are wrong, options differ, and what is held out is nowhere in what is trained on.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseTaxonomy } from '../data/taxonomy.ts';
import * as contexts from './contexts.ts';
import { Draw, partOf, SPLITS } from './draw.ts';
import { evaluate, optionKey } from './evaluate.ts';
import { type Drawn, fillers, type Item, isSane, tellingAnswers } from './item.ts';
import { ITEMS } from './topics/index.ts';

const DRAWS = 40;
const mapping = new URL('../../data/sample/misconception_mapping.csv', import.meta.url);
const taxonomy = parseTaxonomy(readFileSync(mapping, 'utf8'), 'misconception_mapping.csv');

/** Draws of an item that could become questions. */
function drawnOf(item: Item, split: (typeof SPLITS)[number] = 'train'): Drawn[] {
  const r = new Draw(21, split);
  return Array.from({ length: DRAWS }, () => item.draw(r)).filter(isSane);
}

const inner = (text: string): string | undefined => /^\\\(([\s\S]*)\\\)$/.exec(text)?.[1];

/** The draws of every item, made once. */
const ALL = ITEMS.map((item) => ({ item, name: item.name, drawn: drawnOf(item) }));

describe('every item', () => {
  test('has a name of its own', () => {
    expect(new Set(ITEMS.map(({ name }) => name)).size).toBe(ITEMS.length);
  });

  test('can be drawn, and mostly tells a misconception', () => {
    for (const { name, drawn } of ALL) {
      expect([name, drawn.length > DRAWS / 4]).toEqual([name, true]);
      expect([name, drawn.filter((d) => tellingAnswers(d).size > 0).length > DRAWS / 5]).toEqual([name, true]);
    }
  });

  test('leads to misconceptions of the taxonomy, all of them together', () => {
    const ids = new Set(ALL.flatMap(({ drawn }) => drawn.flatMap((d) => [...tellingAnswers(d).keys()])));
    expect([...ids].filter((id) => !taxonomy.ids.includes(id))).toEqual([]);
    expect(taxonomy.ids.filter((id) => !ids.has(id))).toEqual([]);
  });

  // One expectation for all: tens of thousands of them would take longer than the drawing.
  test('offers different options, one of them right', () => {
    const r = new Draw(5);
    const faults = ALL.flatMap(({ name, drawn }) =>
      drawn.flatMap((d) => {
        const telling = [...tellingAnswers(d).values()].slice(0, 3);
        const extra = fillers(d, [d.correct, ...telling], 3 - telling.length, r);
        const options = [d.correct, ...telling, ...extra];
        const keys = options.map((text) => (d.byForm ? text.replace(/\s/g, '') : optionKey(text)));
        // Some draws have no third filler; the generator draws those again.
        return options.length >= 3 && new Set(keys).size === options.length ? [] : [{ name, options }];
      }),
    );
    expect(faults).toEqual([]);
  });

  test('has at least four phrasings, one of them held out', () => {
    const faults = ALL.flatMap(({ name, drawn }) =>
      drawn.flatMap(({ ask }) => {
        const heldOut = ask.filter((a) => a.heldOut).length;
        const distinct = new Set(ask.map(({ text }) => text)).size;
        return ask.length >= 4 && distinct === ask.length && heldOut >= 1 && heldOut <= ask.length / 2
          ? []
          : [{ name, texts: ask.map(({ text }) => text) }];
      }),
    );
    expect(faults).toEqual([]);
  });

  test('closes every bracket of its LaTeX', () => {
    const count = (text: string, part: string) => text.split(part).length - 1;
    const pairs = [
      ['\\(', '\\)'],
      ['\\[', '\\]'],
      ['{', '}'],
    ];
    const texts = ALL.flatMap(({ drawn }) =>
      drawn.flatMap((d) => [...d.ask.map((a) => a.text), d.correct, ...Object.values(d.wrong), ...(d.others ?? [])]),
    ).filter((text) => text !== undefined);
    expect(texts.filter((text) => pairs.some(([open, close]) => count(text, open) !== count(text, close)))).toEqual([]);
  });
});

describe('what the question says to compute', () => {
  const all = ALL.flatMap(({ drawn }) => drawn);
  const matches = (pattern: RegExp) =>
    all.flatMap((d) => {
      const tex = d.ask.map(({ text }) => pattern.exec(text)?.[1]).find((found) => found !== undefined);
      return tex === undefined ? [] : [{ tex, answer: d.correct }];
    });

  test('calculations have the value of the correct answer', () => {
    const cases = matches(/^Work out \\\(((?:(?!\\\)).)*)\\\)\.$/);
    let checked = 0;
    for (const { tex, answer } of cases) {
      const [asked, given] = [evaluate(tex), evaluate(inner(answer) ?? '')];
      if (asked === undefined || given === undefined) continue;
      expect([tex, answer, Math.abs(asked - given) < 1e-6 * Math.max(1, Math.abs(asked))]).toEqual([tex, answer, true]);
      checked++;
    }
    expect(checked).toBeGreaterThan(1000);
    expect(checked / cases.length).toBeGreaterThan(0.95);
  });

  test('expressions are equal to the correct answer for any value of their letters', () => {
    const cases = matches(
      /^(?:Simplify|Expand|Multiply out|Expand and simplify|Factorise|Factorise fully) \\\(((?:(?!\\\)).)*)\\\)\.$/,
    );
    const values = Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((x, i) => [x, 1.3 + i / 7]));
    for (const { tex, answer } of cases) {
      const [asked, given] = [evaluate(tex, values), evaluate(inner(answer) ?? '', values)];
      expect([tex, answer, asked !== undefined && Math.abs(asked - given!) < 1e-6 * Math.abs(asked)]).toEqual([
        tex,
        answer,
        true,
      ]);
    }
    expect(cases.length).toBeGreaterThan(350);
  });

  test('equations hold for the correct answer', () => {
    const cases = matches(/^Solve \\\(((?:(?!\\\)).)*)\\\)\.$/).filter(({ tex }) => tex.includes('='));
    let checked = 0;
    for (const { tex, answer } of cases) {
      const [left, right] = tex.split(' = ');
      for (const [, x, value] of answer.matchAll(/\\\(([a-z]) = (.*?)\\\)/g)) {
        const letters = { [x]: evaluate(value)! };
        expect([tex, answer, evaluate(left, letters)]).toEqual([
          tex,
          answer,
          expect.closeTo(evaluate(right, letters)!, 9),
        ]);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(200);
  });
});

describe('what is held out', () => {
  test('is the last quarter of every list of words, apart from what both use', () => {
    const { CURRENCIES: _, LETTERS: __, ...lists } = contexts;
    for (const [name, list] of Object.entries(lists)) {
      const [train, heldOut] = SPLITS.map((split) => partOf<string>(list, split));
      expect([name, heldOut.filter((word) => train.includes(word))]).toEqual([name, []]);
      expect(train.length).toBeGreaterThanOrEqual(heldOut.length * 2);
      expect([...train, ...heldOut]).toEqual([...list]);
    }
  });

  test('no phrasing of one split is a phrasing of the other, whatever its numbers and words', () => {
    const { CURRENCIES: _, LETTERS: __, ...lists } = contexts;
    const words = Object.values(lists)
      .flat()
      .sort((a, b) => b.length - a.length);
    const known = new RegExp(words.map((w) => `(?<!\\p{L})${w}(?!\\p{L})`).join('|'), 'gu');
    const mask = (text: string) =>
      text
        .replace(/\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g, '#')
        .replace(known, '_')
        .replace(/[\d.]+/g, '#');
    const shared = ITEMS.flatMap((item) => {
      const [train, heldOut] = SPLITS.map((split) => {
        const asked = drawnOf(item, split).flatMap(({ ask }) =>
          ask.filter((a) => a.heldOut === (split === 'held-out')),
        );
        return new Set(asked.map(({ text }) => mask(text)));
      });
      return [...heldOut].filter((text) => train.has(text)).map((text) => [item.name, text]);
    });
    expect(shared).toEqual([]);
  });
});
