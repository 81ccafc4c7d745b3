/** Expressions: collecting terms, expanding, factorising. */
import type { Item } from '../item.ts';
import { ask, command } from '../phrasing.ts';
import { gcd } from '../rational.ts';
import { frac, m, n, num, power, sum } from '../tex.ts';

const SIMPLIFYING = 'Simplifying Expressions';
const EXPANDING = 'Expanding Brackets';
const FACTORISING = 'Factorising';

/** (x + p)(x + q) as it is written. */
const brackets = (x: string, p: number, q: number): string => `(${sum([1, x], [p, ''])})(${sum([1, x], [q, ''])})`;

export const algebra: Item[] = [
  {
    name: 'collect like terms',
    construct: ['Collect like terms', 'Simplify expressions by collecting like terms'],
    subject: SIMPLIFYING,
    draw(r) {
      const [x, y] = r.pick([
        ['a', 'b'],
        ['x', 'y'],
        ['p', 'q'],
        ['m', 'n'],
        ['c', 'd'],
        ['s', 't'],
        ['g', 'h'],
      ]);
      const a = r.int(3, 15);
      const c = r.int(2, a - 1);
      const b = r.int(2, 12);
      const tex = sum([a, x], [b, y], [-c, x]);
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Collect like terms: ${m(tex)}.`,
            `A path has sides of these lengths: ${m(`${a}${x}`)}, ${m(`${b}${y}`)} and then back ${m(`${c}${x}`)}. Simplify ${m(tex)}.`,
            `Write ${m(tex)} as simply as possible.`,
            `${r.name} collects the like terms of ${m(tex)}. What is left?`,
          ),
        ],
        correct: m(sum([a - c, x], [b, y])),
        wrong: {
          121: m(`${a + b - c}${x}${y}`), // one term of all
          131: m(sum([a + c, x], [b, y])), // the minus sign ignored
          123: m(sum([a - c, `${x}^2`], [b, y])), // powers added too
        },
      };
    },
  },
  {
    name: 'join unlike terms',
    construct: ['Collect like terms', 'Simplify expressions by collecting like terms'],
    subject: SIMPLIFYING,
    draw(r) {
      const [x, y] = r.pick([
        ['a', 'b'],
        ['x', 'y'],
        ['p', 'q'],
        ['m', 'n'],
        ['c', 'd'],
        ['s', 't'],
        ['g', 'h'],
      ]);
      const [a, b, c] = [r.int(2, 12), r.int(2, 12), r.int(2, 9)];
      const tex = sum([a, x], [b, y], [c, x]);
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Collect like terms: ${m(tex)}.`,
            `${r.name} buys ${n(a)} pens at ${m(x)} pence, ${n(b)} rulers at ${m(y)} pence and ${n(c)} more pens. Simplify the cost ${m(tex)}.`,
            `Write ${m(tex)} in its simplest form.`,
            `What is ${m(tex)} with like terms collected?`,
          ),
        ],
        correct: m(sum([a + c, x], [b, y])),
        wrong: {
          121: m(`${a + b + c}${x}${y}`), // one term of all
          123: m(sum([a + c, `${x}^2`], [b, y])), // powers added too
        },
      };
    },
  },
  {
    name: 'expand a single bracket',
    construct: ['Expand a single bracket', 'Multiply out a bracket'],
    subject: EXPANDING,
    draw(r) {
      const x = r.letter;
      const a = r.int(2, 9) * (r.chance(0.55) ? -1 : 1);
      const c = r.pick([1, 1, 1, 2, 3, 5]);
      const b = r.int(1, 12) * (r.chance(0.6) ? -1 : 1);
      const tex = `${a}(${sum([c, x], [b, ''])})`;
      return {
        ask: [
          ...command(r, r.pick(['Expand', 'Multiply out']), tex),
          ...ask(
            `Write ${m(tex)} without brackets.`,
            `Remove the brackets from ${m(tex)}.`,
            `Which expression is equal to ${m(tex)}?`,
            `${r.name} multiplies out ${m(tex)}. What is the result?`,
          ),
        ],
        correct: m(sum([a * c, x], [a * b, ''])),
        wrong: {
          124: m(sum([a * c, x], [b, ''])), // only the first term
          126: a < 0 ? m(sum([a * c, x], [Math.abs(a) * b, ''])) : undefined, // the sign inside kept
        },
      };
    },
  },
  {
    name: 'square a bracket',
    construct: ['Expand double brackets', 'Expand the square of a bracket'],
    subject: EXPANDING,
    draw(r) {
      const x = r.letter;
      const [a, b, c] = [r.int(1, 9), r.int(1, 9), r.int(1, 9)];
      const form = r.int(0, 2);
      const [square, double] = [`(${x} + ${a})^2`, brackets(x, b, c)];
      const tex = [square, double, `${square} + ${double}`][form];
      const verb = form === 2 ? 'Expand and simplify' : 'Expand';
      const trinomial = (k: number, p: number, q: number) => m(sum([k, `${x}^2`], [p, x], [q, '']));
      return {
        ask: [
          ...command(r, verb, tex),
          ...ask(
            `Write ${m(tex)} without brackets.`,
            `Multiply out ${m(tex)}.`,
            `Which expression is equal to ${m(tex)}?`,
            `${r.name} expands ${m(tex)} and collects like terms. What is the result?`,
          ),
        ],
        correct: [trinomial(1, 2 * a, a * a), trinomial(1, b + c, b * c), trinomial(2, 2 * a + b + c, a * a + b * c)][
          form
        ],
        wrong: {
          125: form === 1 ? undefined : form === 0 ? trinomial(1, 0, a * a) : trinomial(2, b + c, a * a + b * c), // each term squared
          127: form === 0 ? undefined : form === 1 ? trinomial(1, 0, b * c) : trinomial(2, 2 * a, a * a + b * c), // first and last terms only
        },
      };
    },
  },
  {
    name: 'factorise into a single bracket',
    construct: ['Factorise into a single bracket', 'Take out a common factor'],
    subject: FACTORISING,
    draw(r) {
      const x = r.letter;
      const k = r.pick([4, 6, 8, 9, 10, 12, 14, 15]);
      let [p, q] = r.ints(2, 2, 9);
      while (gcd(p, q) !== 1) [p, q] = r.ints(2, 2, 9);
      const [a, b] = [k * p, k * q];
      const small = [2, 3, 5, 7].find((d) => k % d === 0)!;
      const tex = sum([a, x], [b, '']);
      const out = (f: number, s: number, t: number) => m(`${f}(${sum([s, x], [t, ''])})`);
      return {
        ask: [
          ...command(r, 'Factorise fully', tex),
          ...ask(
            `Factorise ${m(tex)} completely.`,
            `Take the highest common factor out of ${m(tex)}.`,
            `Which is the complete factorisation of ${m(tex)}?`,
            `${r.name} writes ${m(tex)} with the largest possible number outside a bracket. What is it?`,
          ),
        ],
        correct: out(k, p, q),
        wrong: {
          132: out(k, p, b), // only the first term divided
          133: out(small, a / small, b / small), // not the highest factor
          121: m(`${a + b}${x}`), // one term of all
        },
      };
    },
  },
  {
    name: 'power of a term',
    construct: ['Use the laws of indices with coefficients', 'Raise a term to a power'],
    subject: 'Indices',
    draw(r) {
      const x = r.letter;
      const [a, i, k] = [r.int(2, 6), r.int(2, 7), r.int(2, 3)];
      const tex = `(${a}${power(x, i)})^${k}`;
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Write ${m(tex)} without brackets.`,
            `${r.name} removes the bracket in ${m(tex)}. What is the result?`,
            `Which term is equal to ${m(tex)}?`,
            `A cube or square has a side of ${m(`${a}${power(x, i)}`)}. What is ${m(tex)}?`,
          ),
        ],
        correct: m(`${a ** k}${power(x, i * k)}`),
        wrong: {
          134: m(`${a}${power(x, i * k)}`), // the power on the letter only
          51: m(`${a ** k}${power(x, i + k)}`), // indices added
          45: m(`${a * k}${power(x, i * k)}`), // base times index
        },
      };
    },
  },
  {
    name: 'algebraic fraction',
    construct: ['Simplify algebraic fractions', 'Divide an expression by a number'],
    subject: SIMPLIFYING,
    draw(r) {
      const x = r.letter;
      const [a, k] = [r.int(2, 9), r.int(2, 9)];
      const c = r.pick([1, 1, 2, 3]);
      const tex = frac(sum([a * c, x], [a * k, '']), `${a}`);
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Write ${m(tex)} without a fraction.`,
            `Divide ${m(sum([a * c, x], [a * k, '']))} by ${n(a)}.`,
            `Which expression is equal to ${m(tex)}?`,
            `${r.name} simplifies ${m(tex)} to an expression without a denominator. Which?`,
          ),
        ],
        correct: m(sum([c, x], [k, ''])),
        wrong: {
          30: m(sum([a * c, x], [k, ''])), // only the last term divided
          135: m(sum([c, x], [a * k, ''])), // cancelled with the first term only
          121: m(`${num(c + k)}${x}`), // one term of all
        },
      };
    },
  },
  {
    name: 'factorise a quadratic',
    construct: ['Factorise quadratic expressions', 'Factorise quadratics into two brackets'],
    subject: FACTORISING,
    draw(r) {
      const x = r.letter;
      const p = r.intNot(-9, 9, 0);
      const q = r.intNot(-9, 9, 0, p, -p);
      const tex = sum([1, `${x}^2`], [p + q, x], [p * q, '']);
      return {
        ask: [
          ...command(r, 'Factorise', tex),
          ...ask(
            `Write ${m(tex)} as a product of two brackets.`,
            `Which pair of brackets multiplies out to ${m(tex)}?`,
            `${r.name} factorises ${m(tex)}. What should the brackets be?`,
            `Put ${m(tex)} into two brackets.`,
          ),
        ],
        correct: m(brackets(x, p, q)),
        wrong: {
          136: m(brackets(x, -p, -q)), // signs swapped
        },
        others: [
          m(brackets(x, p, q + 1)),
          m(brackets(x, p * q, 1)),
          m(brackets(x, p + q, p * q)),
          m(`${x}(${sum([1, x], [p + q + p * q, ''])})`),
        ],
      };
    },
  },
  {
    name: 'difference of two squares',
    construct: ['Factorise the difference of two squares', 'Factorise quadratic expressions'],
    subject: FACTORISING,
    draw(r) {
      const x = r.letter;
      const a = r.int(2, 15);
      const tex = `${x}^2 - ${a * a}`;
      return {
        ask: [
          ...command(r, 'Factorise', tex),
          ...ask(
            `Write ${m(tex)} as a product of two brackets.`,
            `Which pair of brackets multiplies out to ${m(tex)}?`,
            `${r.name} sees that ${m(tex)} is a difference of two squares. How does it factorise?`,
            `Put ${m(tex)} into brackets.`,
          ),
        ],
        correct: m(`(${x} + ${a})(${x} - ${a})`),
        wrong: {
          137: m(`(${x} - ${a})^2`), // the square of one bracket
          53: a % 2 === 0 ? m(`(${x} + ${(a * a) / 2})(${x} - ${(a * a) / 2})`) : undefined, // half as the root
        },
        others: [m(`(${x} + ${a})^2`), m(`${x}(${x} - ${a * a})`), m(`(${x} + ${a * a})(${x} - 1)`)],
      };
    },
  },
];
