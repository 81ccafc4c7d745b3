/** Negative numbers. */
import type { Item } from '../item.ts';
import { ask, workOut } from '../phrasing.ts';
import { bracketed, list, m, n, num } from '../tex.ts';

const SUBJECT = 'Negative Numbers';
const ADD = ['Add and subtract negative numbers', 'Calculate with negative numbers'];

export const negatives: Item[] = [
  {
    name: 'add two negatives',
    construct: ADD,
    subject: SUBJECT,
    draw(r) {
      const [a, b] = [r.int(2, 25), r.int(2, 25)];
      return {
        ask: [
          ...workOut(r, `-${a} + (-${b})`),
          ...ask(
            `Add ${n(-a)} and ${n(-b)}.`,
            `What is the sum of ${n(-a)} and ${n(-b)}?`,
            `${r.name} owes ${m(`£${a}`)} and then borrows ${m(`£${b}`)} more, so the balance is ${m(`-${a} + (-${b})`)}. What is it in pounds?`,
            `Two debts are written as ${n(-a)} and ${n(-b)}. What is their total?`,
          ),
        ],
        correct: n(-a - b),
        wrong: {
          15: n(a + b), // two negatives make a positive
        },
      };
    },
  },
  {
    name: 'add and subtract past zero',
    construct: ADD,
    subject: SUBJECT,
    draw(r) {
      const [a, b, c] = [r.int(2, 20), r.int(2, 20), r.int(2, 15)];
      const three = r.chance(0.6);
      const tex = three ? `-${a} + ${b} - (-${c})` : `-${a} + ${b}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `The temperature in ${r.place} is ${n(-a)} °C. It changes by ${m(three ? `${b} - (-${c})` : `+${b}`)} degrees. What is it now, in °C?`,
            `Start at ${n(-a)} on the number line and work out ${m(tex)}. Where do you end?`,
            `${r.name} says that ${m(tex)} is easy. What is it?`,
            `What number does ${m(tex)} give?`,
          ),
        ],
        correct: n(three ? -a + b + c : -a + b),
        wrong: {
          19: n(three ? -(a + b) + c : -(a + b)), // adds the sizes, keeps the minus
          18: three ? n(-a + b - c) : undefined, // subtracting a negative as subtracting
        },
      };
    },
  },
  {
    name: 'subtract a negative',
    construct: ['Subtract negative numbers', ...ADD],
    subject: SUBJECT,
    draw(r) {
      const [a, b] = [r.int(2, 20) * (r.chance(0.5) ? -1 : 1), r.int(2, 20)];
      return {
        ask: [
          ...workOut(r, `${num(a)} - (-${b})`),
          ...ask(
            `Subtract ${n(-b)} from ${n(a)}.`,
            `What is ${n(a)} take away ${n(-b)}?`,
            `${r.name} takes a debt of ${n(-b)} off a balance of ${n(a)}. What is the new balance?`,
            `How much more is ${n(a)} than ${n(-b)}?`,
            `A counter at ${n(a)} has ${n(-b)} taken from it. What does it show?`,
          ),
        ],
        correct: n(a + b),
        wrong: {
          18: n(a - b), // as subtracting the positive number
        },
      };
    },
  },
  {
    name: 'subtract a positive from a negative',
    construct: ['Subtract positive numbers past zero', ...ADD],
    subject: SUBJECT,
    draw(r) {
      const [small, gap, c] = [r.int(1, 12), r.int(1, 12), r.int(1, 9)];
      const [a, b] = [small, small + gap];
      const two = r.chance(0.6);
      const tex = two ? `${a} - ${b} - ${c}` : `-${gap} - ${c}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            two
              ? `A lift is at floor ${n(a)}. It goes down ${n(b)} floors and then ${n(c)} more. Which floor is it at?`
              : `A lift is at floor ${n(-gap)}. It goes down ${n(c)} floors. Which floor is it at?`,
            two
              ? `It is ${n(a)} °C in ${r.place}. By evening it is ${n(b)} degrees colder and by night another ${n(c)} degrees colder. What is the temperature at night, in °C?`
              : `It is ${n(-gap)} °C in ${r.place}. The temperature falls by ${n(c)} degrees. What is it now, in °C?`,
            `${r.name} has to find ${m(tex)} on the number line. Where does it end?`,
            `Evaluate ${m(tex)}.`,
          ),
        ],
        correct: n(two ? a - b - c : -gap - c),
        wrong: {
          20: n(two ? a - b + c : -gap + c), // moves up the number line
          22: two ? n(b - a - c) : undefined, // swaps them round
        },
      };
    },
  },
  {
    name: 'take a larger number away',
    construct: ['Subtract positive numbers past zero', ...ADD],
    subject: SUBJECT,
    draw(r) {
      const a = r.int(1, 30);
      const b = a + r.int(1, 40);
      return {
        ask: [
          ...workOut(r, `${a} - ${b}`),
          ...ask(
            `${r.name} has ${m(`£${a}`)} in an account and spends ${m(`£${b}`)}. What is the balance in pounds?`,
            `Take ${n(b)} from ${n(a)}.`,
            `The temperature in ${r.place} is ${n(a)} °C and drops by ${n(b)} degrees. What is it then, in °C?`,
            `What do you get when you subtract ${n(b)} from ${n(a)}?`,
          ),
        ],
        correct: n(a - b),
        wrong: {
          22: n(b - a), // smaller from larger
        },
      };
    },
  },
  {
    name: 'difference of temperatures',
    construct: ['Find the difference between positive and negative values', 'Use negative numbers in context'],
    subject: SUBJECT,
    draw(r) {
      const [a, b] = [r.int(2, 18), r.int(2, 25)];
      const [one, two] = [r.place, r.place];
      return {
        ask: ask(
          `At noon it is ${n(b)} °C and at midnight ${n(-a)} °C. By how many degrees has the temperature fallen?`,
          `It is ${n(-a)} °C in ${one} and ${n(b)} °C in ${two === one ? 'the next town' : two}. What is the difference in temperature, in degrees?`,
          `A diver is at ${n(-a)} m and a gull above is at ${n(b)} m. How far apart are they, in metres?`,
          `What is the difference between ${n(b)} and ${n(-a)}?`,
          `${r.name}'s freezer is at ${n(-a)} °C and the kitchen at ${n(b)} °C. How much warmer is the kitchen, in degrees?`,
          `A lift goes from floor ${n(-a)} to floor ${n(b)}. How many floors does it climb?`,
          `An account goes from ${n(-a)} pounds to ${n(b)} pounds. How many pounds were paid in?`,
          `How far is it on the number line from ${n(-a)} to ${n(b)}?`,
        ),
        correct: n(a + b),
        wrong: {
          21: n(Math.abs(b - a)), // subtracts the sizes
          22: undefined,
        },
      };
    },
  },
  {
    name: 'multiply and divide negatives',
    construct: ['Multiply negative numbers', 'Multiply and divide negative numbers'],
    subject: SUBJECT,
    draw(r) {
      const [a, b, c, d] = [r.int(2, 9), r.int(2, 9), r.int(2, 9), r.int(2, 9)];
      const form = r.int(0, 4);
      const forms = [
        {
          tex: `(-${a}) \\times (-${b}) + (-${c}) \\times ${d}`,
          right: a * b - c * d,
          product: -a * b - c * d,
          sign: a * b + c * d,
        },
        { tex: `-${a} \\times -${b}`, right: a * b, product: -a * b, sign: undefined },
        { tex: `${bracketed(-a)} \\times ${b}`, right: -a * b, product: undefined, sign: a * b },
        { tex: `(-${a * b}) \\div (-${b})`, right: a, product: -a, sign: undefined },
        { tex: `-${a * b} \\div ${b}`, right: -a, product: undefined, sign: a },
      ];
      const { tex, right, product, sign } = forms[form];
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `${r.name} works out ${m(tex)}. What should the result be?`,
            `Find ${m(tex)}.`,
            `What answer does ${m(tex)} have?`,
            `Give the result of ${m(tex)}.`,
          ),
        ],
        correct: n(right),
        wrong: {
          16: product === undefined ? undefined : n(product), // negative times negative is negative
          17: sign === undefined ? undefined : n(sign), // the minus sign is lost
        },
      };
    },
  },
  {
    name: 'square a negative',
    construct: ['Square negative numbers', 'Calculate with powers of negative numbers'],
    subject: SUBJECT,
    draw(r) {
      const [a, b] = [r.int(2, 12), r.int(2, 15)];
      const form = r.int(0, 2);
      const tex = [`(-${a})^2`, `(-${a})^2 - (-${b})`, `(-${a})^2 + ${b}`][form];
      const rest = [0, b, b][form];
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `${r.name} types ${m(tex)} into a calculator. What does it show?`,
            `Evaluate ${m(tex)}.`,
            `What does ${m(tex)} come to?`,
            `What is the value of ${m(tex.replace(`(-${a})`, 'x'))} when ${m(`x = -${a}`)}?`,
          ),
        ],
        correct: n(a * a + rest),
        wrong: {
          23: n(-a * a + rest), // the square stays negative
          18: form === 1 ? n(a * a - b) : undefined, // subtracting a negative as subtracting
          45: n(-2 * a + rest), // base times index
        },
      };
    },
  },
  {
    name: 'order negatives',
    construct: ['Order negative numbers', 'Compare negative numbers'],
    subject: SUBJECT,
    draw(r) {
      const numbers = r.ints(4, 1, 30);
      const shown = numbers.map((x) => -x);
      const highest = r.chance(0.6);
      const sizes = numbers.toSorted((x, y) => x - y);
      const [unit, texts] = r.pick([
        [
          '',
          [
            `Which of these numbers is the ${highest ? 'largest' : 'smallest'}?`,
            `Which number is furthest to the ${highest ? 'right' : 'left'} on a number line: ${m(list(shown))}?`,
            `${r.name} puts ${m(list(shown))} in order. Which is the ${highest ? 'greatest' : 'least'}?`,
            `Pick the ${highest ? 'highest' : 'lowest'} of these numbers: ${m(list(shown))}.`,
          ],
        ],
        [
          '°C',
          [
            `Which of these temperatures is the ${highest ? 'warmest' : 'coldest'}?`,
            `Four towns near ${r.place} report their temperatures at night. Which is the ${highest ? 'highest' : 'lowest'}?`,
            `${r.name} reads four thermometers. Which one shows the ${highest ? 'warmest' : 'coldest'} place?`,
            `Four winter nights had these temperatures. Which night was the ${highest ? 'mildest' : 'coldest'}?`,
          ],
        ],
        [
          'm',
          [
            `Four divers give their heights above the sea. Who is ${highest ? 'nearest the surface' : 'deepest'}?`,
            `Heights are measured from ground level. Which of these is the ${highest ? 'highest' : 'lowest'}?`,
            `Four rooms of a mine near ${r.place} lie at these heights. Which is the ${highest ? 'highest' : 'lowest'}?`,
            `${r.name} lists the levels of four lakes below the sea. Which level is the ${highest ? 'highest' : 'lowest'}?`,
          ],
        ],
      ] as const);
      const a = (x: number) => n(-x, unit);
      return {
        ask: ask(...texts),
        correct: a(highest ? sizes[0] : sizes[3]),
        wrong: {
          14: a(highest ? sizes[3] : sizes[0]), // by size without the sign
        },
        others: [a(sizes[1]), a(sizes[2])],
      };
    },
  },
];
