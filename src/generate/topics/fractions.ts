/** Fractions and mixed numbers. */
import { COLOURS, COUNTERS, GROUPS, LIQUIDS, THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask, workOut } from '../phrasing.ts';
import { gcd, lcm, Rational } from '../rational.ts';
import { frac, m, mixed, n, rat } from '../tex.ts';

const ADDING = 'Adding and Subtracting Fractions';
const MULTIPLYING = 'Multiplying and Dividing Fractions';

/** Two proper fractions in lowest terms with different denominators. */
function twoFractions(r: {
  int(low: number, high: number): number;
  ints(k: number, low: number, high: number): number[];
}) {
  for (;;) {
    const [b, d] = r.ints(2, 2, 12);
    const [a, c] = [r.int(1, b - 1), r.int(1, d - 1)];
    if (gcd(a, b) === 1 && gcd(c, d) === 1) return [a, b, c, d] as const;
  }
}

/** A proper fraction in lowest terms whose numerator is at least `least`. */
function proper(r: { int(low: number, high: number): number }, least = 1): [a: number, b: number] {
  for (;;) {
    const b = r.int(3, 12);
    const a = r.int(1, b - 1);
    if (a >= least && gcd(a, b) === 1) return [a, b];
  }
}

export const fractions: Item[] = [
  {
    name: 'add fractions',
    construct: ['Add fractions with different denominators', 'Add fractions'],
    subject: ADDING,
    draw(r) {
      const [a, b, c, d] = twoFractions(r);
      const [x, y] = [frac(a, b), frac(c, d)];
      return {
        ask: [
          ...workOut(r, `${x} + ${y}`),
          ...ask(
            `${r.name} eats ${m(x)} of a pizza and then ${m(y)} of a pizza. How much pizza is that?`,
            `Add ${m(x)} and ${m(y)}.`,
            `A jug has ${m(x)} of a litre of ${r.word(LIQUIDS)} in it. Another ${m(y)} of a litre is poured in. How many litres is that?`,
            `What is the sum of ${m(x)} and ${m(y)}?`,
            `${r.name} walks ${m(x)} of a mile and runs ${m(y)} of a mile. How many miles is that in all?`,
            `Which fraction is ${m(y)} more than ${m(x)}?`,
          ),
        ],
        correct: m(rat(a * d + c * b, b * d)),
        wrong: {
          61: m(frac(a + c, b + d)), // tops and bottoms added
          63: m(frac(a + c, lcm(b, d))), // numerators unchanged
        },
      };
    },
  },
  {
    name: 'subtract fractions',
    construct: ['Subtract fractions with different denominators', 'Subtract fractions'],
    subject: ADDING,
    draw(r) {
      let [a, b, c, d] = twoFractions(r);
      while (a / b <= c / d || a <= c || b === d) [a, b, c, d] = twoFractions(r);
      const [x, y] = [frac(a, b), frac(c, d)];
      return {
        ask: [
          ...workOut(r, `${x} - ${y}`),
          ...ask(
            `A bottle holds ${m(x)} of a litre of ${r.word(LIQUIDS)}. ${r.name} pours out ${m(y)} of a litre. What fraction of a litre is left?`,
            `Subtract ${m(y)} from ${m(x)}.`,
            `${m(x)} of a cake is left. ${r.name} eats ${m(y)} of the whole cake. How much is left now?`,
            `What is the difference between ${m(x)} and ${m(y)}?`,
            `How much larger is ${m(x)} than ${m(y)}?`,
          ),
        ],
        correct: m(rat(a * d - c * b, b * d)),
        wrong: {
          62: m(b > d ? frac(a - c, b - d) : frac(a - c, d - b)), // tops and bottoms subtracted
          63: m(frac(a - c, lcm(b, d))), // numerators unchanged
        },
      };
    },
  },
  {
    name: 'multiply fractions',
    construct: ['Multiply fractions', 'Find a fraction of a fraction'],
    subject: MULTIPLYING,
    draw(r) {
      const b = r.int(3, 12);
      const [a, c] = [r.int(1, b - 1), r.int(1, b - 1)];
      const same = r.chance(0.65);
      const d = same ? b : r.intNot(3, 12, b);
      const [x, y] = [frac(a, b), frac(c, d)];
      return {
        ask: [
          ...workOut(r, `${x} \\times ${y}`),
          ...ask(
            `What is ${m(x)} of ${m(y)}?`,
            `Multiply ${m(x)} by ${m(y)}.`,
            `${m(x)} of a garden in ${r.place} is lawn, and ${m(y)} of the lawn is in the shade. What fraction of the garden is shaded lawn?`,
            `A rectangle is ${m(x)} m long and ${m(y)} m wide. What is its area in square metres?`,
            `Find the product of ${m(x)} and ${m(y)}.`,
          ),
        ],
        correct: m(rat(a * c, b * d)),
        wrong: {
          64: same ? m(frac(a * c, b)) : undefined, // the common denominator kept
          66: m(frac(a * d, b * c)), // crosswise
        },
      };
    },
  },
  {
    name: 'fraction times a whole number',
    construct: ['Multiply a fraction by a whole number', 'Multiply fractions'],
    subject: MULTIPLYING,
    draw(r) {
      const [a, b] = proper(r);
      const k = r.intNot(2, 9, b);
      const tex = r.chance(0.5) ? `${frac(a, b)} \\times ${k}` : `${k} \\times ${frac(a, b)}`;
      return {
        ask: [
          ...workOut(r, tex),
          ...ask(
            `${r.name} drinks ${m(frac(a, b))} of a litre of ${r.word(LIQUIDS)} a day. How many litres is that in ${n(k)} days?`,
            `Multiply ${m(frac(a, b))} by ${n(k)}.`,
            `A recipe needs ${m(frac(a, b))} of a cup of flour. How many cups are needed for ${n(k)} batches?`,
            `What is ${n(k)} lots of ${m(frac(a, b))}?`,
          ),
        ],
        correct: m(rat(a * k, b)),
        wrong: {
          65: m(frac(a * k, b * k)), // top and bottom multiplied
        },
      };
    },
  },
  {
    name: 'divide fractions',
    construct: ['Divide fractions', 'Divide by a fraction'],
    subject: MULTIPLYING,
    draw(r) {
      const [a, b, c, d] = twoFractions(r);
      const [x, y] = [frac(a, b), frac(c, d)];
      return {
        ask: [
          ...workOut(r, `${x} \\div ${y}`),
          ...ask(
            `Divide ${m(x)} by ${m(y)}.`,
            `How many times does ${m(y)} go into ${m(x)}?`,
            `A ${m(x)} litre bottle of ${r.word(LIQUIDS)} fills cups of ${m(y)} of a litre. How many cups does it fill, as a fraction?`,
            `${r.name} cuts ${m(x)} m of ribbon into pieces of ${m(y)} m. How many pieces is that, as a fraction?`,
          ),
        ],
        correct: m(rat(a * d, b * c)),
        wrong: {
          67: m(frac(a * c, b * d)), // not inverted
          68: m(rat(b * c, a * d)), // the first inverted
        },
      };
    },
  },
  {
    name: 'compare fractions',
    construct: ['Compare fractions', 'Order fractions'],
    subject: 'Ordering Fractions',
    draw(r) {
      const made = Array.from({ length: 4 }, () => {
        const b = r.int(3, 16);
        return [r.int(1, b - 1), b] as const;
      });
      const top = (score: (a: number, b: number) => number) => made.toSorted((x, y) => score(...y) - score(...x));
      const write = ([a, b]: readonly [number, number]) => m(frac(a, b));
      const byValue = top((a, b) => a / b);
      const byBottom = top((_, b) => b);
      const byGap = top((a, b) => a - b);
      const clear = (order: (readonly [number, number])[], score: (x: readonly [number, number]) => number) =>
        score(order[0]) !== score(order[1]);
      return {
        ask: ask(
          'Which of these fractions is the largest?',
          `${r.name} may take one of four fractions of a cake and wants the most. Which one is it?`,
          `Which fraction is greatest: ${made.map(write).join(', ')}?`,
          `Four friends in ${r.place} have each done a fraction of a walk. Who has gone furthest?`,
          `Put ${made.map(write).join(', ')} in order of size. Which comes out largest?`,
          `Which of ${made.map(write).join(', ')} is nearest to a whole?`,
        ),
        correct: clear(byValue, ([a, b]) => a / b) ? write(byValue[0]) : 'NaN',
        wrong: {
          69: clear(byBottom, ([, b]) => b) ? write(byBottom[0]) : undefined, // largest denominator
          70: clear(byGap, ([a, b]) => a - b) ? write(byGap[0]) : undefined, // smallest gap
        },
        others: made.map(write),
      };
    },
  },
  {
    name: 'fraction of a whole',
    construct: ['Write a fraction of a whole', 'Write one part as a fraction of the whole'],
    subject: 'Fractions',
    draw(r) {
      const [a, b] = r.ints(2, 1, 14);
      const [one, two] = r.words(COLOURS, 2);
      const things = r.word(COUNTERS);
      return {
        ask: ask(
          `A box has ${n(a)} ${one} and ${n(b)} ${two} ${things}. What fraction of them is ${one}?`,
          `${r.name} has ${n(a)} ${one} ${things} and ${n(b)} ${two} ones. What fraction of the ${things} is ${one}?`,
          `A bar is made of ${n(a + b)} equal squares. ${n(a)} are shaded ${one} and the rest are not. What fraction is shaded?`,
          `In a ${r.word(GROUPS)} there are ${n(a)} left-handed and ${n(b)} right-handed people. What fraction is left-handed?`,
          `${n(a)} parts of a shape are shaded and ${n(b)} are not. All the parts are equal. What fraction of the shape is shaded?`,
          `A team wins ${n(a)} games and loses ${n(b)}. What fraction of its games does it win?`,
          `There are ${n(a)} ${one} and ${n(b)} ${two} tiles on a floor in ${r.place}. What fraction of the floor's tiles are ${one}?`,
        ),
        correct: m(rat(a, a + b)),
        wrong: {
          71: m(frac(a, b)), // part over the rest
        },
      };
    },
  },
  {
    name: 'fraction of an amount',
    construct: ['Find a fraction of an amount', 'Calculate a fraction of a quantity'],
    subject: 'Fractions of an Amount',
    draw(r) {
      const [a, b] = proper(r, 2);
      const whole = b * a * r.int(1, 6);
      const things = r.word(THINGS);
      const f = m(frac(a, b));
      return {
        ask: [
          ...workOut(r, `${frac(a, b)} \\times ${whole}`).slice(0, 6),
          ...ask(
            `Find ${f} of ${n(whole)}.`,
            `${r.name} has ${n(whole)} ${things} and gives away ${f} of them. How many are given away?`,
            `What is ${f} of ${n(whole)}?`,
            `There are ${n(whole)} pupils in a school in ${r.place}. ${f} of them walk to school. How many walk?`,
            `A farmer has ${n(whole)} sheep and sells ${f} of them. How many are sold?`,
            `${f} of the ${n(whole)} ${things} in a shop are sold. How many is that?`,
            `Work out ${f} of ${n(whole)} kg.`,
            `Out of ${n(whole)} people, ${f} say yes. How many say yes?`,
          ),
        ],
        correct: n((whole / b) * a),
        wrong: {
          72: n(whole / b), // not multiplied by the numerator
          73: n((whole / a) * b), // the other way round
        },
      };
    },
  },
  {
    name: 'whole from a fraction',
    construct: ['Find the whole from a fraction of it', 'Work back from a fraction of an amount'],
    subject: 'Fractions of an Amount',
    draw(r) {
      const [a, b] = proper(r, 2);
      const part = a * b * r.int(1, 8);
      const things = r.word(THINGS);
      const f = m(frac(a, b));
      return {
        ask: ask(
          `${f} of a number is ${n(part)}. What is the number?`,
          `${r.name} has sold ${n(part)} ${things}, which is ${f} of them all. How many were there to begin with?`,
          `${n(part)} pupils in a year walk to school. They are ${f} of the year. How many pupils are in the year?`,
          `A tank is ${f} full and holds ${n(part)} litres of ${r.word(LIQUIDS)}. How much does it hold when full, in litres?`,
          `${n(part)} is ${f} of which number?`,
          `${r.name} has walked ${n(part)} km, ${f} of the way to ${r.place}. How long is the whole way, in km?`,
          `If ${f} of the ${things} are ${n(part)} ${things}, how many ${things} are there?`,
        ),
        correct: n((part / a) * b),
        wrong: {
          78: n((part / b) * a), // fraction of the part
          72: undefined,
        },
      };
    },
  },
  {
    name: 'mixed to improper',
    construct: ['Convert mixed numbers to improper fractions', 'Change between mixed numbers and improper fractions'],
    subject: 'Mixed Numbers',
    draw(r) {
      const [top, d] = proper(r);
      const whole = r.int(2, 9);
      const x = m(`${whole}${frac(top, d)}`);
      return {
        ask: ask(
          `Write ${x} as an improper fraction.`,
          `Change ${x} to an improper fraction.`,
          `${r.name} turns the mixed number ${x} into a top-heavy fraction. Which is it?`,
          `Which improper fraction is equal to ${x}?`,
          `How many parts of size ${m(frac(1, d))} make ${x}? Write it as one fraction.`,
          `There are ${x} pies on a table in ${r.place}. Write this as one fraction.`,
          `Convert ${x} into a single fraction.`,
        ),
        correct: m(frac(whole * d + top, d)),
        wrong: {
          74: m(frac(whole + top, d)), // whole number added to the numerator
          75: m(frac(whole * top, d)), // whole number times the numerator
        },
      };
    },
  },
  {
    name: 'equivalent fractions',
    construct: ['Find equivalent fractions', 'Recognise equivalent fractions'],
    subject: 'Equivalent Fractions',
    draw(r) {
      const [a, b] = proper(r);
      const [k, add] = [r.int(2, 9), r.int(1, 9)];
      const f = m(frac(a, b));
      return {
        ask: ask(
          `Which fraction is equivalent to ${f}?`,
          `Which of these is equal to ${f}?`,
          `${r.name} needs a fraction with the same value as ${f}. Which one will do?`,
          `Which fraction could be simplified to ${f}?`,
          `${f} of a wall in ${r.place} is painted. Which other fraction says the same?`,
          `Find another way to write ${f}.`,
          `Pick the fraction that has the same size as ${f}.`,
        ),
        correct: m(frac(a * k, b * k)),
        wrong: {
          76: m(frac(a + add, b + add)), // the same number added
        },
        others: [m(frac(a * k, b)), m(frac(a, b * k)), m(frac(b, a)), m(frac(a * k, b * (k + 1)))],
      };
    },
  },
  {
    name: 'subtract mixed numbers',
    construct: ['Subtract mixed numbers', 'Calculate with mixed numbers'],
    subject: ADDING,
    draw(r) {
      let [a, b, c, d] = twoFractions(r);
      while (a / b >= c / d) [a, b, c, d] = twoFractions(r);
      const low = r.int(1, 4);
      const high = low + r.int(2, 5);
      const [x, y] = [`${high}${frac(a, b)}`, `${low}${frac(c, d)}`];
      const f = new Rational(a, b);
      const g = new Rational(c, d);
      const write = (v: Rational) => m(mixed(v));
      return {
        ask: [
          ...workOut(r, `${x} - ${y}`),
          ...ask(
            `${r.name} has ${m(x)} m of rope and cuts off ${m(y)} m. How many metres are left?`,
            `Subtract ${m(y)} from ${m(x)}.`,
            `A bag of ${m(x)} kg of rice loses ${m(y)} kg. How many kilograms remain?`,
            `What is the difference between ${m(x)} and ${m(y)}?`,
          ),
        ],
        correct: write(new Rational(high - low).plus(f).minus(g)),
        wrong: {
          77: write(new Rational(high - low).plus(g).minus(f)), // smaller fraction from larger
          63: c > a ? write(new Rational(high - low).minus(new Rational(c - a, lcm(b, d)))) : undefined, // numerators unchanged
        },
      };
    },
  },
];
