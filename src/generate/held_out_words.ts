/** For tests: the words that only held-out phrasings have, so that no list for training takes one up. */
import * as contexts from './contexts.ts';
import { Draw, partOf, SPLITS } from './draw.ts';
import { MATHS } from './maths.ts';
import { ITEMS } from './topics/index.ts';

const DRAWS = 40;

/** The words of a text beside its mathematics, in small letters. */
export const wordsOf = (text: string): string[] =>
  text
    .replace(MATHS, ' ')
    .toLowerCase()
    .match(/\p{L}{3,}/gu) ?? [];

/** Words of held-out phrasings and held-out contexts that no training phrasing and no training context has. */
export function heldOutOnly(): Set<string> {
  const { CURRENCIES: _, LETTERS: __, ...lists } = contexts;
  const [train, heldOut] = SPLITS.map((split) => {
    const r = new Draw(3, split);
    const texts = Object.values(lists).flatMap((list) => partOf<string>(list, split));
    for (const item of ITEMS)
      for (let i = 0; i < DRAWS; i++)
        for (const { text, heldOut } of item.draw(r).ask) if (heldOut === (split === 'held-out')) texts.push(text);
    return new Set(texts.flatMap(wordsOf));
  });
  return new Set([...heldOut].filter((word) => !train.has(word)));
}
