/** Equations and inequalities. */
import type { Item } from '../item.ts';
import { ask, command } from '../phrasing.ts';
import { frac, list, m, n, num, rat, sum } from '../tex.ts';

const LINEAR = 'Linear Equations';
const QUADRATIC = 'Quadratic Equations';
const INEQUALITIES = 'Inequalities';

export const equations: Item[] = [
  {
    name: 'two-step equation',
    construct: ['Solve two-step equations', 'Solve linear equations'],
    subject: LINEAR,
    draw(r) {
      const x = r.letter;
      const [a, v] = [r.int(2, 9), r.int(1, 12)];
      const b = a * r.int(1, 5) * (r.chance(0.25) ? -1 : 1);
      const c = a * v + b;
      const is = (value: number, bottom = 1) => m(`${x} = ${rat(value, bottom)}`);
      const tex = `${sum([a, x], [b, ''])} = ${num(c)}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find ${m(x)} if ${m(tex)}.`,
            `${r.name} thinks of a number ${m(x)}, multiplies it by ${n(a)} and ${b > 0 ? 'adds' : 'subtracts'} ${n(Math.abs(b))}. The result is ${n(c)}. What was the number?`,
            `What value of ${m(x)} makes ${m(tex)} true?`,
            `A taxi costs ${n(a)} pounds a mile ${b > 0 ? 'plus' : 'less'} ${n(Math.abs(b))} pounds. ${m(x)} miles cost ${n(c)} pounds. What is ${m(x)}?`,
          ),
        ],
        correct: is(v),
        wrong: {
          140: is(c / a - b), // the constant left undivided
          138: is(c + b, a), // moved without the inverse
          139: is(c - b - a), // subtracts the coefficient
        },
      };
    },
  },
  {
    name: 'unknown on both sides',
    construct: ['Solve equations with the unknown on both sides', 'Solve linear equations'],
    subject: LINEAR,
    draw(r) {
      const x = r.letter;
      const c = r.int(2, 6);
      const a = c + r.int(2, 5);
      const [v, b] = [r.int(1, 12), r.int(1, 15)];
      const d = (a - c) * v + b;
      const is = (top: number, bottom = 1) => m(`${x} = ${rat(top, bottom)}`);
      const tex = `${sum([a, x], [b, ''])} = ${sum([c, x], [d, ''])}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find ${m(x)} if ${m(tex)}.`,
            `What value of ${m(x)} makes ${m(tex)} true?`,
            `Two taxis in ${r.place} charge ${m(sum([a, x], [b, '']))} and ${m(sum([c, x], [d, '']))} for ${m(x)} km. For which ${m(x)} is the fare the same?`,
            `${r.name} balances ${m(sum([a, x], [b, '']))} on one side and ${m(sum([c, x], [d, '']))} on the other. What is ${m(x)}?`,
          ),
        ],
        correct: is(v),
        wrong: {
          138: is(d + b, a - c), // moved without the inverse
          141: is(d - b, a + c), // unknown terms added
          139: is(d - b - (a - c)), // subtracts the coefficient
        },
      };
    },
  },
  {
    name: 'one-step equation',
    construct: ['Solve one-step equations', 'Solve linear equations'],
    subject: LINEAR,
    draw(r) {
      const x = r.letter;
      const b = r.int(2, 7);
      const k = r.int(2, 5);
      const a = b * k;
      const down = r.chance(0.75);
      const [coefficient, value] = down ? [a, b] : [b, a];
      const is = (top: number, bottom = 1) => m(`${x} = ${rat(top, bottom)}`);
      const tex = `${coefficient}${x} = ${value}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find ${m(x)} if ${m(tex)}.`,
            `${n(coefficient)} equal boxes weigh ${n(value)} kg in all. Solve ${m(tex)} to find the mass of one.`,
            `What value of ${m(x)} makes ${m(tex)} true?`,
            `${r.name} multiplies a number ${m(x)} by ${n(coefficient)} and gets ${n(value)}. What is the number?`,
          ),
        ],
        correct: is(value, coefficient),
        wrong: {
          142: is(Math.max(a, b), Math.min(a, b)), // larger by smaller
          139: is(value - coefficient), // subtracts the coefficient
          138: is(value * coefficient), // moved without the inverse
        },
      };
    },
  },
  {
    name: 'equation with a fraction',
    construct: ['Solve equations with fractions', 'Solve linear equations'],
    subject: LINEAR,
    draw(r) {
      const x = r.letter;
      const [a, k, b] = [r.int(2, 9), r.int(1, 9), r.int(1, 12)];
      const c = k + b;
      const is = (top: number, bottom = 1) => m(`${x} = ${rat(top, bottom)}`);
      const tex = `${frac(x, `${a}`)} + ${b} = ${c}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find ${m(x)} if ${m(tex)}.`,
            `${r.name} divides a number ${m(x)} by ${n(a)} and adds ${n(b)}. The result is ${n(c)}. What is the number?`,
            `What value of ${m(x)} makes ${m(tex)} true?`,
            `A prize of ${m(x)} pounds is shared by ${n(a)} people. Each adds ${n(b)} pounds and then has ${n(c)} pounds. What is ${m(x)}?`,
          ),
        ],
        correct: is(a * k),
        wrong: {
          138: is((c + b) * a), // moved without the inverse
          143: is(k, a), // divides again
        },
      };
    },
  },
  {
    name: 'negative unknown',
    construct: ['Solve equations with a negative unknown', 'Solve linear equations'],
    subject: LINEAR,
    draw(r) {
      const x = r.letter;
      const [a, v] = [r.int(1, 20), r.intNot(-15, 15, 0)];
      const b = a - v;
      const is = (top: number) => m(`${x} = ${num(top)}`);
      const tex = `${a} - ${x} = ${num(b)}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find ${m(x)} if ${m(tex)}.`,
            `${r.name} takes a number ${m(x)} away from ${n(a)} and gets ${n(b)}. What is the number?`,
            `What value of ${m(x)} makes ${m(tex)} true?`,
            `The temperature in ${r.place} was ${n(a)} °C. It dropped by ${m(x)} degrees to ${n(b)} °C. What is ${m(x)}?`,
          ),
        ],
        correct: is(v),
        wrong: {
          144: is(-v), // the minus sign lost
          138: is(-(b + a)), // moved without the inverse
        },
      };
    },
  },
  {
    name: 'unknown squared',
    construct: ['Solve quadratic equations', 'Solve equations by taking square roots'],
    subject: QUADRATIC,
    draw(r) {
      const x = r.letter;
      const [a, b] = [r.int(2, 13), r.pick([0, 0, r.int(1, 20)])];
      const tex = b === 0 ? `${x}^2 = ${a * a}` : `${x}^2 + ${b} = ${a * a + b}`;
      const half = num((a * a) / 2);
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `Find every ${m(x)} with ${m(tex)}.`,
            `${r.name} wants all the solutions of ${m(tex)}. Which are they?`,
            `For which values of ${m(x)} is ${m(tex)}?`,
            `What are the solutions of ${m(tex)}?`,
          ),
        ],
        correct: `${m(`${x} = ${a}`)} or ${m(`${x} = -${a}`)}`,
        wrong: {
          145: `${m(`${x} = ${a}`)} only`, // the positive solution alone
          53: m(`${x} = ${half}`), // half as the root
        },
        others: [m(`${x} = ${2 * a * a}`), `${m(`${x} = -${a}`)} only`, m(`${x} = ${a * a}`)],
      };
    },
  },
  {
    name: 'factorised quadratic',
    construct: ['Solve quadratic equations', 'Solve factorised quadratic equations'],
    subject: QUADRATIC,
    draw(r) {
      const x = r.letter;
      const p = r.intNot(-9, 9, 0);
      const q = r.intNot(-9, 9, 0, p, -p);
      const tex = `(${sum([1, x], [p, ''])})(${sum([1, x], [q, ''])}) = 0`;
      const are = (u: number, v: number) => `${m(`${x} = ${u}`)} or ${m(`${x} = ${v}`)}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `What are the solutions of ${m(tex)}?`,
            `${r.name} reads the solutions off ${m(tex)}. What are they?`,
            `For which values of ${m(x)} is ${m(tex)}?`,
            `A curve is ${m(`y = ${tex.replace(' = 0', '')}`)}. Where is ${m('y = 0')}?`,
          ),
        ],
        correct: are(-p, -q),
        wrong: {
          146: are(p, q), // signs unchanged
        },
        others: [are(-p, q), are(p, -q), m(`${x} = 0`), m(`${x} = ${p * q}`)],
      };
    },
  },
  {
    name: 'integers that satisfy an inequality',
    construct: ['List integers that satisfy an inequality', 'Understand inequality signs'],
    subject: INEQUALITIES,
    draw(r) {
      const x = r.letter;
      const low = r.int(-8, 6);
      const high = low + r.int(3, 6);
      const openLow = r.chance(0.5);
      const [left, right] = openLow ? ['<', '\\leq'] : ['\\leq', '<'];
      const between = (from: number, to: number) => m(list(Array.from({ length: to - from + 1 }, (_, i) => from + i)));
      const [from, to] = openLow ? [low + 1, high] : [low, high - 1];
      const tex = m(`${low} ${left} ${x} ${right} ${high}`);
      return {
        ask: ask(
          `Which list has all of the integers ${m(x)} for which ${tex}?`,
          `List the whole numbers ${m(x)} with ${tex}.`,
          `${r.name} writes down all integers that satisfy ${tex}. Which are they?`,
          `Which integers satisfy ${tex}?`,
          `${m(x)} is a whole number and ${tex}. Which values can it have?`,
          `Give the integer solutions of ${tex}.`,
        ),
        correct: between(from, to),
        wrong: {
          148: between(openLow ? from - 1 : from, openLow ? to : to + 1), // the strict end too
          149: between(openLow ? from : from + 1, openLow ? to - 1 : to), // the allowed end not
        },
        others: [
          between(openLow ? from - 1 : from + 1, openLow ? to - 1 : to + 1),
          between(from - 2, to),
          between(from, to + 2),
        ],
      };
    },
  },
  {
    name: 'solve an inequality',
    construct: ['Solve linear inequalities', 'Solve inequalities with a negative coefficient'],
    subject: INEQUALITIES,
    draw(r) {
      const x = r.letter;
      const [b, v, a] = [r.int(2, 6), r.intNot(-8, 8, 0), r.int(1, 20)];
      const simple = r.chance(0.3);
      const c = simple ? -b * v : a - b * v;
      const sign = r.pick(['<', '\\leq', '>', '\\geq']);
      const flip: Record<string, string> = { '<': '>', '>': '<', '\\leq': '\\geq', '\\geq': '\\leq' };
      const is = (s: string, value: number) => m(`${x} ${s} ${value}`);
      const tex = `${simple ? '' : `${a} `}${simple ? '-' : '- '}${b}${x} ${sign} ${c}`;
      return {
        ask: [
          ...command(r, 'Solve', tex),
          ...ask(
            `For which ${m(x)} is ${m(tex)}?`,
            `${r.name} solves the inequality ${m(tex)}. What is the solution?`,
            `Find the values of ${m(x)} with ${m(tex)}.`,
            `What is the solution set of ${m(tex)}?`,
          ),
        ],
        correct: is(flip[sign], v),
        wrong: {
          147: is(sign, v), // not reversed
          144: is(sign, -v), // the minus sign lost
        },
        others: [is(flip[sign], -v), m(`${x} = ${v}`)],
      };
    },
  },
];
