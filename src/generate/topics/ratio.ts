/** Ratio and proportion. */
import { COLOURS, GOODS, LIQUIDS, THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { gcd } from '../rational.ts';
import { frac, m, money, n, ratio } from '../tex.ts';

const RATIO = 'Ratio';
const PROPORTION = 'Proportion';

/** A ratio in lowest terms of two different numbers. */
function twoParts(r: { ints(k: number, low: number, high: number): number[] }, low = 1, high = 9): [number, number] {
  for (;;) {
    const [a, b] = r.ints(2, low, high);
    if (gcd(a, b) === 1) return [a, b];
  }
}

export const ratios: Item[] = [
  {
    name: 'ratio as a fraction',
    construct: ['Write a ratio as a fraction', 'Link ratios and fractions'],
    subject: RATIO,
    draw(r) {
      const [a, b] = twoParts(r);
      const [one, two] = r.words(COLOURS, 2);
      const x = m(ratio(a, b));
      return {
        ask: ask(
          `${one} and ${two} paint are mixed in the ratio ${x}. What fraction of the mixture is ${one}?`.replace(
            /^./,
            (c) => c.toUpperCase(),
          ),
          `The ratio of ${one} to ${two} beads on a string is ${x}. What fraction of the beads is ${one}?`,
          `${r.name} mixes cement and sand in the ratio ${x}. What fraction of the mixture is cement?`,
          `In a club in ${r.place} the ratio of adults to children is ${x}. What fraction of the members are adults?`,
          `A drink is made from squash and water in the ratio ${x}. What fraction of the drink is squash?`,
          `The ratio of cats to dogs in a shelter is ${x}. What fraction of these animals are cats?`,
          `Boys and girls in a school are in the ratio ${x}. What fraction of the pupils are boys?`,
        ),
        correct: m(frac(a, a + b)),
        wrong: {
          107: m(frac(a, b)), // one part over the other
          109: m(frac(b, a + b)), // the other's share
        },
      };
    },
  },
  {
    name: 'share in a ratio',
    construct: ['Share an amount in a ratio', 'Divide a quantity in a given ratio'],
    subject: RATIO,
    draw(r) {
      const [a, b] = twoParts(r, 2);
      const total = (a + b) * a * r.int(1, 6) * (r.chance(0.3) ? 2 : 1);
      const [one, two] = r.pair;
      const unit = total / (a + b);
      const c = r.currency;
      const style = r.int(0, 2);
      const w = [(x: number) => money(c, x), (x: number) => n(x), (x: number) => n(x, 'g')][style];
      const x = m(ratio(a, b));
      const things = r.word(THINGS);
      const texts = [
        [
          `${one} and ${two} share ${w(total)} in the ratio ${x}. How much does ${one} get?`,
          `A prize of ${w(total)} is split between ${one} and ${two} in the ratio ${x}. What is ${one}'s share?`,
          `Share ${w(total)} in the ratio ${x}. What is the first share?`,
          `${one} invests with ${two}. A profit of ${w(total)} is divided in the ratio ${x}, in that order. How much is ${one} paid?`,
          `${w(total)} is divided between ${one} and ${two} so that their shares are in the ratio ${x}. What does ${one} receive?`,
        ],
        [
          `${one} and ${two} share ${n(total)} ${things} in the ratio ${x}. How many does ${one} get?`,
          `There are ${n(total)} ${things} for ${one} and ${two}, who divide them in the ratio ${x}. How many go to ${one}?`,
          `A bag of ${n(total)} ${things} is split between ${one} and ${two} in the ratio ${x}. How many ${things} does ${one} take?`,
          `In a school of ${n(total)} pupils, juniors and seniors are in the ratio ${x}. How many juniors are there?`,
          `Divide ${n(total)} in the ratio ${x}. What is the first part?`,
        ],
        [
          `Copper and zinc are melted in the ratio ${x} to make ${w(total)} of brass. How much copper is needed?`,
          `A ${w(total)} mixture is made of oats and nuts in the ratio ${x}. What is the mass of the oats?`,
          `Sand and cement are mixed in the ratio ${x}, ${w(total)} in all. How much of it is sand?`,
          `${one} bakes with flour and butter in the ratio ${x}. Together they weigh ${w(total)}. What does the flour weigh?`,
        ],
      ][style];
      return {
        ask: ask(...texts),
        correct: w(unit * a),
        wrong: {
          108: w(total / a), // the total by the person's own number
          109: w(unit * b), // the other's share
          111: w(unit), // one part
          114: w(total / 2), // equal shares
        },
      };
    },
  },
  {
    name: 'one share from another',
    construct: ['Find one share in a ratio from another', 'Use a ratio when one part is known'],
    subject: RATIO,
    draw(r) {
      const [a, b] = twoParts(r, 2);
      const unit = (a + b) * r.int(1, 3);
      const known = unit * b;
      const [one, two] = r.pair;
      const things = r.word(THINGS);
      const x = m(ratio(a, b));
      return {
        ask: ask(
          `${one} and ${two} share some ${things} in the ratio ${x}. ${two} gets ${n(known)}. How many does ${one} get?`,
          `Red and white paint are mixed in the ratio ${x}. ${n(known)} litres of white are used. How many litres of red are needed?`,
          `In a puzzle the ages of ${one} and ${two} are in the ratio ${x}. ${two} is ${n(known)} years old. How old is ${one}?`,
          `In a choir in ${r.place} altos and sopranos are in the ratio ${x}. There are ${n(known)} sopranos. How many altos are there?`,
          `Two lengths are in the ratio ${x}. The second is ${n(known)} cm. How long is the first, in cm?`,
          `A recipe takes sugar and flour in the ratio ${x}. With ${n(known)} g of flour, how many grams of sugar are needed?`,
          `${things} are handed to ${one} and ${two} in the ratio ${x}. If ${two} has ${n(known)} of them, how many has ${one}?`.replace(
            /^./,
            (c) => c.toUpperCase(),
          ),
        ),
        correct: n(unit * a),
        wrong: {
          112: n((known / (a + b)) * a), // the known share as the total
          111: n(unit), // one part
          110: known + a - b > 0 ? n(known + a - b) : undefined, // the same amount added
        },
      };
    },
  },
  {
    name: 'shares from their difference',
    construct: ['Use the difference between two shares', 'Use a ratio when the difference is known'],
    subject: RATIO,
    draw(r) {
      let [a, b] = twoParts(r, 1, 9);
      while (a <= b + 1) [a, b] = twoParts(r, 1, 9);
      const unit = (a + b) * r.int(1, 3);
      const gap = unit * (a - b);
      const [one, two] = r.pair;
      const things = r.word(THINGS);
      const x = m(ratio(a, b));
      return {
        ask: ask(
          `${one} and ${two} share ${things} in the ratio ${x}. ${one} gets ${n(gap)} more than ${two}. How many does ${one} get?`,
          `The ratio of ${one}'s ${things} to ${two}'s is ${x}. ${one} has ${n(gap)} more. How many has ${one}?`,
          `Two lengths are in the ratio ${x}, and the first is ${n(gap)} cm longer. How long is the first, in cm?`,
          `In a town near ${r.place}, cars and vans are in the ratio ${x}. There are ${n(gap)} more cars than vans. How many cars are there?`,
          `A sum is divided between ${one} and ${two} in the ratio ${x}. ${one}'s share is ${m(`£${gap}`)} larger. What is ${one}'s share in pounds?`,
          `Oak and birch trees in a wood are in the ratio ${x}. There are ${n(gap)} more oaks than birches. How many oaks are there?`,
        ),
        correct: n(unit * a),
        wrong: {
          113: n((gap / (a + b)) * a), // the difference as the total
          111: n(unit), // one part
          109: n(unit * b), // the other's share
        },
      };
    },
  },
  {
    name: 'ratio in the form 1 : n',
    construct: ['Write a ratio in the form 1 : n', 'Write ratios of measurements'],
    subject: RATIO,
    draw(r) {
      const cm = r.pick([5, 10, 20, 25, 40, 50, 80]);
      const metres = r.pick([1, 2, 3, 4, 5]);
      const k = (metres * 100) / cm;
      const x = `${n(cm)} cm to ${n(metres)} m`;
      return {
        ask: ask(
          `Write the ratio of ${x} in the form ${m('1 : n')}.`,
          `What is ${x} as a ratio in the form ${m('1 : n')}?`,
          `${r.name} compares ${n(cm)} cm with ${n(metres)} m. Which ratio of the form ${m('1 : n')} is right?`,
          `A toy is ${n(cm)} cm tall and the real thing ${n(metres)} m. Write the ratio as ${m('1 : n')}.`,
          `A plant grew from ${n(cm)} cm to ${n(metres)} m. Give old height to new height in the form ${m('1 : n')}.`,
          `Simplify the ratio ${n(cm)} cm : ${n(metres)} m to ${m('1 : n')}.`,
        ),
        correct: m(`1 : ${k}`),
        wrong: {
          115: m(ratio(1, Number((metres / cm).toFixed(4)))), // units not converted
          120: m(ratio(1, Number((1 / k).toFixed(4)))), // first by second
          110: m(ratio(1, metres * 100 - cm + 1)), // the same amount taken off both
        },
      };
    },
  },
  {
    name: 'equivalent ratios',
    construct: ['Find equivalent ratios', 'Scale a ratio'],
    subject: RATIO,
    draw(r) {
      const [a, b] = twoParts(r, 2);
      const k = r.int(2, 9);
      const x = m(ratio(a, b));
      return {
        ask: ask(
          `Fill in the missing number: ${m(`${ratio(a, b)} = ${a * k} : \\square`)}.`,
          `The ratio ${x} is equal to ${m(`${a * k} : x`)}. What is ${m('x')}?`,
          `${r.name} keeps tea and milk in the ratio ${x}. With ${n(a * k)} parts of tea, how many parts of milk are needed?`,
          `Squash and ${r.word(LIQUIDS)} go into a drink in the ratio ${x}. How much of the second goes with ${n(a * k)} ml of the first, in ml?`,
          `A photo has sides in the ratio ${x}. A print is ${n(a * k)} cm on the first side. How long is the other, in cm?`,
          `Complete the equal ratio to ${x}: ${n(a * k)} to what?`,
        ),
        correct: n(b * k),
        wrong: {
          110: n(b + a * k - a), // the same amount added
        },
      };
    },
  },
  {
    name: 'ratio with units',
    construct: ['Write ratios of measurements', 'Simplify ratios with different units'],
    subject: RATIO,
    draw(r) {
      const [small, big, per] = r.pick([
        ['cm', 'm', 100],
        ['g', 'kg', 1000],
        ['ml', 'litres', 1000],
        ['minutes', 'hours', 60],
        ['mm', 'cm', 10],
        ['pence', 'pounds', 100],
      ] as const);
      const a = r.int(1, 9) * (per === 10 ? 1 : 10);
      const b = r.int(1, 5);
      const simplest = (x: number, y: number) => m(ratio(x / gcd(x, y), y / gcd(x, y)));
      const x = `${n(a)} ${small} to ${n(b)} ${big}`;
      return {
        ask: ask(
          `Write the ratio ${x} in its simplest form.`,
          `Simplify the ratio ${x}.`,
          `Give the ratio ${x} in lowest terms, with no units.`,
          `What is ${x} as a ratio without units?`,
          `${r.name} simplifies the ratio ${x}. What should it be?`,
          `Simplify ${n(a)} ${small} : ${n(b)} ${big}.`,
          `Compare ${n(a)} ${small} with ${n(b)} ${big} as a ratio in lowest terms.`,
        ),
        correct: simplest(a, b * per),
        wrong: {
          115: simplest(a, b), // units not converted
        },
      };
    },
  },
  {
    name: 'inverse proportion',
    construct: ['Solve problems with inverse proportion', 'Recognise inverse proportion'],
    subject: PROPORTION,
    draw(r) {
      const k = r.int(2, 4);
      const few = r.int(2, 6);
      const more = few * k;
      const days = r.int(2, 10) * k;
      const swap = r.chance(0.5);
      const [a, b] = swap ? [few, more] : [more, few];
      const [time, right] = [days, (a * days) / b];
      return {
        ask: ask(
          `It takes ${n(a)} builders ${n(time)} days to build a wall. How many days would ${n(b)} builders take at the same rate?`,
          `${n(a)} taps fill a tank in ${n(time)} minutes. How many minutes do ${n(b)} taps take?`,
          `A bag of feed lasts ${n(a)} horses ${n(time)} days. How many days does it last ${n(b)} horses?`,
          `${n(a)} machines do a job in ${n(time)} hours. How long do ${n(b)} such machines need, in hours?`,
          `Working equally fast, ${n(a)} people clear a beach near ${r.place} in ${n(time)} hours. How many hours do ${n(b)} people need?`,
          `${r.name} packs food for ${n(a)} campers to last ${n(time)} days. How many days does it last ${n(b)} campers?`,
          `${n(a)} printers finish an order in ${n(time)} hours. In how many hours would ${n(b)} printers finish it?`,
        ),
        correct: n(right),
        wrong: {
          116: n((time * b) / a), // direct proportion
        },
      };
    },
  },
  {
    name: 'map scales',
    construct: ['Use map scales', 'Use scale drawings'],
    subject: PROPORTION,
    draw(r) {
      const metres = r.pick([200, 250, 400, 500, 1000, 2000]);
      const cm = r.int(2, 20);
      const scale = `${n(1)} cm stands for ${n(metres)} m`;
      return {
        ask: ask(
          `On a map, ${scale}. Two villages are ${n(cm)} cm apart on the map. How far apart are they really, in km?`,
          `A map of ${r.place} has the scale: ${scale}. A road on it is ${n(cm)} cm long. What is its real length in kilometres?`,
          `${r.name} measures ${n(cm)} cm between two farms on a map on which ${scale}. How many kilometres is that on the ground?`,
          `On a plan ${scale}. What real distance, in km, does ${n(cm)} cm show?`,
          `A river is ${n(cm)} cm long on a map. ${scale}. How long is the river in km?`.replace(
            `. ${scale}`,
            `, where ${scale}`,
          ),
        ),
        correct: n((metres * cm) / 1000, 'km'),
        wrong: {
          117: n(Number((cm / metres).toFixed(4)), 'km'), // divides by the scale
          240: n((metres * cm) / 100, 'km'), // 100 metres in a kilometre
        },
      };
    },
  },
  {
    name: 'best value',
    construct: ['Compare prices for best value', 'Find the best buy'],
    subject: PROPORTION,
    draw(r) {
      const unit = r.int(20, 60);
      const sizes = r
        .shuffled([2, 3, 4, 5, 6, 8, 10, 12])
        .slice(0, 4)
        .sort((a, b) => a - b);
      const best = r.int(1, 3);
      const prices = sizes.map((size, i) => size * (unit + (i === best ? -5 : r.int(1, 6))));
      const things = r.word(THINGS);
      const cheapest = prices.indexOf(Math.min(...prices));
      const a = (i: number) => `${n(sizes[i])} ${things} for ${money('£', prices[i] / 100)}`;
      return {
        ask: ask(
          `Which pack of ${things} is the best value for money?`,
          `Choose the pack of ${things} that costs least for each one.`,
          `Four packs of ${things} are on offer. Where do you pay the least for each?`,
          `A shop in ${r.place} sells ${things} in four packs. Which pack is the best buy?`,
          `${r.name} wants to pay as little as possible for each of the ${things}. Which offer should ${r.name} choose?`,
          `Four offers for the same ${things}: which gives the most for the money?`,
          `Which of these offers has the lowest price for one of the ${things}?`,
        ),
        correct: a(best),
        wrong: {
          118: a(cheapest), // the lowest price
        },
        others: [0, 1, 2, 3].map(a),
      };
    },
  },
  {
    name: 'combine ratios',
    construct: ['Combine two ratios', 'Join ratios that share a quantity'],
    subject: RATIO,
    draw(r) {
      const [a, b] = twoParts(r, 1, 7);
      let [c, d] = twoParts(r, 1, 7);
      while (c === b) [c, d] = twoParts(r, 1, 7);
      const [x, y] = [m(ratio(a, b)), m(ratio(c, d))];
      const common = gcd(a * c, b * d);
      const [p, q, s] = r.words(GOODS, 3);
      const [i, j, k] = r.words(COLOURS, 3);
      return {
        ask: ask(
          `The ratio of ${i} to ${j} beads is ${x} and the ratio of ${j} to ${k} beads is ${y}. What is the ratio of ${i} to ${k} beads?`,
          `Work out ${m('A : C')} from ${m(`A : B = ${ratio(a, b)}`)} and ${m(`B : C = ${ratio(c, d)}`)}.`,
          `In a box, ${i} to ${j} is ${x} and ${j} to ${k} is ${y}. Calculate the ratio of ${i} to ${k}.`,
          `${m(`A : B = ${ratio(a, b)}`)} and ${m(`B : C = ${ratio(c, d)}`)}. What is ${m('A : C')}?`,
          `In a zoo near ${r.place}, lions to tigers are ${x} and tigers to bears are ${y}. What is lions to bears?`,
          `A shop's sales of a ${p} to a ${q} are ${x} and of a ${q} to a ${s} are ${y}. What is the ratio of ${p} sales to ${s} sales?`,
          `${r.name} mixes oats and nuts ${x}, and nuts and raisins ${y}. What is the ratio of oats to raisins?`,
        ),
        correct: m(ratio((a * c) / common, (b * d) / common)),
        wrong: {
          119: m(ratio(a, d)), // joined without matching
        },
        others: [m(ratio((b * d) / common, (a * c) / common)), m(ratio(a + c, b + d)), m(ratio(d, a))],
      };
    },
  },
];
