/** Decimals, and fractions as decimals. */
import { LENGTHS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask, workOut } from '../phrasing.ts';
import { fixed, frac, m, n, num, rat } from '../tex.ts';
import { addWithoutCarrying, exchangeWithoutReducing } from './written_methods.ts';

const COMPARING = 'Comparing Decimals';
const ADDING = 'Adding and Subtracting Decimals';
const MULTIPLYING = 'Multiplying and Dividing Decimals';
const CHANGING = 'Fractions, Decimals and Percentages';

const places = (x: number): number => num(x).split('.')[1]?.length ?? 0;

export const decimals: Item[] = [
  {
    name: 'order decimals',
    construct: ['Order decimals', 'Compare decimals'],
    subject: COMPARING,
    draw(r) {
      const whole = r.int(0, 4);
      const made = [1, r.int(2, 3), 3, 4].map((p) => Number((whole + r.decimal(0, 1, p)).toFixed(p)));
      const byValue = made.toSorted((x, y) => y - x);
      const byLength = made.toSorted((x, y) => places(y) - places(x));
      const single = (xs: number[], i: number, j: number) => (places(xs[i]) !== places(xs[j]) ? n(xs[i]) : undefined);
      const shown = m(r.shuffled(made).map(num).join(', \\; '));
      const largest = r.chance(0.6);
      const word = largest ? 'largest' : 'smallest';
      return {
        ask: ask(
          `Which number is the ${word}?`,
          `Which of these decimals is the ${word}: ${shown}?`,
          `${r.name} puts ${shown} in order. Which is the ${word}?`,
          `Four jumps in ${r.place} measure these lengths in metres. Which is the ${largest ? 'longest' : 'shortest'}?`,
          `Four parcels have these masses in kilograms. Which is the ${largest ? 'heaviest' : 'lightest'}?`,
          `Pick the ${largest ? 'greatest' : 'least'} of the numbers ${shown}.`,
          `On a number line, which of ${shown} is furthest to the ${largest ? 'right' : 'left'}?`,
        ),
        correct: n(largest ? byValue[0] : byValue[3]),
        wrong: {
          79: largest ? single(byLength, 0, 1) : single(byLength, 3, 2), // more digits, larger
          80: largest ? single(byLength, 3, 2) : single(byLength, 0, 1), // fewer digits, larger
        },
        others: made.map((x) => n(x)),
      };
    },
  },
  {
    name: 'add decimals',
    construct: ['Add decimals', 'Add decimals with different numbers of places'],
    subject: ADDING,
    draw(r) {
      const [a, b] = r.shuffled([r.decimal(1, 20, 1), r.decimal(1, 20, 2)]);
      const [one, two] = places(a) < places(b) ? [a, b] : [b, a];
      const after = Number(num(one).split('.')[1]) + Number(num(two).split('.')[1]);
      const wholes = Math.floor(a) + Math.floor(b);
      const thing = r.word(LENGTHS);
      return {
        ask: [
          ...workOut(r, `${num(a)} + ${num(b)}`),
          ...ask(
            `Add ${n(a)} and ${n(b)}.`,
            `A ${thing} of ${n(a)} m is joined to one of ${n(b)} m. How long are they together, in metres?`,
            `${r.name} runs ${n(a)} km on Monday and ${n(b)} km on Tuesday. How many kilometres is that in all?`,
            `Two bags from a market in ${r.place} have masses of ${n(a)} kg and ${n(b)} kg. What is the total, in kg?`,
            `What is the sum of ${n(a)} and ${n(b)}?`,
            `A jug has ${n(a)} litres in it, and ${n(b)} litres are added. How many litres are there now?`,
          ),
        ],
        correct: n(a + b),
        wrong: {
          81: m(`${wholes}.${after}`), // digits after the points as whole numbers
          82: m(fixed((Math.round(one * 10) + Math.round(two * 100)) / 100, 2)), // last digits lined up
          8: m(fixed(addWithoutCarrying(Math.round(a * 100), Math.round(b * 100), 4) / 100, 2)), // nothing carried
        },
      };
    },
  },
  {
    name: 'subtract a decimal from a whole number',
    construct: ['Subtract decimals', 'Subtract a decimal from a whole number'],
    subject: ADDING,
    draw(r) {
      const b = r.decimal(1, 9, 2);
      const a = r.int(Math.floor(b) + 1, 12);
      const thing = r.word(LENGTHS);
      return {
        ask: [
          ...workOut(r, `${a} - ${num(b)}`),
          ...ask(
            `${r.name} cuts ${n(b)} m off a ${n(a)} m ${thing}. How many metres are left?`,
            `Subtract ${n(b)} from ${n(a)}.`,
            `A can holds ${n(a)} litres. ${n(b)} litres are used. How many litres remain?`,
            `What is ${n(a)} take away ${n(b)}?`,
            `${r.name} has ${m(`£${a}`)} and spends ${m(`£${fixed(b, 2)}`)}. How many pounds are left?`,
            `A walk in ${r.place} is ${n(a)} km long. ${n(b)} km are done. How many are to go?`,
          ),
        ],
        correct: n(a - b),
        wrong: {
          91: n(a - Math.floor(b) + (b - Math.floor(b))), // decimal digits unchanged
          10: n(exchangeWithoutReducing(a * 100, Math.round(b * 100), 4) / 100), // exchanges, takes nothing off
        },
      };
    },
  },
  {
    name: 'multiply by a power of ten',
    construct: ['Multiply a decimal by a power of ten', 'Multiply and divide decimals by powers of ten'],
    subject: MULTIPLYING,
    draw(r) {
      const x = r.decimal(0, r.pick([1, 10, 60]), r.int(1, 3));
      const k = r.int(1, 3);
      const by = 10 ** k;
      return {
        ask: [
          ...workOut(r, `${num(x)} \\times ${by}`),
          ...ask(
            `Multiply ${n(x)} by ${n(by)}.`,
            `One sheet weighs ${n(x)} g. What do ${n(by)} sheets weigh, in grams?`,
            `${r.name} makes ${n(x)} ${by} times as large. What is the result?`,
            `What is ${n(by)} times ${n(x)}?`,
            `A coin is ${n(x)} mm thick. How high is a stack of ${n(by)} such coins, in mm?`,
          ),
        ],
        correct: n(x * by),
        wrong: {
          83: m(num(x) + '0'.repeat(k)), // zeros on the end
        },
      };
    },
  },
  {
    name: 'divide by a power of ten, multiply by a tenth',
    construct: ['Multiply and divide decimals by powers of ten', 'Divide a decimal by a power of ten'],
    subject: MULTIPLYING,
    draw(r) {
      const [x, y] = [r.decimal(1, 30, 1), r.decimal(1, 30, 1)];
      const [k, l] = [r.int(1, 2), r.int(1, 2)];
      const [by, tenth] = [10 ** k, 1 / 10 ** l];
      const form = r.int(0, 2);
      const tex = [
        `${num(x)} \\div ${by}`,
        `${num(y)} \\times ${num(tenth)}`,
        `${num(y)} \\times ${num(tenth)} + ${num(x)} \\div ${by}`,
      ][form];
      const [divided, times] = [x / by, y * tenth];
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `Evaluate ${m(tex)}.`,
            `${r.name} works out ${m(tex)} by moving the digits. What is the answer?`,
            `What does ${m(tex)} come to?`,
            `Give ${m(tex)} as a decimal.`,
          ),
        ],
        correct: n([divided, times, times + divided][form]),
        wrong: {
          84: form === 1 ? undefined : n(form === 0 ? x * by : times + x * by), // digits moved left
          92: form === 0 ? undefined : n(form === 1 ? y / tenth : y / tenth + divided), // as by ten or a hundred
        },
      };
    },
  },
  {
    name: 'multiply decimals',
    construct: ['Multiply decimals', 'Multiply and divide decimals by decimals'],
    subject: MULTIPLYING,
    draw(r) {
      const p = r.pick([1, 1, 1, 2]);
      const [a, b] = [r.decimal(0, p === 1 ? r.pick([1, 1, 3]) : 0.2, p), r.decimal(0, p === 1 ? 1 : 0.2, p)];
      return {
        ask: [
          ...workOut(r, `${num(a)} \\times ${num(b)}`),
          ...ask(
            `Multiply ${n(a)} by ${n(b)}.`,
            `A rectangle is ${n(a)} m long and ${n(b)} m wide. What is its area in square metres?`,
            `${r.name} knows that ${m(`${Math.round(a * 10 ** p)} \\times ${Math.round(b * 10 ** p)} = ${Math.round(a * b * 100 ** p)}`)}. What is ${m(`${num(a)} \\times ${num(b)}`)}?`,
            `Find the product of ${n(a)} and ${n(b)}.`,
            `Cheese costs ${m(`£${num(a)}`)} for a slice of one kind. What is ${n(b)} of that price, in pounds?`,
          ),
        ],
        correct: n(a * b),
        wrong: {
          85: n(a * b * 10 ** p), // as many places as each factor
        },
      };
    },
  },
  {
    name: 'divide by a decimal',
    construct: ['Divide by a decimal', 'Multiply and divide decimals by decimals'],
    subject: MULTIPLYING,
    draw(r) {
      const p = r.pick([1, 1, 2]);
      const divisor = r.decimal(0, p === 1 ? 1 : 0.1, p);
      const digits = Math.round(divisor * 10 ** p);
      const a = digits * r.int(2, 15) * r.pick([1, 1, 0.1]);
      return {
        ask: [
          ...workOut(r, `${num(a)} \\div ${num(divisor)}`),
          ...ask(
            `Divide ${n(a)} by ${n(divisor)}.`,
            `How many times does ${n(divisor)} go into ${n(a)}?`,
            `${n(a)} litres of squash fill cups of ${n(divisor)} litres. How many cups are filled?`,
            `${r.name} cuts a ${n(a)} m ${r.word(LENGTHS)} into pieces ${n(divisor)} m long. How many pieces are there?`,
            `How many steps of ${n(divisor)} m cover ${n(a)} m?`,
          ),
        ],
        correct: n(a / divisor),
        wrong: {
          86: n(a / digits), // the point in the divisor ignored
        },
      };
    },
  },
  {
    name: 'fraction to decimal',
    construct: ['Convert fractions to decimals', 'Write a fraction as a decimal'],
    subject: CHANGING,
    draw(r) {
      const b = r.pick([2, 4, 5, 8, 10, 16, 20, 25, 40, 50]);
      const a = r.chance(0.6) ? 1 : r.int(2, b - 1 > 1 ? b - 1 : 2);
      const f = m(frac(a, b));
      return {
        ask: ask(
          `Write ${f} as a decimal.`,
          `Which decimal is equal to ${f}?`,
          `What is ${f} as a decimal?`,
          `${r.name} changes ${f} to a decimal. Which is it?`,
          `${f} of a litre is how many litres, as a decimal?`,
          `A pipe in ${r.place} is ${f} of a metre long. Write this length as a decimal.`,
          `Convert ${f} to a decimal.`,
        ),
        correct: n(a / b),
        wrong: {
          87: m(`${a}.${b}`), // numerator, point, denominator
          88: a === 1 ? m(`0.${b}`) : undefined, // the denominator after the point
        },
      };
    },
  },
  {
    name: 'decimal to fraction',
    construct: ['Convert decimals to fractions', 'Write a decimal as a fraction'],
    subject: CHANGING,
    draw(r) {
      const p = r.int(2, 3);
      const x = r.decimal(0, 1, p);
      const digits = Math.round(x * 10 ** p);
      return {
        ask: ask(
          `Write ${n(x)} as a fraction.`,
          `Which fraction is equal to ${n(x)}?`,
          `Convert ${n(x)} to a fraction.`,
          `${r.name} writes ${n(x)} as a fraction. Which one is right?`,
          `${n(x)} of the pupils in a school in ${r.place} cycle. What fraction is that?`,
          `What fraction has the value ${n(x)}?`,
        ),
        correct: m(rat(digits, 10 ** p)),
        wrong: {
          89: m(frac(digits, 10)), // over ten
        },
      };
    },
  },
  {
    name: 'recurring decimal to fraction',
    construct: ['Convert recurring decimals to fractions', 'Write a recurring decimal as a fraction'],
    subject: CHANGING,
    draw(r) {
      const two = r.chance(0.6);
      const digits = two ? r.intNot(12, 97, 22, 33, 44, 55, 66, 77, 88) : r.int(1, 8);
      const dots = `${digits}`
        .padStart(two ? 2 : 1, '0')
        .split('')
        .map((d) => `\\dot{${d}}`)
        .join('');
      const x = m(`0.${dots}`);
      return {
        ask: ask(
          `Which fraction is equal to ${x}?`,
          `Write ${x} as a fraction.`,
          `Convert the recurring decimal ${x} to a fraction.`,
          `${r.name} wants ${x} as a fraction in its lowest terms. Which is it?`,
          `What is ${x}, a recurring decimal, as a fraction?`,
          `The dots in ${x} show the digits that repeat. Which fraction is this number?`,
        ),
        correct: m(rat(digits, two ? 99 : 9)),
        wrong: {
          90: m(rat(digits, two ? 100 : 10)), // as though it ended
          89: two ? m(frac(digits, 10)) : undefined, // over ten
        },
      };
    },
  },
];
