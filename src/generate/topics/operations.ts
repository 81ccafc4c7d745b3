/** Order of operations. */
import type { Item } from '../item.ts';
import { ask, workOut } from '../phrasing.ts';
import { frac, m, n } from '../tex.ts';

const ORDER = 'Order of Operations';

export const operations: Item[] = [
  {
    name: 'products and a sum',
    construct: ['Use the order of operations with the four operations', 'Use the order of operations'],
    subject: ORDER,
    draw(r) {
      const [a, b, c, d] = [r.int(2, 9), r.int(2, 9), r.int(2, 9), r.int(2, 9)];
      const three = r.chance(0.5);
      const tex = three ? `${a} + ${b} \\times ${c} - ${d}` : `${a} \\times ${b} + ${c} \\times ${d}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `${r.name} types ${m(tex)} into a scientific calculator. What does it show?`,
            `Evaluate ${m(tex)}.`,
            `Remember the order of operations. What is ${m(tex)}?`,
            `Use BIDMAS to work out ${m(tex)}.`,
          ),
        ],
        correct: n(three ? a + b * c - d : a * b + c * d),
        wrong: {
          24: n(three ? (a + b) * c - d : (a * b + c) * d), // left to right
          27: n(three ? (a + b) * (c - d) : a * (b + c) * d), // sums before products
        },
      };
    },
  },
  {
    name: 'operations of equal priority',
    construct: [
      'Use the order of operations with the four operations',
      'Work from left to right where priorities are equal',
    ],
    subject: ORDER,
    draw(r) {
      const [b, c, d, e] = [r.int(2, 6), r.int(2, 5), r.int(2, 9), r.int(2, 9)];
      const a = b * c * r.int(1, 6);
      const form = r.int(0, 2);
      const tex = [`${a} \\div ${b} \\times ${c} - ${d} + ${e}`, `${a} \\div ${b} \\times ${c}`, `${a} - ${d} + ${e}`][
        form
      ];
      const product = (a / b) * c;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} says that BIDMAS settles ${m(tex)}. What is it?`,
            `A calculator works out ${m(tex)}. What does its display show?`,
            `Use the order of operations to find ${m(tex)}.`,
          ),
        ],
        correct: n([product - d + e, product, a - d + e][form]),
        wrong: {
          25: form === 1 ? undefined : n(form === 0 ? product - (d + e) : a - (d + e)), // addition first
          26: form === 2 ? undefined : n(form === 0 ? a / (b * c) - d + e : a / (b * c)), // multiplication first
        },
      };
    },
  },
  {
    name: 'brackets and powers',
    construct: ['Use the order of operations with indices and brackets', 'Use the order of operations with brackets'],
    subject: ORDER,
    draw(r) {
      const [b, c, d] = [r.int(2, 9), r.int(2, 6), r.int(3, 6)];
      const a = r.int(20, 90);
      const form = r.int(0, 3);
      const tex = [
        `${a} - (${b} + ${c} \\times ${d}^2)`,
        `${a} - (${b} + ${c})`,
        `${c} \\times ${d}^2`,
        `${b} + ${c} \\times ${d}^2`,
      ][form];
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `Use BIDMAS to find ${m(tex)}.`,
            `${r.name} enters ${m(tex)} on a scientific calculator. What does it give?`,
            `What does ${m(tex)} come to?`,
          ),
        ],
        correct: n([a - (b + c * d * d), a - (b + c), c * d * d, b + c * d * d][form]),
        wrong: {
          28: form < 2 ? n([a - b + c * d * d, a - b + c][form]) : undefined, // brackets ignored
          29: form === 1 ? undefined : n([a - (b + (c * d) ** 2), 0, (c * d) ** 2, b + (c * d) ** 2][form]), // power of the product
          45: form === 1 ? undefined : n([a - (b + c * d * 2), 0, c * d * 2, b + c * d * 2][form]), // base times index
        },
      };
    },
  },
  {
    name: 'bracket times a number',
    construct: ['Use the order of operations with indices and brackets', 'Use brackets in calculations'],
    subject: ORDER,
    draw(r) {
      const [a, b, c] = [r.int(2, 9), r.int(2, 12), r.int(2, 9)];
      const minus = r.chance(0.4) && b > c;
      const inner = minus ? `${b} - ${c}` : `${b} + ${c}`;
      const s = minus ? -1 : 1;
      return {
        ask: [
          ...workOut(r, `${a} \\times (${inner})`),
          ...ask(
            `A ticket costs ${m(`£${b}`)} and a programme ${minus ? 'is free with a voucher of' : 'costs'} ${m(`£${c}`)}. The cost in pounds for ${n(a)} people is ${m(`${a} \\times (${inner})`)}. How much is that?`,
            `Evaluate ${m(`${a}(${inner})`)}.`,
            `${r.name} needs ${m(`${a} \\times (${inner})`)}. What is it?`,
            `Do the bracket first: how much is ${m(`${a}(${inner})`)}?`,
          ),
        ],
        correct: n(a * (b + s * c)),
        wrong: {
          28: n(a * b + s * c), // brackets ignored
        },
      };
    },
  },
  {
    name: 'fraction bar',
    construct: ['Use the order of operations with a fraction bar', 'Calculate with a sum above a fraction bar'],
    subject: ORDER,
    draw(r) {
      const d = r.int(2, 6);
      const [p, q, c] = [r.int(1, 9), r.int(1, 9), r.int(2, 6)];
      const [a, b] = [d * p, d * q];
      const product = r.chance(0.4);
      const top = product ? `${a} + ${c} \\times ${b}` : `${a} + ${b}`;
      const last = product ? c * b : b;
      const tex = frac(top, `${d}`);
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} writes ${m(tex)}. What number is it?`,
            `What is ${m(`(${top}) \\div ${d}`)}?`,
            `What does ${m(tex)} come to?`,
          ),
        ],
        correct: n((a + last) / d),
        wrong: {
          30: n(a + last / d), // only the last term divided
          135: n(a / d + last), // only the first term divided
        },
      };
    },
  },
];
