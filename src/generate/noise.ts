/**
 * Word noise for training: ordinary words of a question are left out or give way to others, as in a question typed in a
 * hurry, so that its topic is read from numbers, operation and answers. Which words may go is listed; a word that decides
 * what is asked is in no list (noise.test.ts).
 */
import type { Draw } from './draw.ts';
import { keepingMaths, MATHS } from './maths.ts';
import { SETTINGS } from './settings.ts';

/** Words that a question is understood without. */
export const LEFT_OUT: readonly string[] = [
  ...['a', 'an', 'the', 'is', 'are', 'was', 'were', 'has', 'does', 'do', 'there', 'now', 'then', 'this', 'these'],
  ...['its', 'their', 'it', 'they', 'here', 'just', 'own', 'can', 'you', 'your', 'asked', 'should', 'be'],
  ...['exercise', 'says', 'while', 'please', 'some'],
  // Verbs that the numbers beside them stand without.
  ...['writes', 'draws', 'puts', 'looks', 'buys', 'holds', 'paints', 'eats', 'drives', 'travels', 'rides', 'commutes'],
  ...['motors', 'thinks', 'wants', 'sells', 'finds', 'builds', 'stands', 'leans', 'cycles', 'knows', 'plays'],
];

/** Ordinary words, and what may stand for each: mostly something vaguer. */
export const VAGUER: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(SETTINGS.flatMap(({ vaguer, list }) => list.map((word) => [word, vaguer]))),
  board: ['screen', 'paper', 'page', 'tablecloth', 'card'],
  book: ['pad', 'folder', 'notebook', 'file'],
  writes: ['types', 'has', 'copies', 'sees'],
  sees: ['reads', 'meets', 'has'],
  asked: ['told', 'invited', 'ready'],
  says: ['reads', 'goes', 'is'],
  answer: ['result', 'outcome', 'solution'],
  question: ['problem', 'task', 'exercise', 'thing'],
  looks: ['peers', 'stares'],
  shows: ['has', 'gives', 'presents'],
  makes: ['builds', 'prepares', 'produces'],
  puts: ['places', 'lays', 'sets'],
  wants: ['likes', 'tries', 'wishes'],
  needs: ['wants'],
  buys: ['gets', 'finds', 'chooses'],
  sells: ['offers', 'has'],
  costs: ['is', 'goes for'],
  holds: ['has', 'keeps'],
  drives: ['goes', 'travels', 'moves'],
  rides: ['goes', 'travels', 'moves'],
  walks: ['goes', 'moves', 'wanders'],
  paints: ['makes', 'colours'],
  eats: ['uses', 'gets'],
  journey: ['trip', 'way', 'outing'],
  today: ['now', 'lately'],
  sketches: ['has', 'shows'],
  counts: ['sees', 'notes', 'has'],
  find: ['get', 'give', 'seek'],
};

const DROPPED = 0.1;
const SWAPPED = 0.25;
const TRIES = 4;

const DROPPABLE = new Set(LEFT_OUT);
const KNOWN = new RegExp(
  `(?<![\\p{L}\\d'’-])(?:${[...new Set([...LEFT_OUT, ...Object.keys(VAGUER)])].sort((a, b) => b.length - a.length).join('|')})(?![\\p{L}\\d'’-])`,
  'gu',
);

/** An article before a vaguer noun, which may have been another noun's. */
const ARTICLE = new RegExp(
  `(?<![\\p{L}\\d'’-])an? (${SETTINGS.flatMap(({ vaguer }) => vaguer).join('|')})(?!\\p{L})`,
  'gu',
);

/** The text with some of its ordinary words gone or changed; those that options or its mathematics have stay. */
export function withNoise(text: string, options: readonly string[], r: Draw): string {
  // A short text has few words that may change: it is given some more chances.
  for (let tries = 1; tries < TRIES; tries++) {
    const noisy = once(text, options, r);
    if (noisy !== text) return noisy;
  }
  return once(text, options, r);
}

function once(text: string, options: readonly string[], r: Draw): string {
  const inOptions = new Set(
    [...options, ...(text.match(MATHS) ?? [])]
      .join(' ')
      .toLowerCase()
      .match(/\p{L}+/gu),
  );
  // A word is the same thing wherever it stands: a swap is decided once.
  const instead = new Map<string, string>();
  const swapFor = (word: string, vaguer: readonly string[]): string => {
    const other = r.pick(vaguer);
    // Two things must not become one.
    return text.includes(other) || [...instead.values()].includes(other) ? word : other;
  };
  return keepingMaths(text, (plain) =>
    plain
      .replace(KNOWN, (word) => {
        const vaguer = VAGUER[word];
        if (vaguer && !inOptions.has(word)) {
          if (!instead.has(word)) instead.set(word, r.chance(SWAPPED) ? swapFor(word, vaguer) : word);
          if (instead.get(word) !== word) return instead.get(word)!;
        }
        return DROPPABLE.has(word) && !inOptions.has(word) && r.chance(DROPPED) ? '' : word;
      })
      .replace(ARTICLE, (_, word: string) => `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`)
      .replace(/ {2,}/g, ' ')
      .replace(/ +([.,?:])/g, '$1')
      .trim(),
  );
}
