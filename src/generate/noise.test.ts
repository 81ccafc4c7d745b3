/** Word noise: numbers, mathematics and units stay, and so does the order of what is left. */
import { expect, test } from 'vitest';
import { Draw } from './draw.ts';
import { noise } from './noise.ts';
import { ITEMS } from './topics/index.ts';

const r = new Draw(4);

test('changes few words or many, in hundreds of forms', () => {
  const text = 'Two straight roads cross near Leeds. One of the angles is \\(61^\\circ\\). How large is the next one?';
  const words = text.split(' ');
  const forms = Array.from({ length: 500 }, () => noise(r)(text));
  expect(new Set(forms).size).toBeGreaterThan(400);
  const kept = forms.map((form) => form.split(' ').filter((word) => words.includes(word)).length / words.length);
  expect(Math.max(...kept)).toBe(1);
  expect(Math.min(...kept)).toBeLessThan(0.5);
});

test('leaves mathematics, numbers and short words as they are', () => {
  for (const item of ITEMS)
    for (const { text } of item.draw(r).ask) {
      const noisy = noise(r)(text);
      for (const part of [
        /\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g,
        /\d+/g,
        /(?<![\p{L}'’-])(?:cm|km|mm|kg|ml|m|g|of)(?![\p{L}'’-])/gu,
      ])
        expect(noisy.match(part)).toEqual(text.match(part));
    }
});
