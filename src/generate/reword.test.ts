/** Other words: the mathematics stays as it is, and a training question never becomes a held-out one of its item. */
import { describe, expect, test } from 'vitest';
import { Draw } from './draw.ts';
import { generate } from './generate.ts';
import { reword } from './reword.ts';
import { ITEMS } from './topics/index.ts';
import { bareWords } from './wording.ts';

const r = new Draw(4);
const many = (text: string) => new Set(Array.from({ length: 200 }, () => reword(text, r)));

describe('reword', () => {
  test('finds many forms of one question', () => {
    const forms = many('What is the highest common factor of \\(30\\) and \\(75\\)?');
    expect(forms.size).toBeGreaterThan(20);
    expect([...forms].some((text) => text.includes('HCF of \\(30\\)'))).toBe(true);
    expect([...forms].some((text) => /^(?:Give|State|Determine) the /.test(text))).toBe(true);
  });

  test('leaves mathematics and numbers as they are', () => {
    const numbers = (text: string) => text.match(/\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g);
    for (const item of ITEMS)
      for (const { text } of item.draw(r).ask) {
        const other = reword(text, r);
        expect(numbers(other)).toEqual(numbers(text));
        expect(other.match(/\d/g)).toEqual(text.match(/\d/g));
      }
  });

  test('keeps the end of what is asked', () => {
    for (const text of many('What is \\(2 + 3\\)?')) expect(text).toMatch(/\\\(2 \+ 3\\\)/);
  });
});

test('no training question has the words of a held-out phrasing of its item', () => {
  const heldOut = new Map(
    ITEMS.map((item) => {
      const draw = new Draw(8, 'held-out');
      const texts = Array.from({ length: 12 }, () => item.draw(draw).ask.filter((a) => a.heldOut)).flat();
      return [item.name, new Set(texts.map(({ text }) => bareWords(text)))];
    }),
  );
  const questions = generate({ n: 3000, seed: 6 });
  const shared = questions.filter(({ item, text }) => heldOut.get(item)!.has(bareWords(text)));
  expect(shared.map(({ item, text }) => [item, text])).toEqual([]);
});
