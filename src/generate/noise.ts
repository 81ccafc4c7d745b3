/**
 * Word noise for training: words of a question are missing, or others stand in their place, invented ones among them, so
 * that a question is still known where its words are not.
 */
import type { Draw } from './draw.ts';
import { keepingMaths } from './maths.ts';

/** The largest share of the words of a text that change. */
const MOST = 0.8;

const OPENINGS = 'b br c ch d dr f fl g gr h j k l m n p pl r s sh st t tr v w z'.split(' ');
const VOWELS = 'a e i o u ea oo ai'.split(' ');
const ENDINGS = ['', '', ...'n r s t l ck nd m st ng s'.split(' ')];

/** A word that there is not: it reads as one that a model has not seen. */
const invented = (r: Draw): string =>
  Array.from({ length: r.pick([1, 1, 2, 2, 3]) }, () => r.pick(OPENINGS) + r.pick(VOWELS) + r.pick(ENDINGS)).join('');

/** Words, not of units, functions or letters that stand for numbers. */
const WORD = /(?<![\p{L}\d'’\\^{-])(?!(?:sin|cos|tan|not)\b)\p{L}\p{Ll}{2,}(?![\p{L}\d'’(])/gu;

/** A change that leaves out words of any text, or puts invented ones in their place: few in one draw, most in another. */
export function noise(r: Draw): (text: string) => string {
  const share = MOST * r.share;
  return (text) =>
    keepingMaths(text, (plain) =>
      plain
        .replace(WORD, (word) => {
          if (!r.chance(share)) return word;
          return r.chance(1 / 2) ? '' : invented(r);
        })
        .replace(/ {2,}/g, ' ')
        .trim(),
    );
}
