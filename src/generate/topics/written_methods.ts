/** Written methods for whole numbers: columns, long multiplication, division with a remainder. */
import { THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask, workOut } from '../phrasing.ts';
import { display, m, n, num } from '../tex.ts';

/** Digits of a whole number, units first, filled up to `length`. */
export const digitsOf = (x: number, length: number): number[] =>
  Array.from({ length }, (_, i) => Math.floor(x / 10 ** i) % 10);

/** A number from digits, units first. */
export const fromDigits = (digits: readonly number[]): number =>
  digits.reduce((total, digit, i) => total + digit * 10 ** i, 0);

const columns = (a: number, b: number, length: number) => {
  const [x, y] = [digitsOf(a, length), digitsOf(b, length)];
  return x.map((top, i) => [top, y[i]] as const);
};

/** Column by column with no ten carried to the next. */
export const addWithoutCarrying = (a: number, b: number, length: number): number =>
  fromDigits(columns(a, b, length).map(([x, y]) => (x + y) % 10));

/** The totals of all columns side by side. */
const addColumnTotals = (a: number, b: number, length: number): number =>
  Number(
    columns(a, b, length)
      .map(([x, y]) => x + y)
      .toReversed()
      .join(''),
  );

/** The smaller digit from the larger in every column. */
export const subtractSmallerDigits = (a: number, b: number, length: number): number =>
  fromDigits(columns(a, b, length).map(([x, y]) => Math.abs(x - y)));

/** Tens are exchanged, and the column that they come from is left as it was. */
export const exchangeWithoutReducing = (a: number, b: number, length: number): number =>
  fromDigits(columns(a, b, length).map(([x, y]) => (x < y ? x + 10 - y : x - y)));

const column = (a: number, sign: string, b: number) =>
  display(`\\begin{array}{r} ${num(a)} \\\\ ${sign}\\,${num(b)} \\\\ \\hline \\square \\end{array}`);

export const writtenMethods: Item[] = [
  {
    name: 'add in columns',
    construct: ['Add whole numbers in columns', 'Add whole numbers with a written method'],
    subject: 'Written Methods',
    draw(r) {
      const length = r.pick([2, 3, 3, 3, 4]);
      const [a, b] = [r.int(10 ** (length - 1), 10 ** length - 1), r.int(10 ** (length - 1), 10 ** length - 1)];
      const things = r.word(THINGS);
      const [one, two] = r.pair;
      return {
        ask: [
          ...workOut(r, `${num(a)} + ${num(b)}`),
          ...ask(
            `${one} has ${n(a)} ${things} and ${two} has ${n(b)}. How many do they have altogether?`,
            `Find the total.${column(a, '+', b)}`,
            `A shop sells ${n(a)} ${things} in March and ${n(b)} in April. How many is that in both months?`,
            `Add ${n(a)} and ${n(b)}.`,
            `${one} sets out this column addition. What is the missing answer?${column(a, '+', b)}`,
            `${n(a)} people visit a museum in ${r.place} on Saturday and ${n(b)} on Sunday. How many visit over the weekend?`,
          ),
        ],
        correct: n(a + b),
        wrong: {
          8: n(addWithoutCarrying(a, b, length)), // drops the carried ten
          9: n(addColumnTotals(a, b, length)), // writes whole column totals
        },
      };
    },
  },
  {
    name: 'subtract in columns',
    construct: ['Subtract whole numbers in columns', 'Subtract whole numbers with a written method'],
    subject: 'Written Methods',
    draw(r) {
      const length = r.pick([2, 3, 3, 3, 4]);
      const b = r.int(10 ** (length - 1), 8 * 10 ** (length - 1));
      const a = r.int(b + 1, 10 ** length - 1);
      const things = r.word(THINGS);
      const name = r.name;
      return {
        ask: [
          ...workOut(r, `${num(a)} - ${num(b)}`),
          ...ask(
            `${name} has ${n(a)} ${things} and gives away ${n(b)}. How many are left?`,
            `Find the missing answer.${column(a, '-', b)}`,
            `A theatre in ${r.place} has ${n(a)} seats. ${n(b)} are taken. How many are free?`,
            `Subtract ${n(b)} from ${n(a)}.`,
            `${name} sets out this column subtraction. What should the answer be?${column(a, '-', b)}`,
            `How much more is ${n(a)} than ${n(b)}?`,
            `There were ${n(a)} ${things} in stock this morning, and ${n(b)} were sold. How many remain?`,
          ),
        ],
        correct: n(a - b),
        wrong: {
          7: n(subtractSmallerDigits(a, b, length)), // smaller digit from larger
          10: n(exchangeWithoutReducing(a, b, length)), // exchanges, takes nothing off the next column
        },
      };
    },
  },
  {
    name: 'multiply two-digit numbers',
    construct: ['Multiply two-digit numbers', 'Use long multiplication'],
    subject: 'Written Methods',
    draw(r) {
      const [a, b] = [r.intNot(12, 89, 20, 30, 40, 50, 60, 70, 80), r.intNot(12, 89, 20, 30, 40, 50, 60, 70, 80)];
      const [ta, ua, tb, ub] = [a - (a % 10), a % 10, b - (b % 10), b % 10];
      const things = r.word(THINGS);
      return {
        ask: [
          ...workOut(r, `${a} \\times ${b}`),
          ...ask(
            `${m(`${a}`)} crates hold ${m(`${b}`)} ${things} each. How many ${things} are there?`,
            `A hall in ${r.place} has ${m(`${a}`)} rows of ${m(`${b}`)} seats. How many seats does it have?`,
            `Multiply ${m(`${a}`)} by ${m(`${b}`)}.`,
            `${r.name} saves ${m(`${a}`)} pence a day for ${m(`${b}`)} days. How many pence is that?`,
            `Use long multiplication to find ${m(`${b} \\times ${a}`)}.`,
            `Each of ${m(`${a}`)} pupils plants ${m(`${b}`)} seeds. How many seeds are planted?`,
          ),
        ],
        correct: n(a * b),
        wrong: {
          11: n(a * ub + a * (tb / 10)), // no zero in the row of the tens
          12: n(ta * tb + ua * ub), // no cross products
        },
      };
    },
  },
  {
    name: 'divide with a remainder',
    construct: ['Divide whole numbers', 'Write the answer to a division as a decimal'],
    subject: 'Written Methods',
    draw(r) {
      const b = r.pick([4, 5, 8, 20, 25]);
      const whole = r.int(3, 40);
      const rest = r.int(1, Math.min(b, 10) - 1);
      const a = whole * b + rest;
      const things = r.word([
        'litres of water',
        'metres of rope',
        'pounds',
        'kilograms of rice',
        'euros',
        'kilometres',
        'dollars',
        'grams of gold',
        'hours of work',
        'acres',
      ]);
      return {
        ask: [
          ...workOut(r, `${a} \\div ${b}`),
          ...ask(
            `${m(`${a}`)} ${things} are shared equally between ${m(`${b}`)} people. How much does each get?`,
            `Write ${m(`${a} \\div ${b}`)} as a decimal.`,
            `${r.name} splits ${m(`${a}`)} ${things} into ${m(`${b}`)} equal parts. How large is one part?`,
            `Divide ${m(`${a}`)} by ${m(`${b}`)}.`,
            `Share ${m(`${a}`)} ${things} among ${m(`${b}`)} villages near ${r.place}. What does each village receive?`,
            `A total of ${m(`${a}`)} ${things} is divided into ${m(`${b}`)} equal lots. Give the size of a lot as a decimal.`,
          ),
        ],
        correct: n(a / b),
        wrong: {
          13: m(`${whole}.${rest}`), // the remainder as the decimal part
        },
      };
    },
  },
];
