/** Sentences beside a question: in many forms, wherever they may stand, and none of them one that is held out. */
import { expect, test } from 'vitest';
import { HELD_OUT_ASIDES, PARTS, withAside } from './asides.ts';
import { NAMES, PLACES } from './contexts.ts';
import { Draw } from './draw.ts';
import { heldOutOnly, wordsOf } from './held_out_words.ts';

const QUESTION = 'Tom has 3 pens. Ben has 4 pens. How many pens do they have?';

/** What matches every form of a part, with any name and place, and with or without its marks. */
function pattern(part: keyof typeof PARTS): string {
  const alternatives = PARTS[part].map((text: string) =>
    text
      .replace(/[.,:!?()]/g, '\\$&?')
      .replace(/\{(\w+)\}/g, (_, inner: string) =>
        inner === 'name'
          ? `(?:${NAMES.join('|')})`
          : inner === 'place'
            ? `(?:${PLACES.join('|')})`
            : pattern(inner as keyof typeof PARTS),
      ),
  );
  return `(?:${alternatives.join('|')})`;
}

const ANY = `(?:${(['aside', 'after', 'between'] as const).map(pattern).join('|')})`;

test('training has them in hundreds of forms, before, after and between', () => {
  const r = new Draw(1);
  const forms = Array.from({ length: 3000 }, () => withAside(QUESTION, r));
  expect(new Set(forms).size).toBeGreaterThan(1500);
  const before = new RegExp(`^${ANY} ${QUESTION.replace('?', '\\?')}$`);
  const after = new RegExp(`^${QUESTION.replace('?', '\\?')} ${ANY}$`);
  const [opened, closed] = [before, after].map((where) => forms.filter((text) => where.test(text)));
  expect(Math.abs(opened.length / 3000 - 0.6)).toBeLessThan(0.05);
  expect(Math.abs(closed.length / 3000 - 0.24)).toBeLessThan(0.05);
  for (const text of forms.filter((text) => !before.test(text) && !after.test(text)))
    expect(text).toMatch(new RegExp(`^Tom has 3 pens\\. (?:${ANY} )?Ben has 4 pens\\. (?:${ANY} )?How many pens`));
  for (const text of forms) expect(text.match(/\d/g)).toEqual(['3', '4']);
});

test('no sentence that is held out can be put together in training, whatever its names and places', () => {
  const r = new Draw(2, 'held-out');
  const one = new RegExp(`^${ANY}$`, 'i');
  expect(one.test('Nia picked this problem at school in Bath.')).toBe(true);
  for (const text of HELD_OUT_ASIDES.flatMap((aside) => Array.from({ length: 20 }, () => aside(r)))) {
    expect([text, one.test(text)]).toEqual([text, false]);
  }
});

test('every sentence that is held out has a word that no part has', () => {
  const r = new Draw(4, 'held-out');
  const used = new Set(wordsOf(Object.values(PARTS).flat().join(' ')));
  const own = HELD_OUT_ASIDES.map((aside) => wordsOf(aside(r).replaceAll(new RegExp(PLACES.join('|'), 'g'), '')));
  const names = new Set(NAMES.map((name) => name.toLowerCase()));
  expect(own.filter((words) => words.every((word) => used.has(word) || names.has(word)))).toEqual([]);
});

test('the held-out sentences are those that they were', () => {
  const r = new Draw(3, 'held-out');
  const forms = Array.from({ length: 300 }, () => withAside('?', r).replace(/^\p{L}+ found| in \p{Lu}\p{L}+,/gu, ' _'));
  expect(new Set(forms).size).toBe(HELD_OUT_ASIDES.length);
});

test('the parts have no word that only held-out phrasings use', () => {
  const used = new Set(wordsOf(Object.values(PARTS).flat().join(' ')));
  expect([...heldOutOnly()].filter((word) => used.has(word))).toEqual([]);
});
