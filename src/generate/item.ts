/**
 * An item: one kind of question, of which any number are drawn. A draw gives the phrasings, the correct answer, and for
 * each misconception the answer that it leads to in this very question, computed by applying it.
 */
import type { Draw } from './draw.ts';
import { optionKey } from './evaluate.ts';
import type { Phrasing } from './phrasing.ts';

export interface Drawn {
  ask: readonly Phrasing[];
  correct: string;
  /** Answer by id of the misconception; undefined where it does not apply to what was drawn. */
  wrong: Readonly<Record<number, string | undefined>>;
  /** Wrong answers of no misconception, where numbers cannot simply be altered, as in answers in words. */
  others?: readonly string[];
  /** Options of equal value may differ, where the question asks for a form: 2 × 9 is not 2 × 3². */
  byForm?: boolean;
}

export interface Item {
  /** Its name in tests, unlike any other's. */
  name: string;
  /** What the question tests, in the words of a curriculum. One of them is drawn. */
  construct: string | readonly string[];
  subject: string;
  draw(r: Draw): Drawn;
}

/**
 * The wrong answers of a draw that tell their misconception: those that are not right and that no other misconception
 * of the item leads to as well. Answers count as equal where their values are.
 */
export function tellingAnswers(drawn: Drawn): Map<number, string> {
  const { correct, wrong } = drawn;
  const optionKey = keyOf(drawn);
  const right = optionKey(correct);
  const times = new Map<string, number>();
  const given = Object.entries(wrong).flatMap(([id, text]) => (text === undefined ? [] : [{ id: Number(id), text }]));
  for (const { text } of given) times.set(optionKey(text), (times.get(optionKey(text)) ?? 0) + 1);
  return new Map(
    given
      .filter(({ text }) => optionKey(text) !== right && times.get(optionKey(text)) === 1)
      .map((w) => [w.id, w.text]),
  );
}

/** What tells the options of a draw apart. */
const keyOf = ({ byForm }: Drawn) => (byForm ? (text: string) => text.replace(/\s/g, '') : optionKey);

const INSANE = /NaN|undefined|Infinity|\de[+-]?\d|\d\.\d{7}|\\dfrac\{[^}]*\}\{0\}|\d{10}|--|\+ -\d/;

/** Whether every text of a draw is fit to be read: no failed arithmetic, no endless decimals, no runaway numbers. */
export function isSane({ ask, correct, wrong, others = [] }: Drawn): boolean {
  const answers = Object.values(wrong).filter((text) => text !== undefined);
  return [...ask.map(({ text }) => text), correct, ...answers, ...others].every((text) => !INSANE.test(text));
}

/**
 * Wrong answers without a misconception, to fill up the options: the correct answer or another option with one of
 * its numbers changed a little. None equals an option or an answer that a misconception leads to.
 */
export function fillers(drawn: Drawn, options: readonly string[], count: number, r: Draw): string[] {
  const optionKey = keyOf(drawn);
  const taken = new Set([...options, ...Object.values(drawn.wrong).filter((w) => w !== undefined)].map(optionKey));
  const out: string[] = [];
  const offer = (text: string) => {
    const key = optionKey(text);
    if (taken.has(key) || out.length >= count) return;
    taken.add(key);
    out.push(text);
  };
  if (drawn.others) for (const text of r.shuffled(drawn.others)) offer(text);
  else for (let tries = 0; tries < 60 && out.length < count; tries++) offer(altered(r.pick(options), r));
  return out;
}

/** Numbers of an answer that may be changed: not exponents, not within a degree sign's `^\circ`. */
const NUMBER = /(?<![\^\d.{])\d+(?:\{,\}\d+)*(?:\.\d+)?|(?<=dfrac\{|\}\{|sqrt\{)\d+/g;

/** The text with one of its numbers a little larger or smaller. */
function altered(text: string, r: Draw): string {
  const found = [...text.matchAll(NUMBER)];
  if (found.length === 0) return text;
  const { 0: number, index } = r.pick(found);
  const places = number.split('.')[1]?.length ?? 0;
  const zeros = places === 0 ? /0*$/.exec(number.replace(/\D/g, ''))![0].length : 0;
  const step = 10 ** (zeros - places);
  const value = Number(number.replace(/[{},]/g, '')) + r.pick([-3, -2, -1, 1, 2, 3]) * step;
  const lettered = /^[a-zA-Z]/.test(text.slice(index + number.length));
  if (value <= 0 || (value === 1 && lettered)) return text;
  const shown = number.includes('{,}')
    ? value.toString().replace(/\B(?=(\d{3})+$)/g, '{,}')
    : value.toFixed(places).padStart(number.length, /^0\d/.test(number) ? '0' : '');
  return text.slice(0, index) + shown + text.slice(index + number.length);
}
