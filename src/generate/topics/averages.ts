/** Averages and spread, of lists and of tables. */
import { GROUPS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { display, list, m, n, num, table } from '../tex.ts';

const AVERAGES = 'Averages and Range';
const TABLES = 'Averages from Tables';

const total = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0);
const two = (x: number): number => Number(x.toFixed(2));

/** What is counted in a frequency table, and of whom. */
const COUNTED = [
  ['pets', 'families'],
  ['goals', 'matches'],
  ['siblings', 'pupils'],
  ['books', 'readers'],
  ['cups', 'nurses'],
  ['bikes', 'households'],
  ['visits', 'patients'],
  ['phones', 'homes'],
  ['texts', 'friends'],
  ['absences', 'students'],
  ['eggs', 'nests'],
  ['errors', 'typists'],
] as const;

export const averages: Item[] = [
  {
    name: 'mean of a list',
    construct: ['Find the mean of a list', 'Calculate the mean'],
    subject: AVERAGES,
    draw(r) {
      const zeros = r.chance(0.55) ? r.int(1, 2) : 0;
      const count = r.int(4, 6);
      const values = Array.from({ length: count - zeros }, () => r.int(1, 15));
      const all = r.shuffled([...values, ...Array.from({ length: zeros }, () => 0)]);
      const t = total(all);
      const shown = m(list(all));
      return {
        ask: ask(
          `What is the mean of ${shown}?`,
          `Find the mean of these numbers.${display(list(all))}`,
          `${r.name} scores ${shown} points in ${n(count)} games. What is the mean score?`,
          `The number of rainy days in ${n(count)} months in ${r.place} was ${shown}. What is the mean?`,
          `Work out the mean of ${shown}, to 2 d.p. where needed.`,
          `Members of a ${r.word(GROUPS)} are away for ${shown} days. Find the mean number of days.`,
          `${shown}: what is the arithmetic mean?`,
        ),
        correct: n(two(t / count)),
        wrong: {
          278: n(t), // the total
          279: zeros > 0 ? n(two(t / (count - zeros))) : undefined, // zeros not counted
        },
      };
    },
  },
  {
    name: 'median of a list',
    construct: ['Find the median of a list', 'Find the median'],
    subject: AVERAGES,
    draw(r) {
      const even = r.chance(0.7);
      const values = r.ints(even ? 6 : 5, 1, 30);
      const sorted = values.toSorted((x, y) => x - y);
      const middle = (xs: readonly number[]) => (even ? (xs[2] + xs[3]) / 2 : xs[2]);
      const shown = m(list(values));
      return {
        ask: ask(
          `What is the median of ${shown}?`,
          `Find the median of these numbers.${display(list(values))}`,
          `${r.name} writes down the ages ${shown}. What is their median?`,
          `The temperatures in ${r.place} were ${shown} degrees. What is the median?`,
          `Work out the median of ${shown}.`,
          `Runners finish in ${shown} minutes. Find the median time in minutes.`,
        ),
        correct: n(middle(sorted)),
        wrong: {
          280: n(middle(values)), // not put in order
          281: even ? n(sorted[2]) : undefined, // the lower of the two
        },
      };
    },
  },
  {
    name: 'range of a list',
    construct: ['Find the range of a list', 'Find the range'],
    subject: AVERAGES,
    draw(r) {
      const cold = r.chance(0.4);
      const values = cold ? r.shuffled([...r.ints(3, -15, -1), ...r.ints(2, 1, 14)]) : r.ints(r.int(5, 6), 2, 60);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const shown = m(list(values));
      return {
        ask: ask(
          `What is the range of ${shown}?`,
          `Find the range of these values.${display(list(values))}`,
          cold
            ? `Noon temperatures in ${r.place}, in °C, were ${shown}. What was the range, in degrees?`
            : `${r.name}'s scores are ${shown}. What is their range?`,
          `Work out the range of ${shown}.`,
          cold
            ? `${r.name} notes these temperatures in °C: ${shown}. Find the range in degrees.`
            : `Parcels weigh ${shown} kg. What is the range of their masses, in kg?`,
          `${shown}: how large is the range?`,
        ),
        correct: n(high - low),
        wrong: {
          283: n(values.at(-1)! - values[0]), // last minus first
          21: cold ? n(Math.abs(high + low)) : undefined, // the sizes subtracted
        },
      };
    },
  },
  {
    name: 'mean of a frequency table',
    construct: ['Find the mean from a frequency table', 'Use frequency tables'],
    subject: TABLES,
    draw(r) {
      const rows = r.int(4, 5);
      const start = r.int(0, 2);
      const values = Array.from({ length: rows }, (_, i) => start + i);
      const counts = values.map(() => r.int(1, 12));
      const [what, whom] = r.word(COUNTED);
      const sum = total(values.map((v, i) => v * counts[i]));
      const text = table([what, values], [whom, counts]);
      return {
        ask: ask(
          `The table shows the ${what} of some ${whom}.${text}What is the mean number of ${what}?`,
          `Calculate the mean number of ${what} from this table, to 2 d.p. where needed.${text}`,
          `How many ${what} are there on average?${text}`,
          `Find the mean number of ${what} to 2 d.p. where needed.${text}`,
          `${r.name} counts ${what} and makes this table.${text}What is the mean?`,
          `In ${r.place} some ${whom} were asked about their ${what}.${text}Work out the mean number of ${what}.`,
          `${text.trim()}\nCalculate the mean of the ${what} in this frequency table.`,
        ),
        correct: n(two(sum / total(counts))),
        wrong: {
          285: n(two(sum / rows)), // divided by the number of rows
          286: n(two(total(values) / rows)), // frequencies ignored
          278: n(sum), // the total
        },
      };
    },
  },
  {
    name: 'mode, median and range of a table',
    construct: ['Find the mode and median from a frequency table', 'Find the range from a frequency table'],
    subject: TABLES,
    draw(r) {
      const start = r.int(0, 4);
      const values = Array.from({ length: 5 }, (_, i) => start + i);
      const counts = r.shuffled(r.ints(5, 1, 20));
      const [what, whom] = r.word(COUNTED);
      const most = Math.max(...counts);
      const ordered = values.flatMap((v, i) => Array.from({ length: counts[i] }, () => v));
      const half = ordered.length / 2;
      const median = ordered.length % 2 === 1 ? ordered[Math.floor(half)] : (ordered[half - 1] + ordered[half]) / 2;
      const text = table([what, values], [whom, counts]);
      const ask3 = (word: string) =>
        ask(
          `The table shows the ${what} of some ${whom}.${text}What is the ${word} of the number of ${what}?`,
          `Find the ${word} of the ${what}.${text}`,
          `${r.name} makes a table of ${what}.${text}What is the ${word}?`,
          `Some ${whom} in ${r.place} were asked about ${what}.${text}Give the ${word} of the number of ${what}.`,
          `${text.trim()}\nWhat is the ${word} of the ${what} in this frequency table?`,
        );
      const form = r.int(0, 2);
      if (form === 0) {
        return {
          ask: ask3('mode'),
          correct: n(values[counts.indexOf(most)]),
          wrong: {
            282: n(most), // the highest frequency
          },
        };
      }
      if (form === 1) return { ask: ask3('median'), correct: n(median), wrong: { 287: n(values[2]) } }; // the middle row
      return {
        ask: ask3('range'),
        correct: n(4),
        wrong: {
          284: n(most - Math.min(...counts)), // of the frequencies
        },
      };
    },
  },
  {
    name: 'estimated mean',
    construct: ['Estimate the mean from grouped data', 'Use grouped frequency tables'],
    subject: TABLES,
    draw(r) {
      const width = r.pick([4, 10, 20]);
      const counts = [r.int(1, 12), r.int(1, 12), r.int(1, 12)];
      const all = total(counts);
      const at = (i: number) => num(i * width);
      const classes = counts.map((_, i) => `${at(i)} < t \\leq ${at(i + 1)}`);
      const mean = (value: (i: number) => number) => two(total(counts.map((c, i) => c * value(i))) / all);
      const [whom, what] = r.word([
        ['patients', 'waiting'],
        ['runners', 'race'],
        ['callers', 'call'],
        ['pupils', 'travel'],
        ['swimmers', 'swim'],
        ['drivers', 'delay'],
        ['shoppers', 'queueing'],
        ['visitors', 'visit'],
      ] as const);
      const text = table([`time t`, classes], [whom, counts]);
      return {
        ask: ask(
          `The table shows the ${what} times of ${n(all)} ${whom}, in minutes.${text}What is an estimate of the mean time?`,
          `Calculate an estimate of the mean of these times in minutes.${text}`,
          `Use midpoints to estimate the average ${what} time in minutes, to 2 d.p. where needed.${text}`,
          `Estimate the mean ${what} time in minutes, to 2 d.p. where needed.${text}`,
          `${r.name} groups the ${what} times of some ${whom}, in minutes.${text}Work out an estimate of the mean.`,
          `At a place in ${r.place}, ${what} times in minutes were recorded.${text}Find an estimate for the mean time.`,
          `${text.trim()}\nUse the table to estimate the mean time in minutes.`,
        ),
        correct: n(mean((i) => (i + 0.5) * width)),
        wrong: {
          289: n(mean((i) => (i + 1) * width)), // upper ends of the classes
          286: n(1.5 * width), // frequencies ignored
          285: n(two(total(counts.map((c, i) => c * (i + 0.5) * width)) / 3)), // divided by the number of rows
        },
      };
    },
  },
  {
    name: 'combine means',
    construct: ['Combine means', 'Find the mean of two groups'],
    subject: AVERAGES,
    draw(r) {
      const [p, q] = r.ints(2, 1, 5);
      const k = r.int(2, 8);
      const [a, b] = [p * k, q * k];
      const [x, y] = r.ints(2, 8, 60).map((v) => v * (p + q > 6 ? 1 : 2));
      return {
        ask: ask(
          `${n(a)} boys have a mean score of ${n(x)} and ${n(b)} girls have a mean score of ${n(y)} in the same test. What is the mean score of all ${n(a + b)}, to 2 d.p. where needed?`,
          `${n(a)} runners need ${n(x)} minutes on average and ${n(b)} others need ${n(y)} minutes. Calculate the mean time of all the runners, to 2 d.p. where needed.`,
          `The average of ${n(a)} readings is ${n(x)}; the average of ${n(b)} more is ${n(y)}. Work out the overall average, to 2 d.p. where needed.`,
          `The mean of ${n(a)} numbers is ${n(x)}. The mean of ${n(b)} other numbers is ${n(y)}. What is the mean of them all, to 2 d.p. where needed?`,
          `In one class of ${n(a)} the mean mark is ${n(x)}, in another of ${n(b)} it is ${n(y)}. Find the mean mark of both classes together, to 2 d.p. where needed.`,
          `${r.name} drives for ${n(a)} days, ${n(x)} km a day on average, and then for ${n(b)} days, ${n(y)} km a day on average. What is the average of all the days in km, to 2 d.p. where needed?`,
          `A shop in ${r.place} sold ${n(x)} loaves a day on average for ${n(a)} days and ${n(y)} a day for the next ${n(b)} days. What was the daily mean over the whole time, to 2 d.p. where needed?`,
        ),
        correct: n(two((a * x + b * y) / (a + b))),
        wrong: {
          288: n((x + y) / 2), // not weighted
        },
      };
    },
  },
];
