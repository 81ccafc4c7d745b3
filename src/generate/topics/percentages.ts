/** Percentages. */
import { GOODS, GROUPS, THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { frac, m, money, n, num, percent } from '../tex.ts';

const OF_AMOUNTS = 'Percentages of an Amount';
const COMPOUND = 'Compound Percentages';
const CONVERTING = 'Fractions, Decimals and Percentages';

export const percentages: Item[] = [
  {
    name: 'increase or decrease by a percentage',
    construct: [
      'Decrease an amount by a percentage',
      'Increase an amount by a percentage',
      'Change an amount by a percentage',
    ],
    subject: OF_AMOUNTS,
    draw(r) {
      const p = r.pick([5, 10, 15, 20, 25, 30, 40, 50]);
      const amount = r.int(2, 30) * 20;
      const up = r.chance(0.4);
      const s = up ? 1 : -1;
      const [c, item] = [r.currency, r.word(GOODS)];
      const a = (x: number) => money(c, x);
      const [price, rate] = [a(amount), percent(p)];
      const texts = up
        ? [
            `A ${item} costs ${price}. Its price goes up by ${rate}. What is the new price?`,
            `Increase ${price} by ${rate}.`,
            `${r.name}'s rent of ${price} rises by ${rate}. What is the new rent?`,
            `A salary of ${price} a week is raised by ${rate}. What is it afterwards?`,
            `Tax of ${rate} is added to the price of a ${item}, which is ${price}. How much is paid in all?`,
            `A club in ${r.place} charges ${price} a year. The charge goes up ${rate}. What is it now?`,
          ]
        : [
            `A ${item} costs ${price}. In a sale it is reduced by ${rate}. What is the sale price?`,
            `Decrease ${price} by ${rate}.`,
            `${r.name} gets ${rate} off a ${item} that costs ${price}. How much does ${r.name} pay?`,
            `The value of a ${item} falls by ${rate} from ${price}. What is it worth now?`,
            `A shop in ${r.place} takes ${rate} off everything. What is the new price of a ${item} marked ${price}?`,
            `Members pay ${rate} less than the full price of ${price}. What do members pay?`,
          ];
      return {
        ask: ask(...texts),
        correct: a(amount * (1 + (s * p) / 100)),
        wrong: {
          93: amount > p ? a(amount + s * p) : undefined, // the number itself
          94: p !== 10 ? a(amount + (s * amount) / p) : undefined, // divides by the percentage
          95: a((amount * p) / 100), // only the change
        },
      };
    },
  },
  {
    name: 'percentage of an amount',
    construct: ['Find a percentage of an amount', 'Calculate percentages of amounts'],
    subject: OF_AMOUNTS,
    draw(r) {
      const p = r.pick([5, 15, 20, 25, 30, 40, 60, 75]);
      const amount = r.int(2, 30) * 20;
      const things = r.word(THINGS);
      return {
        ask: ask(
          `Find ${percent(p)} of ${n(amount)}.`,
          `What is ${percent(p)} of ${n(amount)}?`,
          `${percent(p)} of the ${n(amount)} people in a ${r.word(GROUPS)} are over thirty. How many is that?`,
          `${r.name} has ${n(amount)} ${things}. ${percent(p)} of them are new. How many are new?`,
          `Work out ${percent(p)} of ${n(amount)} kg, in kilograms.`,
          `Out of ${n(amount)} votes in ${r.place}, ${percent(p)} are for the park. How many votes is that?`,
          `Calculate ${percent(p)} of ${n(amount)} metres, in metres.`,
        ),
        correct: n((amount * p) / 100),
        wrong: {
          94: n(amount / p), // divides by the percentage
          93: n(p), // the number itself
        },
      };
    },
  },
  {
    name: 'amount before a percentage change',
    construct: ['Find the original amount after a percentage change', 'Use reverse percentages'],
    subject: 'Reverse Percentages',
    draw(r) {
      const up = r.chance(0.6);
      const p = r.pick([5, 10, 20, 25, 30, 40, 50]);
      const s = up ? 1 : -1;
      const before = r.int(2, 40) * 20;
      const after = before * (1 + (s * p) / 100);
      const c = r.currency;
      const [a, item] = [(x: number) => money(c, x), r.word(GOODS)];
      const change = up ? 'rise' : 'cut';
      return {
        ask: ask(
          `After a ${change} of ${percent(p)}, the price of a ${item} is ${a(after)}. What was the price before?`,
          `A ${item} costs ${a(after)} after its price has been ${up ? 'increased' : 'reduced'} by ${percent(p)}. What did it cost originally?`,
          `${r.name}'s weekly pay is ${a(after)} after a ${change} of ${percent(p)}. What was it before the ${change}?`,
          `The price of a ${item} ${up ? 'goes up' : 'comes down'} by ${percent(p)} to ${a(after)}. Find the old price.`,
          `${a(after)} is the price ${up ? 'with' : 'after'} ${percent(p)} ${up ? 'tax' : 'discount'}. What is the price ${up ? 'without tax' : 'before the discount'}?`,
          `A flat in ${r.place} ${up ? 'gained' : 'lost'} ${percent(p)} in value and is now worth ${a(after)} thousand. What was it worth before, in thousands?`,
          `A fare is ${percent(p)} ${up ? 'more' : 'less'} than last year. It is now ${a(after)}. What was it last year?`,
        ),
        correct: a(before),
        wrong: {
          96: a(after * (1 - (s * p) / 100)), // the same percentage the other way
          93: after > p ? a(after - s * p) : undefined, // the number itself
        },
      };
    },
  },
  {
    name: 'compound interest',
    construct: ['Use compound interest', 'Use repeated percentage change'],
    subject: COMPOUND,
    draw(r) {
      const p = r.pick([5, 10, 20, 4, 2]);
      const years = r.int(2, 3);
      const start = r.int(1, 30) * 500;
      const up = r.chance(0.7);
      const s = up ? 1 : -1;
      const [c, item] = [r.currency, r.word(GOODS)];
      const a = (x: number) => money(c, x);
      const rate = percent(p);
      return {
        ask: up
          ? ask(
              `${r.name} puts ${a(start)} into an account that pays ${rate} compound interest a year. How much is in it after ${n(years)} years?`,
              `${a(start)} is invested at ${rate} compound interest per annum for ${n(years)} years. What is its final value?`,
              `A house fund in ${r.place} of ${a(start)} grows by ${rate} each year. What is it worth after ${n(years)} years?`,
              `Find the value of ${a(start)} after ${n(years)} years at ${rate} per year, compounded.`,
              `Rent of ${a(start)} a year goes up ${rate} every year. What is it after ${n(years)} rises?`,
            )
          : ask(
              `A ${item} worth ${a(start)} loses ${rate} of its value each year. What is it worth after ${n(years)} years?`,
              `A machine bought for ${a(start)} depreciates by ${rate} a year. What is its value after ${n(years)} years?`,
              `${r.name}'s van cost ${a(start)}. Every year its value falls by ${rate}. What is it worth after ${n(years)} years?`,
              `Find the value of ${a(start)} after it has dropped by ${rate} ${years === 2 ? 'twice' : 'three times'} running.`,
            ),
        correct: a(start * (1 + (s * p) / 100) ** years),
        wrong: {
          97: a(start * (1 + (s * p * years) / 100)), // of the original every year
          93: a(start + s * p * years), // the number itself
          95: a(Math.abs(start * (1 + (s * p) / 100) ** years - start)), // only the change
        },
      };
    },
  },
  {
    name: 'percentage change',
    construct: ['Find a percentage change', 'Calculate percentage increase and decrease'],
    subject: 'Percentage Change',
    draw(r) {
      const before = r.pick([20, 25, 40, 50, 60, 80, 120, 150, 200, 250, 300, 400]);
      const p = r.pick([10, 20, 25, 40, 50, 60, 75, 80]) * (r.chance(0.5) ? 1 : -1);
      const after = before * (1 + p / 100);
      const change = Math.abs(after - before);
      const [c, item] = [r.currency, r.word(GOODS)];
      const [x, y] = [money(c, before), money(c, after)];
      const [verb, noun] = p > 0 ? ['rises', 'increase'] : ['falls', 'decrease'];
      return {
        ask: ask(
          `The price of a ${item} ${verb} from ${x} to ${y}. What is the percentage ${noun}?`,
          `Find the percentage ${noun} from ${n(before)} to ${n(after)}.`,
          `A ${item} used to cost ${x} and now costs ${y}. By what percentage has the price changed?`,
          `The number of pupils in a ${r.word(GROUPS)} goes from ${n(before)} to ${n(after)}. What percentage ${noun} is that?`,
          `${r.name}'s score ${verb} from ${n(before)} to ${n(after)} points. Calculate the percentage ${noun}.`,
          `In ${r.place}, rent ${verb} from ${x} to ${y}. What is the percentage ${noun}?`,
          `${x} becomes ${y}. What is the change as a percentage?`,
        ),
        correct: percent(Math.abs(p)),
        wrong: {
          98: Number.isInteger((change * 100) / after)
            ? percent((change * 100) / after)
            : percent(Number(((change * 100) / after).toFixed(1))), // of the new amount
          99: percent(change), // the change itself
        },
      };
    },
  },
  {
    name: 'successive percentage changes',
    construct: ['Use successive percentage changes', 'Combine percentage changes'],
    subject: COMPOUND,
    draw(r) {
      const [p, q] = r.ints(2, 1, 5).map((k) => k * 10);
      const start = r.int(1, 20) * 100;
      const signs = r.pick([
        [1, 1],
        [1, -1],
        [-1, -1],
        [-1, 1],
      ]);
      const [c, item] = [r.currency, r.word(GOODS)];
      const a = (x: number) => money(c, x);
      const [x, y] = [signs[0] * p, signs[1] * q];
      const does = (v: number) => (v > 0 ? 'rises' : 'falls');
      const first = x > 0 ? 'raises' : 'lowers';
      const then = y > 0 ? 'raises' : 'lowers';
      return {
        ask: ask(
          `A ${item} costs ${a(start)}. Its price ${does(x)} by ${percent(p)} and then ${does(y)} by ${percent(q)}. What does it cost now?`,
          `The value of a ${item} is ${a(start)}. It ${does(x)} by ${percent(p)}, and after that ${does(y)} by ${percent(q)}. Calculate the final value.`,
          `Start with ${a(start)}. The amount first ${does(x)} by ${percent(p)} and then ${does(y)} by ${percent(q)}. What does it come to?`,
          `A shop in ${r.place} ${first} the price of a ${item}, ${a(start)}, by ${percent(p)}. Later it ${then} the new price by ${percent(q)}. What is the final price?`,
          `Shares worth ${a(start)} change in value: the value ${does(x)} by ${percent(p)} one year and ${does(y)} by ${percent(q)} the next. What are they worth in the end?`,
          `${r.name}'s pay of ${a(start)} a month ${does(x)} by ${percent(p)}. After that it ${does(y)} by ${percent(q)}. What is it then?`,
          `Start with ${a(start)}. Apply a ${x > 0 ? 'rise' : 'fall'} of ${percent(p)}, then a ${y > 0 ? 'rise' : 'fall'} of ${percent(q)}. How much is it in the end?`,
        ),
        correct: a(start * (1 + x / 100) * (1 + y / 100)),
        wrong: {
          105: a(start * (1 + (x + y) / 100)), // percentages added
          93: a(start + x + y), // the numbers themselves
        },
      };
    },
  },
  {
    name: 'there and back',
    construct: ['Use successive percentage changes', 'Combine percentage changes'],
    subject: COMPOUND,
    draw(r) {
      const p = r.pick([10, 20, 25, 30, 40, 50]);
      const start = r.int(1, 20) * 40;
      const [c, item, up] = [r.currency, r.word(GOODS), r.chance(0.5)];
      const a = (x: number) => money(c, x);
      const [first, second] = up ? ['rises', 'falls'] : ['falls', 'rises'];
      return {
        ask: ask(
          `The price of a ${item} is ${a(start)}. It ${first} by ${percent(p)} and then ${second} by ${percent(p)}. What is the price at the end?`,
          `An amount of ${a(start)} ${first} by ${percent(p)} and then ${second} by ${percent(p)}. Calculate the final amount.`,
          `The fare was ${a(start)}. In spring it ${first} by ${percent(p)} and in autumn it ${second} by ${percent(p)}. Work out the fare now.`,
          `A shop ${up ? 'raises' : 'cuts'} the price of a ${item} from ${a(start)} by ${percent(p)}, and a month later ${up ? 'cuts' : 'raises'} the new price by ${percent(p)}. What does it cost now?`,
          `${r.name}'s savings of ${a(start)} first ${up ? 'grow' : 'shrink'} by ${percent(p)} and then ${up ? 'shrink' : 'grow'} by ${percent(p)}. How much is left?`,
          `A share is worth ${a(start)}. In May its value ${first} by ${percent(p)}, in June it ${second} by ${percent(p)}. What is it worth at the end of June?`,
          `In ${r.place} a ticket of ${a(start)} ${first} in price by ${percent(p)}. The year after, the price ${second} by ${percent(p)}. Find the last price.`,
        ),
        correct: a(start * (1 - (p / 100) ** 2)),
        wrong: {
          104: a(start), // back where it started
        },
      };
    },
  },
  {
    name: 'decimals and fractions to percentages',
    construct: ['Convert between fractions, decimals and percentages', 'Write numbers as percentages'],
    subject: CONVERTING,
    draw(r) {
      const b = r.pick([4, 5, 20, 25, 50]);
      const a = r.int(1, b - 1);
      const digit = r.pick([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const x = digit / 10;
      const part = (a * 100) / b;
      const form = r.int(0, 2);
      const tex = [`${frac(a, b)} + ${num(x)}`, frac(a, b), num(x)][form];
      const total = (fraction: number, decimal: number) => percent([fraction + decimal, fraction, decimal][form]);
      return {
        ask: ask(
          `What is ${m(tex)} as a percentage?`,
          `Write ${m(tex)} as a percentage.`,
          `${r.name} changes ${m(tex)} to a percentage. Which is right?`,
          `Which percentage is equal to ${m(tex)}?`,
          `Convert ${m(tex)} to a percentage.`,
          `Express ${m(tex)} in per cent.`,
          `How many per cent is ${m(tex)}?`,
        ),
        correct: total(part, x * 100),
        wrong: {
          101: form === 1 ? undefined : total(part, digit), // the digits after the point
          102: form === 2 ? undefined : total(b, x * 100), // the denominator
          103: form === 2 ? undefined : total(a, x * 100), // the numerator
        },
      };
    },
  },
  {
    name: 'percentage to decimal',
    construct: ['Find a percentage of an amount with a multiplier', 'Convert percentages to decimals'],
    subject: CONVERTING,
    draw(r) {
      const p = r.int(1, 9);
      if (r.chance(0.5))
        return {
          ask: ask(
            `Write ${percent(p)} as a decimal.`,
            `Which decimal is equal to ${percent(p)}?`,
            `${r.name} changes ${percent(p)} to a decimal. What is it?`,
            `What is ${percent(p)} as a decimal?`,
            `Convert ${percent(p)} to a decimal.`,
          ),
          correct: n(p / 100),
          wrong: {
            100: n(p / 10), // straight after the point
          },
        };
      const amount = r.int(4, 60) * 10;
      return {
        ask: ask(
          `Which calculation gives ${percent(p)} of ${n(amount)}?`,
          `${r.name} finds ${percent(p)} of ${n(amount)} with one multiplication. Which is it?`,
          `What should be typed into a calculator to find ${percent(p)} of ${n(amount)}?`,
          `How can ${percent(p)} of ${n(amount)} be worked out?`,
        ),
        correct: m(`${num(p / 100)} \\times ${amount}`),
        wrong: {
          100: m(`${num(p / 10)} \\times ${amount}`), // straight after the point
          94: m(`${amount} \\div ${p}`), // divides by the percentage
          93: m(`${amount} - ${p}`), // the number itself
        },
        others: [m(`${p} \\times ${amount}`), m(`100 \\div ${p} \\times ${amount}`)],
      };
    },
  },
  {
    name: 'one quantity as a percentage of another',
    construct: ['Write one quantity as a percentage of another', 'Express a part as a percentage'],
    subject: OF_AMOUNTS,
    draw(r) {
      const whole = r.pick([20, 25, 40, 50, 60, 80, 120, 150, 200]);
      const share = r.pick([5, 10, 15, 20, 25, 30, 35, 40, 45, 60, 75]);
      // What is counted comes in whole numbers.
      const p = Number.isInteger((whole * share) / 100) ? share : 20;
      const part = (whole * p) / 100;
      const things = r.word(THINGS);
      const rest = (part * 100) / (whole - part);
      return {
        ask: ask(
          `Of ${n(whole)} ${things} in a shop, ${n(part)} are damaged. What percentage are damaged?`,
          `What is ${n(part)} as a percentage of ${n(whole)}?`,
          `${r.name} gets ${n(part)} marks out of ${n(whole)} in a test. What percentage is that?`,
          `In a ${r.word(GROUPS)} of ${n(whole)} people, ${n(part)} play the piano. What percentage of them play the piano?`,
          `${n(part)} of the ${n(whole)} buses in ${r.place} are electric. What percentage is this?`,
          `Write ${n(part)} out of ${n(whole)} as a percentage.`,
          `There are ${n(whole)} ${things}. ${r.name} owns ${n(part)} of them. What percentage is that?`,
        ),
        correct: percent(p),
        wrong: {
          106: percent(Number(((whole * 100) / part).toFixed(1))), // the whole by the part
          103: percent(part), // the numerator
          71: Number.isInteger(rest) ? percent(rest) : undefined, // the part and the rest
        },
      };
    },
  },
];
