/** One ranked wrong answer as text: the question, and two rankings side by side, wrapped to the terminal. Pure. */
import type { Pair } from '../data/questions.ts';
import type { Taxonomy } from '../data/taxonomy.ts';

/** The top of a ranking, and the place of the labelled misconception in all of it, from 1. */
export interface Listed {
  top: { id: number; name: string }[];
  place: number;
}

/** Columns between the two rankings, and in front of everything but the first line. */
const GAP = 3;

/** The block of example `number`, at most `width` columns wide. */
export function example(
  number: number,
  pair: Pair,
  { ids, names }: Taxonomy,
  model: string,
  { model: left, words: right }: { model: Listed; words: Listed },
  width: number,
): string {
  const { question, answer, label } = pair;
  const indent = ' '.repeat(GAP);
  const column = Math.floor((width - 2 * GAP) / 2);
  const answers = `correct: ${readable(question.answers[question.correct])}   chosen: ${readable(question.answers[answer])}`;
  const behind = `behind it (${label}): ${names[ids.indexOf(label!)]}`;
  const place = (l: Listed) => `right one at place ${l.place} of ${ids.length}`;
  const lines = [
    ...wrap(readable(question.text), width - GAP).map((line, i) => (i ? indent : `${number}. `.padEnd(GAP)) + line),
    indent + answers,
    ...wrap(behind, width - GAP).map((line) => indent + line),
    '',
    ...beside([`${model}: ${place(left)}`], [`TF-IDF: ${place(right)}`], column),
    ...left.top.flatMap((item, i) => beside(row(i, item, label, column), row(i, right.top[i], label, column), column)),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A place with its misconception; the labelled one is marked. */
function row(i: number, { id, name }: Listed['top'][number], label: number | undefined, column: number): string[] {
  const head = `${i + 1}${id === label ? '*' : ' '} `.padEnd(3);
  return wrap(`${name} (${id})`, column - head.length).map((line, l) => (l ? ' '.repeat(head.length) : head) + line);
}

/** Two blocks of lines, each wrapped to `column`, next to each other. */
function beside(left: readonly string[], right: readonly string[], column: number): string[] {
  const [a, b] = [left, right].map((block) =>
    block.flatMap((line) => (line.length > column ? wrap(line, column) : [line])),
  );
  const gap = ' '.repeat(GAP);
  return Array.from(
    { length: Math.max(a.length, b.length) },
    (_, i) => gap + (a[i] ?? '').padEnd(column) + gap + (b[i] ?? ''),
  );
}

/** Words in lines of at most `width` columns; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}

/** LaTeX as a terminal can show it: fractions with a slash, thousands closed up, no delimiters. */
export const readable = (latex: string): string =>
  latex
    .replace(/\\[()[\]]/g, '')
    .replace(/\\d?frac\{([^{}]*)\}\{([^{}]*)\}/g, '$1/$2')
    .replaceAll('{,}', ',')
    .replaceAll('\\times', '×')
    .replaceAll('\\div', '÷');
