/**
 * Questions in any number from the items of all topics, in Eedi's columns: every misconception about equally often,
 * letters shuffled, the same questions for the same seed.
 */
import { LETTERS, type Letter, type Question } from '../data/questions.ts';
import { Draw, type Split } from './draw.ts';
import { type Drawn, fillers, type Item, isSane, tellingAnswers } from './item.ts';
import { ITEMS } from './topics/index.ts';
import { wording, writing } from './wording.ts';

export interface GenerateOptions {
  n: number;
  seed: number;
  split?: Split;
  /** Questions that must not come up: those with the same numbers and the same correct answer are drawn anew. */
  exclude?: readonly Pick<Question, 'text' | 'answers' | 'correct'>[];
  onProgress?: (done: number) => void;
}

/** A question, with the item that it is of. */
export interface Generated extends Omit<Question, 'line'> {
  item: string;
}

/** Share without construct and subject: whoever asks about a wrong answer need not know them. */
const NAMELESS = { train: 0.4, 'held-out': 0.25 };
/** Shares of the training questions that lack one of the two. */
const NO_CONSTRUCT = 0.05;
const NO_SUBJECT = 0.05;

/** A misconception with more labels than this multiple of the rarest one's is not shown as a further option. */
const MOST_SHARE = 2;

/** Draws of one item for one misconception before the pair counts as exhausted. */
const TRIES = 400;
/** Draws of an item that show which misconceptions it tells apart. */
const PROBES = 60;

/** Every construct and subject of all items has a number of its own, which does not depend on what is drawn. */
const numbered = (names: readonly string[]) => new Map([...new Set(names)].sort().map((name, i) => [name, i + 1]));
const CONSTRUCTS = numbered(ITEMS.flatMap(({ construct }) => construct));
const SUBJECTS = numbered(ITEMS.map(({ subject }) => subject));

/** The ids that an item's draws lead to, found by drawing it. */
function misconceptionsOf(item: Item, split: Split): number[] {
  const r = new Draw(1, split);
  const ids = new Set<number>();
  for (let i = 0; i < PROBES; i++) {
    const drawn = item.draw(r);
    if (isSane(drawn)) for (const id of tellingAnswers(drawn).keys()) ids.add(id);
  }
  return [...ids];
}

const known = new Map<Split, ReadonlyMap<number, readonly Item[]>>();

/** The items by the misconceptions that they tell apart: what is covered, ids ascending. */
export function coverage(split: Split = 'train'): ReadonlyMap<number, readonly Item[]> {
  const before = known.get(split);
  if (before) return before;
  const covered = new Map<number, Item[]>();
  for (const item of ITEMS)
    for (const id of misconceptionsOf(item, split)) covered.set(id, [...(covered.get(id) ?? []), item]);
  const sorted = new Map([...covered].sort(([a], [b]) => a - b));
  known.set(split, sorted);
  return sorted;
}

/**
 * `n` questions with ids 0 to n - 1, no two alike. Throws an Error where an item cannot be drawn, which is a fault of
 * the item, and a RangeError where there are not so many questions.
 */
export function generate({ n, seed, split = 'train', exclude = [], onProgress }: GenerateOptions): Generated[] {
  const r = new Draw(seed, split);
  const covered = coverage(split);
  const pairs = [...covered].flatMap(([id, items]) =>
    items.map((item): Pair => ({ id, item, weight: items.length, labels: 0, exhausted: false })),
  );
  const pairOf = new Map(pairs.map((pair) => [`${pair.id} ${pair.item.name}`, pair]));
  const counts = new Map([...covered.keys()].map((id) => [id, 0]));
  const excluded = new Set(exclude.map(({ text, answers, correct }) => numbersKey(text, answers[correct])));
  const seen = new Set<string>();
  const questions: Generated[] = [];
  while (questions.length < n) {
    const wanted = rarest(pairs, r);
    if (wanted === undefined) throw new RangeError(`only ${questions.length} different questions could be drawn`);
    const question = drawQuestion(wanted, counts, excluded, seen, r);
    if (question === undefined) {
      wanted.exhausted = true;
      continue;
    }
    for (const id of Object.values(question.labels)) {
      counts.set(id, counts.get(id)! + 1);
      // A pair that too few draws lead to was not found as one.
      const pair = pairOf.get(`${id} ${question.item}`);
      if (pair) pair.labels++;
    }
    questions.push({ questionId: questions.length, ...question });
    onProgress?.(questions.length);
  }
  return questions;
}

/** A misconception in one of the items that tell it. */
interface Pair {
  readonly id: number;
  readonly item: Item;
  /** How many items tell the misconception. */
  readonly weight: number;
  labels: number;
  exhausted: boolean;
}

/**
 * One of the pairs with the fewest labels so far for their share. Misconceptions come up about equally often, and each
 * in all of its items: counted by misconception alone, one that is often a further option in one item would never be
 * wanted, and its other items hardly ever drawn.
 */
function rarest(pairs: readonly Pair[], r: Draw): Pair | undefined {
  let least = Number.POSITIVE_INFINITY;
  let found: Pair[] = [];
  for (const pair of pairs) {
    const share = pair.labels * pair.weight;
    if (share > least || pair.exhausted) continue;
    if (share < least) found = [];
    least = share;
    found.push(pair);
  }
  return found.length === 0 ? undefined : r.pick(found);
}

/** A question of the pair's item, not seen before, with an option for its misconception. */
function drawQuestion(
  { id: wanted, item }: Pair,
  counts: ReadonlyMap<number, number>,
  excluded: ReadonlySet<string>,
  seen: Set<string>,
  r: Draw,
): Omit<Generated, 'questionId'> | undefined {
  for (let tries = 0; tries < TRIES; tries++) {
    const drawn = item.draw(r);
    if (!isSane(drawn)) continue;
    const telling = tellingAnswers(drawn);
    if (!telling.has(wanted)) continue;
    // The other options show the misconceptions that have come up least.
    const rest = r
      .shuffled([...telling.keys()])
      .filter((id) => id !== wanted && counts.get(id)! <= MOST_SHARE * (counts.get(wanted)! + 1))
      .sort((a, b) => counts.get(a)! - counts.get(b)!);
    const question = assemble(item, drawn, [wanted, ...rest.slice(0, 2)], telling, r);
    if (question === undefined) continue;
    const key = JSON.stringify([question.text, question.answers[question.correct]]);
    if (seen.has(key) || excluded.has(numbersKey(question.text, question.answers[question.correct]))) continue;
    seen.add(key);
    return question;
  }
  return undefined;
}

function assemble(
  item: Item,
  drawn: Drawn,
  ids: readonly number[],
  telling: ReadonlyMap<number, string>,
  r: Draw,
): Omit<Generated, 'questionId'> | undefined {
  const labelled = ids.map((id) => ({ id, text: telling.get(id)! }));
  const texts = [drawn.correct, ...labelled.map(({ text }) => text)];
  const extra = fillers(drawn, texts, 4 - texts.length, r);
  const options = r.shuffled([
    { id: -1, text: drawn.correct },
    ...labelled,
    ...extra.map((text) => ({ id: undefined, text })),
  ]);
  if (options.length < 4) return undefined;
  const text = wording(drawn, r);
  const [writeQuestion, writeAnswer] = writing(r);
  const answers = {} as Record<Letter, string>;
  const labels: Partial<Record<Letter, number>> = {};
  let correct: Letter = 'A';
  options.forEach(({ id, text }, i) => {
    const letter = LETTERS[i];
    answers[letter] = writeAnswer(text);
    if (id === -1) correct = letter;
    else if (id !== undefined) labels[letter] = id;
  });
  const construct = r.pick([item.construct].flat());
  const [withConstruct, withSubject] = named(r);
  return {
    item: item.name,
    constructId: withConstruct ? CONSTRUCTS.get(construct) : undefined,
    construct: withConstruct ? construct : undefined,
    subjectId: withSubject ? SUBJECTS.get(item.subject) : undefined,
    subject: withSubject ? item.subject : undefined,
    correct,
    text: writeQuestion(text),
    answers,
    labels,
  };
}

/** Whether a question has its construct, and whether it has its subject. */
function named(r: Draw): [construct: boolean, subject: boolean] {
  if (r.chance(NAMELESS[r.split])) return [false, false];
  if (r.split === 'held-out') return [true, true];
  const rest = 1 - NAMELESS.train;
  if (r.chance(NO_CONSTRUCT / rest)) return [false, true];
  return [true, !r.chance(NO_SUBJECT / (rest - NO_CONSTRUCT))];
}

/** The numbers of a question and of its correct answer: what makes it the same question in other words. */
function numbersKey(text: string, correct: string): string {
  const numbers = (s: string) => (s.replaceAll('{,}', '').match(/\d+(?:\.\d+)?/g) ?? []).map(Number);
  const asked = numbers(text);
  // Without numbers the words themselves tell questions apart.
  return asked.length === 0 ? text : JSON.stringify([asked, numbers(correct)]);
}
