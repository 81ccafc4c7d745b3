/**
 * How a drawn question is put: its words, and how its mathematics is written. A held-out question has one of its item's
 * held-out phrasings as it is; a training question is changed in many ways, and never into one of those.
 */
import { withAside } from './asides.ts';
import { NAMES, PLACES } from './contexts.ts';
import type { Draw } from './draw.ts';
import type { Drawn } from './item.ts';
import { MATHS } from './maths.ts';
import { noise } from './noise.ts';
import { plainMaths } from './plain.ts';
import { reword } from './reword.ts';

/** Share with a sentence beside the question that has nothing to do with the mathematics. */
const ASIDE = { train: 0.35, 'held-out': 0.15 };
/** Shares of the training questions that are put in other words, and that lose words or have unknown ones. */
const REWORDED = 0.75;
const NOISY = 0.7;

/** The text of a question. */
export function wording({ ask }: Drawn, r: Draw): string {
  const heldOut = ask.filter((a) => a.heldOut);
  if (r.split === 'held-out') {
    const { text } = r.pick(heldOut);
    return r.chance(ASIDE['held-out']) ? withAside(text, r) : text;
  }
  const { text } = r.pick(ask.filter((a) => !a.heldOut));
  const change = r.chance(NOISY) ? noise(r) : (words: string) => words;
  const changed = change(r.chance(REWORDED) ? reword(text, r) : text) || text;
  const known = heldOut.map((a) => bareWords(a.text));
  const asked = known.includes(bareWords(changed)) ? text : changed;
  return r.chance(ASIDE.train) ? withAside(asked, r, change) : asked;
}

/** The words that make a phrasing: no names of people and places, which each phrasing draws anew, no numbers or marks. */
export function bareWords(text: string): string {
  return text
    .replace(MATHS, ' ')
    .replace(/\p{L}+/gu, (word) => (PROPER.has(word) ? ' ' : word))
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, ' ')
    .trim();
}

const PROPER: ReadonlySet<string> = new Set([...NAMES, ...PLACES]);

/** Share of the questions with mathematics as people type it, without LaTeX. */
const PLAIN = 0.2;
/** Shares of the training questions with LaTeX on one side only, question or answers, and with `\\frac` for `\\dfrac`. */
const MIXED = 0.15;
const SMALL = 0.25;

type Writer = (text: string) => string;

/** How mathematics is written in a question, and how in its answers. */
export function writing(r: Draw): [question: Writer, answers: Writer] {
  const times = r.pick(['×', '×', 'x', '*']);
  const plain: Writer = (text) => plainMaths(text, times);
  const latex: Writer = (text) => text;
  const usual = r.chance(PLAIN) ? plain : latex;
  if (r.split === 'held-out') return [usual, usual];
  const [question, answers] = r.chance(MIXED) ? r.shuffled([plain, latex]) : [usual, usual];
  if (!r.chance(SMALL)) return [question, answers];
  const small =
    (write: Writer): Writer =>
    (text) =>
      write(text).replaceAll('\\dfrac', '\\frac');
  return [small(question), small(answers)];
}
