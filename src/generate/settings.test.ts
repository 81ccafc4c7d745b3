/** Settings that items share: the question stays the same, and nothing that is held out comes in. */
import { expect, test } from 'vitest';
import { Draw } from './draw.ts';
import { heldOutOnly, wordsOf } from './held_out_words.ts';
import { resettle, SETTINGS } from './settings.ts';
import { ITEMS } from './topics/index.ts';

const r = new Draw(9);
const many = (text: string, options: string[] = []) => Array.from({ length: 200 }, () => resettle(text, options, r));

test('no list has a word that only held-out phrasings and contexts use, or one of another list', () => {
  const heldOut = heldOutOnly();
  const all = SETTINGS.flatMap(({ list }) => list);
  expect(
    SETTINGS.flatMap(({ vaguer, list }) => [...vaguer, ...list]).filter((word) =>
      wordsOf(word).some((part) => heldOut.has(part)),
    ),
  ).toEqual([]);
  expect(new Set(all).size).toBe(all.length);
});

test('a word changes wherever it stands, with its article', () => {
  const forms = many('A shop sells a coat and an umbrella. The coat costs £5. What does the umbrella cost?');
  expect(new Set(forms).size).toBeGreaterThan(100);
  for (const text of forms) {
    const [, thing, other] = /sells an? ([\p{L} ]+) and an? ([\p{L} ]+)\./u.exec(text)!;
    expect(text).toContain(`The ${thing} costs £5. What does the ${other} cost?`);
    expect(thing).not.toBe(other);
    expect(text).not.toMatch(/(?<!\p{L})(?:a [aeiou]|an [^aeiou])/u);
  }
});

test('a word of the options stays, and one that stands in both numbers', () => {
  for (const text of many('Which is longer, the rope or the string?', ['the rope', 'the string']))
    expect(text).toBe('Which is longer, the rope or the string?');
  for (const text of many('One bead is taken from 5 beads.')) expect(text).toBe('One bead is taken from 5 beads.');
});

test('a word that stands in a table stays outside of it too', () => {
  const text = 'What is the mode of the books? \\[ \\begin{array}{c|c} \\text{books} & 1 \\end{array} \\]';
  for (const other of many(text)) expect(other).toBe(text);
});

test('leaves mathematics and numbers as they are', () => {
  for (const item of ITEMS)
    for (const { text } of item.draw(r).ask) {
      const other = resettle(text, [], r);
      for (const kept of [/\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g, /\d/g]) expect(other.match(kept)).toEqual(text.match(kept));
    }
});
