/** Place value and rounding. */
import { THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { fixed, m, n, num } from '../tex.ts';

const ONES = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const PLACES = ['ones', 'tens', 'hundreds', 'thousands', 'ten thousands'];
const UNITS: Record<number, string> = { 10: 'ten', 100: 'hundred', 1000: 'thousand', 10000: 'ten thousand' };

const roundTo = (x: number, unit: number) => Math.floor(x / unit + 0.5 + 1e-9) * unit;

/** Significant figures, exact for the decimals here. */
const significant = (x: number, figures: number) => Number((x * (1 + 1e-12)).toPrecision(figures));

export const placeValue: Item[] = [
  {
    name: 'value of a digit',
    construct: ['Know the value of a digit', 'Understand place value'],
    subject: 'Place Value',
    draw(r) {
      const digits = r.ints(r.int(3, 5), 1, 9);
      const at = r.int(1, digits.length - 1);
      const x = Number(digits.toReversed().join(''));
      const [d, shown] = [m(`${digits[at]}`), n(x)];
      return {
        ask: ask(
          `What is the value of the ${d} in ${shown}?`,
          `In the number ${shown}, how much is the digit ${d} worth?`,
          `${r.name} writes the number ${shown}. What does the ${d} stand for?`,
          `Look at the digit ${d} in ${shown}. What is its value?`,
          `A crowd of ${shown} people watch a match in ${r.place}. What is the ${d} worth?`,
          `${shown}: give the value of the digit ${d}.`,
          `How much does the ${d} add to the number ${shown}?`,
        ),
        correct: n(digits[at] * 10 ** at),
        wrong: {
          0: n(digits[at]), // the digit's face
        },
        others: [n(digits[at] * 10 ** (at - 1)), n(digits[at] * 10 ** (at + 1)), n(10 ** at), n(digits[at] + 10 ** at)],
      };
    },
  },
  {
    name: 'numbers from words',
    construct: ['Write numbers in figures', 'Write a number given in words'],
    subject: 'Place Value',
    draw(r) {
      const [thousands, hundreds, tens, ones] = [r.int(1, 9), r.pick([0, 0, r.int(1, 9)]), r.int(0, 9), r.int(0, 9)];
      const x = thousands * 1000 + hundreds * 100 + (tens === 1 ? 0 : tens * 10) + ones;
      const rest = [TENS[tens], ONES[ones]].filter((word) => word).join('-');
      const words = [`${ONES[thousands]} thousand`, hundreds && `${ONES[hundreds]} hundred`, rest && `and ${rest}`]
        .filter((part) => part)
        .join(hundreds ? ', ' : ' ')
        .replace(', and', ' and');
      return {
        ask: ask(
          `Write ${words} in figures.`,
          `How is the number ${words} written in digits?`,
          `${r.name} says the number "${words}". Which number is it?`,
          `A newspaper in ${r.place} prints "${words} people". Which number is that?`,
          `Which of these is ${words}?`,
          `The cheque is for ${words} pounds. Which figures belong in the box?`,
          `Give the number ${words} using digits only.`,
          `"${words}" in digits is`,
        ),
        correct: n(x),
        wrong: {
          1: `${x}`.includes('0') ? n(Number(`${x}`.replaceAll('0', ''))) : undefined, // no zeros for empty columns
        },
        others: [n(x * 10), n(thousands * 100000 + (x % 1000)), n(x + 90), n(x + 900 - 9)],
      };
    },
  },
  {
    name: 'round a whole number',
    construct: ['Round whole numbers to a given power of ten', 'Round to the nearest 10, 100 or 1000'],
    subject: 'Rounding',
    draw(r) {
      const unit = r.pick([10, 100, 1000, 10000]);
      const x = r.int(unit * 2, unit * 90);
      const to = UNITS[unit];
      const last = x % 10 >= 5 ? Math.ceil(x / unit) : Math.floor(x / unit);
      const right = roundTo(x, unit);
      return {
        ask: ask(
          `Round ${n(x)} to the nearest ${to}.`,
          `What is ${n(x)} correct to the nearest ${to}?`,
          `There are ${n(x)} ${r.word(THINGS)} in a warehouse. Write this to the nearest ${to}.`,
          `${r.name} counts ${n(x)} steps on the way to school. How many is that, rounded to the nearest ${to}?`,
          `A town near ${r.place} has ${n(x)} inhabitants. Round the number to the nearest ${to}.`,
          `${n(x)} rounded to the nearest ${m(`${unit}`)} is`,
          `A website in ${r.place} has ${n(x)} visitors a day. What is that to the nearest ${to}?`,
          `Give ${n(x)} to the nearest ${m(num(unit))}.`,
        ),
        correct: n(right),
        wrong: {
          2: n(Math.floor(x / unit) * unit), // cuts off
          3: unit > 10 ? n(last * unit) : undefined, // looks at the last digit
          4: n(right / unit), // no zeros to keep the size
        },
      };
    },
  },
  {
    name: 'round to decimal places',
    construct: ['Round decimals to a given number of decimal places', 'Round to decimal places'],
    subject: 'Rounding',
    draw(r) {
      const places = r.int(1, 2);
      const x = r.decimal(0, r.pick([1, 10, 60]), places + 2) + 1;
      const unit = 10 ** -places;
      const cut = Math.floor(x / unit + 1e-9);
      const byLast = Number(fixed(x, places + 2).at(-1)) >= 5 ? cut + 1 : cut;
      const a = (value: number) => m(fixed(value, places));
      return {
        ask: ask(
          `Round ${n(x)} to ${m(`${places}`)} decimal place${places > 1 ? 's' : ''}.`,
          `Write ${n(x)} correct to ${m(`${places}`)} d.p.`,
          `${r.name}'s calculator shows ${n(x)}. What is that to ${m(`${places}`)} decimal place${places > 1 ? 's' : ''}?`,
          `A sprinter in ${r.place} takes ${n(x)} seconds. Give the time to ${m(`${places}`)} d.p.`,
          `What is ${n(x)} to ${m(`${places}`)} decimal place${places > 1 ? 's' : ''}?`,
          `${n(x)} metres of wire are needed. Round this to ${m(`${places}`)} d.p.`,
        ),
        correct: a(roundTo(x, unit)),
        wrong: {
          2: a(cut * unit), // cuts off
          3: a(byLast * unit), // looks at the last digit
        },
      };
    },
  },
  {
    name: 'round to significant figures',
    construct: ['Round decimals to significant figures', 'Round to significant figures'],
    subject: 'Rounding',
    draw(r) {
      const zeros = r.int(1, 3);
      const figures = r.int(2, 3);
      const digits = r.int(10 ** (figures + 1), 10 ** (figures + 2) - 1);
      const x = digits / 10 ** (zeros + figures + 2);
      const s = figures > 1 ? 's' : '';
      const last = (digits % 10 >= 5 ? Math.ceil(digits / 100) : Math.floor(digits / 100)) / 10 ** (zeros + figures);
      // Counting the zeros before the first digit, that of the units among them, leaves fewer decimal places.
      const fewer = figures - 1;
      return {
        ask: ask(
          `Write ${n(x)} correct to ${m(`${figures}`)} significant figure${s}.`,
          `Round ${n(x)} to ${m(`${figures}`)} significant figure${s}.`,
          `${r.name}'s calculator shows ${n(x)}. Give it to ${m(`${figures}`)} s.f.`,
          `A hair is ${n(x)} cm thick. What is that to ${m(`${figures}`)} significant figure${s}?`,
          `What is ${n(x)} to ${m(`${figures}`)} s.f.?`,
          `A laboratory in ${r.place} measures ${n(x)} g. Round this to ${m(`${figures}`)} significant figure${s}.`,
        ),
        correct: n(significant(x, figures)),
        wrong: {
          2: n(Math.floor(digits / 100) / 10 ** (zeros + figures)), // cuts off
          3: n(last), // looks at the last digit
          5: m(fixed(x, figures)), // decimal places instead
          6: m(fixed(x, fewer)), // zeros at the front counted
        },
      };
    },
  },
  {
    name: 'column of a digit',
    construct: 'Know the columns of a whole number',
    subject: 'Place Value',
    draw(r) {
      const digits = r.ints(5, 1, 9);
      const at = r.int(1, 4);
      const x = Number(digits.toReversed().join(''));
      return {
        ask: ask(
          `In ${n(x)} the digit in the ${PLACES[at]} column is ${m(`${digits[at]}`)}. How much is it worth?`,
          `${r.name} says that the ${m(`${digits[at]}`)} in the ${PLACES[at]} column of ${n(x)} has a value of its own. What is the value?`,
          `What is the ${PLACES[at]} digit of ${n(x)} worth?`,
          `The odometer of a van from ${r.place} reads ${n(x)} km. What is the value of the digit in the ${PLACES[at]} column?`,
        ),
        correct: n(digits[at] * 10 ** at),
        wrong: {
          0: n(digits[at]), // the digit's face
        },
        others: [n(10 ** at), n(digits[at] * 10 ** (at - 1)), n(digits[at] * 10 ** (at + 1)), n(digits[at] + at)],
      };
    },
  },
];
