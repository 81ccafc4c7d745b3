/** Powers, roots, surds and standard form. */
import type { Item } from '../item.ts';
import { ask, command, workOut } from '../phrasing.ts';
import { frac, m, n, num, power } from '../tex.ts';

const INDICES = 'Indices';
const LAWS = ['Use the laws of indices', 'Apply the index laws'];

export const powers: Item[] = [
  {
    name: 'evaluate a power',
    construct: ['Evaluate powers', 'Work out powers of whole numbers'],
    subject: INDICES,
    draw(r) {
      const a = r.int(2, 9);
      const k = r.int(2, a > 5 ? 3 : 4);
      return {
        ask: [
          ...workOut(r, power(a, k)),
          ...ask(
            `What is ${n(a)} to the power of ${n(k)}?`,
            `Evaluate ${m(power(a, k))}.`,
            `${r.name} keys in ${m(power(a, k))}. What appears?`,
            `Write ${m(power(a, k))} as an ordinary number.`,
          ),
        ],
        correct: n(a ** k),
        wrong: {
          45: n(a * k), // base times index
        },
      };
    },
  },
  {
    name: 'power zero',
    construct: ['Evaluate powers', 'Know the meaning of the power zero'],
    subject: INDICES,
    draw(r) {
      const [a, b, k] = [r.int(2, 15), r.int(3, 6), r.int(2, 3)];
      const alone = r.chance(0.4);
      const rest = alone ? 0 : b ** k;
      const tex = alone ? `${a}^0` : r.chance(0.5) ? `${a}^0 + ${b}^${k}` : `${b}^${k} + ${a}^0`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} has to evaluate ${m(tex)}. What is its value?`,
            `What number is ${m(tex)}?`,
            `Write ${m(tex)} as a whole number.`,
          ),
        ],
        correct: n(1 + rest),
        wrong: {
          46: n(rest), // power zero is zero
          47: n(a + rest), // power zero is the number itself
          45: alone ? undefined : n(b * k), // base times index, in both powers
        },
      };
    },
  },
  {
    name: 'negative index',
    construct: ['Evaluate negative indices', 'Know the meaning of a negative power'],
    subject: INDICES,
    draw(r) {
      const [a, k] = [r.int(2, 10), r.int(1, 3)];
      return {
        ask: [
          ...workOut(r, `${a}^{-${k}}`),
          ...ask(
            `Write ${m(`${a}^{-${k}}`)} as a fraction or a whole number.`,
            `Evaluate ${m(`${a}^{-${k}}`)}.`,
            `What is ${n(a)} to the power ${n(-k)}?`,
            `${r.name} needs the value of ${m(`${a}^{-${k}}`)}. What is it?`,
          ),
        ],
        correct: m(frac(1, a ** k)),
        wrong: {
          48: n(-(a ** k)), // a negative value
          45: n(-a * k), // base times index
        },
        others: [n(a ** k), m(frac(k, a)), m(frac(1, a * k + 1)), m(frac(a, k + 1))],
      };
    },
  },
  {
    name: 'multiply powers',
    construct: LAWS,
    subject: INDICES,
    draw(r) {
      const numeric = r.chance(0.6);
      const base = numeric ? `${r.int(2, 9)}` : r.letter;
      const [i, j] = [r.int(2, 9), r.int(2, 9)];
      const tex = `${power(base, i)} \\times ${power(base, j)}`;
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Write ${m(tex)} as a single power.`,
            `Write ${m(tex)} as one power of ${m(base)}.`,
            `Which single power is equal to ${m(tex)}?`,
            `${r.name} multiplies ${m(power(base, i))} by ${m(power(base, j))}. Which power is the product?`,
          ),
        ],
        correct: m(power(base, i + j)),
        wrong: {
          49: m(power(base, i * j)), // multiplies the indices
          52: numeric ? m(power(Number(base) ** 2, i + j)) : undefined, // multiplies the bases too
        },
        others: [
          m(power(base, i + j + 1)),
          m(`${2}${power(base === '2' ? '(2)' : base, i + j)}`.replace(/^2(\d)/, '2 \\times $1')),
          m(power(base, Math.abs(i - j) + 1)),
          m(power(base, i * j + 1)),
        ],
      };
    },
  },
  {
    name: 'divide powers and powers of powers',
    construct: LAWS,
    subject: INDICES,
    draw(r) {
      const base = r.chance(0.4) ? `${r.int(2, 9)}` : r.letter;
      const k = r.int(2, 5);
      const [i, j] = [r.int(2, 5), r.int(2, 5)];
      const form = r.int(0, 2);
      const top = k * r.int(2, 5);
      const tex = [
        `${power(base, top)} \\div ${power(base, k)}`,
        `(${power(base, i)})^${j}`,
        frac(`(${power(base, i * k)})^${j}`, power(base, k)),
      ][form];
      return {
        ask: [
          ...command(r, 'Simplify', tex),
          ...ask(
            `Write ${m(tex)} as a single power.`,
            `Which power of ${m(base)} is ${m(tex)}?`,
            `${r.name} writes ${m(tex)} as one power. Which one?`,
            `Express ${m(tex)} as a single power of ${m(base)}.`,
          ),
        ],
        correct: m(power(base, [top - k, i * j, i * k * j - k][form])),
        wrong: {
          50: form === 1 ? undefined : m(power(base, [top / k, 0, i * j][form])), // divides the indices
          51: form === 0 ? undefined : m(power(base, [0, i + j, i * k + j - k][form])), // adds the indices
        },
        others: [1, 2, 3, 4].map((e) => m(power(base, [top - k, i * j, i * k * j - k][form] + e))),
      };
    },
  },
  {
    name: 'square and cube roots',
    construct: ['Evaluate square roots', 'Evaluate square and cube roots'],
    subject: 'Roots and Surds',
    draw(r) {
      const cube = r.chance(0.45);
      const a = cube ? r.pick([2, 3, 4, 5, 6, 10]) : r.int(3, 15);
      const x = cube ? a ** 3 : a ** 2;
      const extra = cube ? r.int(0, 9) : 0;
      const tex = `${cube ? '\\sqrt[3]' : '\\sqrt'}{${num(x)}}${extra ? ` + ${extra}` : ''}`;
      const third = (x / 3) % 1 === 0 ? n(x / 3 + extra) : undefined;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            ...(extra
              ? [`${r.name} finds ${m(tex)}. What is it?`]
              : [`What is the positive ${cube ? 'cube' : 'square'} root of ${n(x)}?`]),
            cube && !extra
              ? `A cube has a volume of ${n(x)} cm\\(^3\\). How long is an edge, in cm?`
              : `Which number is ${m(tex)}?`,
            `${r.name} says that ${m(tex)} is a whole number. Which one?`,
          ),
        ],
        correct: n(a + extra),
        wrong: {
          53: cube ? undefined : n(x / 2), // halves
          54: cube ? third : undefined, // divides by three
        },
      };
    },
  },
  {
    name: 'root of a sum',
    construct: ['Evaluate square roots', 'Evaluate the square root of a sum'],
    subject: 'Roots and Surds',
    draw(r) {
      const [a, b, c] = r.pick([
        [3, 4, 5],
        [6, 8, 10],
        [5, 12, 13],
        [9, 12, 15],
        [8, 15, 17],
        [12, 16, 20],
        [7, 24, 25],
        [15, 20, 25],
        [20, 21, 29],
        [10, 24, 26],
      ]);
      const tex = r.chance(0.5) ? `\\sqrt{${a * a} + ${b * b}}` : `\\sqrt{${b * b} + ${a * a}}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} types ${m(tex)} into a calculator. What does it show?`,
            `${m(tex)} is a whole number. Which?`,
            `What does ${m(tex)} come to?`,
          ),
        ],
        correct: n(c),
        wrong: {
          55: n(a + b), // the sum of the roots
          53: n((a * a + b * b) / 2), // half the sum
        },
      };
    },
  },
  {
    name: 'fractional indices',
    construct: ['Evaluate fractional indices', 'Know the meaning of a fractional power'],
    subject: INDICES,
    draw(r) {
      const root = r.pick([2, 3]);
      const a = root === 2 ? r.pick([4, 6, 8, 10, 12, 5, 7, 9]) : r.pick([2, 3, 4, 6, 10, 5]);
      const x = a ** root;
      const tex = `${num(x)}^{\\frac{1}{${root}}}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} evaluates ${m(tex)}. What is the value?`,
            `Write ${m(tex)} as a whole number.`,
            `What does ${m(tex)} mean as a number?`,
          ),
        ],
        correct: n(a),
        wrong: {
          56: x % root === 0 ? n(x / root) : m(frac(x, root)), // base times index
        },
      };
    },
  },
  {
    name: 'standard form to ordinary numbers',
    construct: ['Convert standard form to ordinary numbers', 'Understand standard form'],
    subject: 'Standard Form',
    draw(r) {
      const negative = r.chance(0.5);
      const digits = r.decimal(1, 10, 1);
      const k = r.int(2, 5);
      const tex = `${num(digits)} \\times 10^{${negative ? -k : k}}`;
      const thing = negative
        ? r.word(['A seed', 'A cell', 'A grain of sand', 'A spider thread', 'A sheet of foil', 'A droplet'])
        : r.word(['A river', 'A road', 'A flight', 'A fence line', 'A railway', 'A coastline']);
      return {
        ask: ask(
          `Write ${m(tex)} as an ordinary number.`,
          `Which number is equal to ${m(tex)}?`,
          `${thing} measures ${m(tex)} metres. Which number is that?`,
          `${r.name} writes ${m(tex)} without a power of ten. What is it?`,
          `What is ${m(tex)} as a decimal or whole number?`,
          `Convert ${m(tex)} from standard form.`,
          `${thing} near ${r.place} is ${m(tex)} m long. How is this written in full?`,
          `${m(tex)} =`,
        ),
        correct: n(negative ? digits / 10 ** k : digits * 10 ** k),
        wrong: {
          57: negative ? undefined : n(digits * 10 * 10 ** k), // that many zeros after the digits
          45: negative ? undefined : n(digits * 10 * k), // base times index
          58: negative ? n(digits * 10 ** k) : undefined, // the minus sign ignored
          59: negative ? n(digits / 10 ** (k + 1)) : undefined, // that many zeros after the point
          48: negative ? n(-digits * 10 ** k) : undefined, // a negative value
        },
      };
    },
  },
  {
    name: 'add surds',
    construct: ['Add surds', 'Simplify sums of surds'],
    subject: 'Roots and Surds',
    draw(r) {
      const k = r.pick([2, 3, 5, 7]);
      const [a, b] = [r.int(1, 6), r.int(2, 6)];
      const [x, y] = [a * a * k, b * b * k];
      return {
        ask: [
          ...command(r, 'Simplify', `\\sqrt{${x}} + \\sqrt{${y}}`),
          ...ask(
            `Write ${m(`\\sqrt{${x}} + \\sqrt{${y}}`)} in the form ${m(`a\\sqrt{${k}}`)}.`,
            `A triangle has sides of ${m(`\\sqrt{${x}}`)} cm and ${m(`\\sqrt{${y}}`)} cm. What is the exact total of the two, in cm?`,
            `What is ${m(`\\sqrt{${x}} + \\sqrt{${y}}`)} as one surd?`,
            `${r.name} adds ${m(`\\sqrt{${x}}`)} and ${m(`\\sqrt{${y}}`)}. What is the exact answer?`,
          ),
        ],
        correct: m(`${a + b}\\sqrt{${k}}`),
        wrong: {
          60: m(`\\sqrt{${x + y}}`), // adds under the root
          53: n((x + y) / 2), // halves each number
        },
      };
    },
  },
];
