/** Diagrams and charts of statistics. */
import { THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { degrees, display, list, m, n, percent, table } from '../tex.ts';

const DIAGRAMS = 'Statistical Diagrams';

export const charts: Item[] = [
  {
    name: 'pie chart sectors',
    construct: ['Draw pie charts', 'Find angles of pie charts'],
    subject: DIAGRAMS,
    draw(r) {
      const total = r.pick([20, 24, 30, 36, 40, 60, 72, 90, 120, 180]);
      const part = r.int(2, total / 2);
      const share = (part * 100) / total;
      const [what, who] = r.word([
        ['tea', 'people in a café'],
        ['tennis', 'members of a club'],
        ['the bus', 'pupils of a year'],
        ['blue', 'children of a class'],
        ['soup', 'guests of a hotel'],
        ['films', 'students'],
        ['cats', 'pet owners'],
        ['maths', 'learners'],
      ] as const);
      return {
        ask: ask(
          `Of ${n(total)} ${who}, ${n(part)} chose ${what}. How large is the sector for ${what} in a pie chart?`,
          `Calculate the angle of the sector for ${what}: ${n(part)} of ${n(total)} ${who}.`,
          `A pie chart is to show ${n(total)} ${who}. Work out how many degrees stand for the ${n(part)} with ${what}.`,
          `${r.name} draws a pie chart of the answers of ${n(total)} ${who}. ${n(part)} of them said ${what}. What angle should that sector have?`,
          `${n(part)} out of ${n(total)} votes in ${r.place} are for ${what}. How many degrees is that in a pie chart?`,
          `A pie chart stands for ${n(total)} people. Find the angle for the ${n(part)} who prefer ${what}.`,
          `In a survey of ${n(total)} ${who}, the frequency of ${what} is ${n(part)}. Work out the angle of its sector.`,
        ),
        correct: degrees((part * 360) / total),
        wrong: {
          293: degrees(part), // as many degrees as the frequency
          294: Number.isInteger(share) ? degrees(share) : undefined, // the percentage
        },
      };
    },
  },
  {
    name: 'compare pie charts',
    construct: ['Compare pie charts', 'Interpret pie charts'],
    subject: DIAGRAMS,
    draw(r) {
      const [small, large] = [r.int(5, 20) * 10, r.int(30, 60) * 10];
      const [more, less] = [r.int(5, 8) * 5, r.int(3, 4) * 5];
      const [one, two, what] = r.word([
        ['Ashby', 'Brigg', 'walk to work'],
        ['Alton', 'Bourne', 'own a dog'],
        ['Corby', 'Diss', 'read a paper'],
        ['Epsom', 'Frome', 'play chess'],
        ['Goole', 'Hythe', 'grow roses'],
        ['Ilford', 'Jarrow', 'keep bees'],
      ] as const);
      return {
        ask: ask(
          `Two pie charts show what people do. In ${one}, ${percent(more)} of ${n(small)} people ${what}. In ${two}, ${percent(less)} of ${n(large)} people ${what}. Which statement is true?`,
          `A pie chart for ${one} (${n(small)} people) has a sector of ${percent(more)} for those who ${what}. The one for ${two} (${n(large)} people) has ${percent(less)}. What follows?`,
          `${r.name} compares pie charts: ${percent(more)} of the ${n(small)} people asked in ${one} ${what}, and ${percent(less)} of the ${n(large)} asked in ${two}. Where do more of them?`,
          `In ${one}'s pie chart the sector "${what}" is ${percent(more)} of ${n(small)} people, in ${two}'s it is ${percent(less)} of ${n(large)}. Which is right?`,
        ),
        correct: `More people ${what} in ${two}.`,
        wrong: {
          295: `More people ${what} in ${one}.`, // the larger sector
        },
        others: [
          `The same number ${what} in both.`,
          'There is not enough information to tell.',
          `Nobody in ${one} does.`,
        ],
      };
    },
  },
  {
    name: 'cumulative frequency',
    construct: ['Use cumulative frequency', 'Interpret cumulative frequency tables'],
    subject: DIAGRAMS,
    draw(r) {
      const counts = [r.int(2, 15), r.int(2, 15), r.int(2, 15), r.int(2, 15)];
      const sums = counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b));
      const step = r.pick([5, 10, 20]);
      const ends = [1, 2, 3, 4].map((i) => i * step);
      const at = r.int(1, 3);
      const [what, whom] = r.word([
        ['height in cm', 'seedlings'],
        ['time in min', 'callers'],
        ['mass in kg', 'dogs'],
        ['age in years', 'guests'],
        ['length in cm', 'fish'],
        ['score', 'players'],
        ['price in £', 'books'],
        ['speed in km/h', 'vans'],
      ] as const);
      const text = table([`${what}, up to`, ends], [whom, sums]);
      const between = `${n(ends[at - 1])} but no more than ${n(ends[at])}`;
      return {
        ask: ask(
          `The table shows cumulative frequencies for ${n(sums[3])} ${whom}.${text}How many are above ${between}?`,
          `Work out how many ${whom} are above ${between}, from the cumulative frequencies.${text}`,
          `Cumulative frequencies are given for some ${whom}.${text}Calculate the number above ${between}.`,
          `Use this cumulative frequency table.${text}How many ${whom} are above ${between}?`,
          `${r.name} makes a cumulative frequency table.${text}How many ${whom} lie above ${between}?`,
          `At a show in ${r.place}, these cumulative frequencies were found.${text}What is the frequency of the class above ${between}?`,
          `${text.trim()}\nThe frequencies are cumulative. How many ${whom} are above ${between}?`,
        ),
        correct: n(counts[at]),
        wrong: {
          290: n(sums[at]), // the cumulative frequency as the class's own
        },
      };
    },
  },
  {
    name: 'interquartile range',
    construct: ['Find the interquartile range', 'Use quartiles'],
    subject: DIAGRAMS,
    draw(r) {
      const quarter = r.int(5, 30);
      const [low, gap] = [r.int(10, 60), r.int(4, 40)];
      const [what, whom, u] = r.word([
        ['mass', 'parcels', 'kg'],
        ['height', 'pupils', 'cm'],
        ['time', 'runners', 's'],
        ['price', 'rings', 'pounds'],
        ['length', 'planks', 'cm'],
        ['age', 'members', 'years'],
        ['score', 'gamers', 'points'],
        ['depth', 'wells', 'm'],
      ] as const);
      const [first, third] = [`number ${n(quarter)}`, `number ${n(3 * quarter)}`];
      return {
        ask: ask(
          `On a cumulative frequency graph of the ${what} of ${n(4 * quarter)} ${whom}, the ${what} of ${first} is ${n(low)} ${u} and that of ${third} is ${n(low + gap)} ${u}. What is the interquartile range?`,
          `${n(4 * quarter)} ${whom} are put in order of ${what}. ${first.replace('n', 'N')} is at ${n(low)} ${u} and ${third} at ${n(low + gap)} ${u}. Find the interquartile range.`,
          `${r.name} reads a cumulative frequency graph for ${n(4 * quarter)} ${whom}: at ${n(quarter)} the ${what} is ${n(low)} ${u}, at ${n(3 * quarter)} it is ${n(low + gap)} ${u}. What is the interquartile range?`,
          `In ${r.place} ${n(4 * quarter)} ${whom} were measured. The lower quartile, in position ${n(quarter)}, is ${n(low)} ${u}; the upper, in position ${n(3 * quarter)}, is ${n(low + gap)} ${u}. What is the interquartile range?`,
        ),
        correct: `${n(gap)} ${u}`,
        wrong: {
          291: `${n(2 * quarter)} ${u}`, // the positions subtracted
        },
      };
    },
  },
  {
    name: 'stem-and-leaf diagram',
    construct: ['Read stem-and-leaf diagrams', 'Use stem-and-leaf diagrams'],
    subject: DIAGRAMS,
    draw(r) {
      const stem = r.int(1, 6);
      const leaves = (k: number) => r.ints(k, 0, 9).sort((a, b) => a - b);
      const [a, b] = [leaves(3), leaves(3)];
      const values = [...a.map((x) => stem * 10 + x), ...b.map((x) => stem * 10 + 10 + x)];
      const bare = [...a, ...b];
      const range = (xs: readonly number[]) => Math.max(...xs) - Math.min(...xs);
      const key = m(`${stem} \\mid ${a[0]}`);
      const text = display(
        `\\begin{array}{c|ccc} ${stem} & ${a.join(' & ')} \\\\ ${stem + 1} & ${b.join(' & ')} \\end{array}`,
      );
      const biggest = r.chance(0.4);
      const what = biggest ? 'greatest value' : 'range';
      return {
        ask: ask(
          `In this stem-and-leaf diagram ${key} means ${n(values[0])}.${text}What is the ${what}?`,
          `Work out the ${what}. In the diagram ${key} is ${n(values[0])}.${text}`,
          `Here is an ordered stem-and-leaf diagram with key ${key} = ${n(values[0])}.${text}Give the ${what} of the data.`,
          `The diagram shows the ages of six dancers. ${key} stands for ${n(values[0])}.${text}What is the ${what} of their ages?`,
          `${r.name} draws a stem-and-leaf diagram with the key ${key} for ${n(values[0])}.${text}Find the ${what}.`,
          `Marks of six pupils in ${r.place}, where ${key} is ${n(values[0])}:${text}What is the ${what} of the marks?`,
          `Key: ${key} means ${n(values[0])}.${text}Work out the ${what} of the data.`,
        ),
        correct: n(biggest ? Math.max(...values) : range(values)),
        wrong: {
          292: n(biggest ? Math.max(...bare) : range(bare)), // the leaves alone
        },
      };
    },
  },
  {
    name: 'histograms',
    construct: ['Read histograms', 'Use frequency density'],
    subject: DIAGRAMS,
    draw(r) {
      const width = r.pick([2, 4, 5, 15, 20, 25, 30]);
      const [low, density] = [r.int(0, 8) * 5, r.int(2, 15)];
      const cls = m(`${low} < x \\leq ${low + width}`);
      return {
        ask: ask(
          `On a histogram, the bar for ${cls} has a frequency density of ${n(density)}. How many values are in this class?`,
          `A class ${cls} is drawn with a frequency density of ${n(density)}. Work out its frequency.`,
          `Calculate how many values lie in ${cls}, where the histogram has a height of ${n(density)} on the frequency density axis.`,
          `A histogram has a bar over ${cls} whose height, the frequency density, is ${n(density)}. What is the frequency of the class?`,
          `${r.name} reads a frequency density of ${n(density)} for the class ${cls}. How many values does the class hold?`,
          `In a survey in ${r.place} the histogram's bar for ${cls} reaches ${n(density)} on the frequency density axis. Find the frequency.`,
          `Class ${cls}, frequency density ${n(density)}: what is the frequency?`,
        ),
        correct: n(width * density),
        wrong: {
          296: n(density), // the height as the frequency
        },
      };
    },
  },
  {
    name: 'pictograms',
    construct: ['Read pictograms', 'Interpret pictograms'],
    subject: DIAGRAMS,
    draw(r) {
      const key = r.pick([2, 4, 6, 8, 10, 20]);
      const [whole, half] = [r.int(2, 9), r.chance(0.5)];
      const things = r.word(THINGS);
      const symbols = `${n(whole)} whole symbols${half ? ' and a half' : ''}`;
      const x = whole + (half ? 0.5 : 0);
      return {
        ask: ask(
          `In a pictogram each symbol stands for ${n(key)} ${things}. ${r.name}'s row has ${symbols}. How many ${things} is that?`,
          `Each picture means ${n(key)} ${things}. Work out how many ${things} ${symbols} stand for.`,
          `In a chart made of pictures, one picture is worth ${n(key)} ${things}. A row shows ${symbols}. Calculate its total.`,
          `The key of a pictogram says: one symbol is ${n(key)} ${things}. How many ${things} are shown by ${symbols}?`,
          `A pictogram of ${things} sold in ${r.place} has ${symbols} for Friday. Each symbol means ${n(key)} ${things}. How many were sold on Friday?`,
          `One picture stands for ${n(key)} ${things}. A row shows ${symbols}. What number does it show?`,
          `Each symbol represents ${n(key)}. What do ${symbols} represent?`,
        ),
        correct: n(x * key),
        wrong: {
          297: n(x), // each symbol as one
        },
      };
    },
  },
  {
    name: 'correlation',
    construct: ['Interpret scatter graphs', 'Understand correlation'],
    subject: DIAGRAMS,
    draw(r) {
      const [a, b] = r.word([
        ['umbrellas are sold', 'cars crash'],
        ['fans are used', 'people swim'],
        ['firefighters are sent', 'damage is done'],
        ['storks nest', 'babies are born'],
        ['coats are bought', 'people catch colds'],
        ['tea is drunk', 'books are borrowed'],
        ['phones are charged', 'lights are on'],
        ['trains run late', 'taxis are hired'],
        ['hot meals are ordered', 'heaters are running'],
        ['lemonade is drunk', 'ants are seen'],
        ['roses bloom', 'kites are flown'],
        ['candles are bought', 'gloves are lost'],
      ] as const);
      const up = (text: string) => text[0].toUpperCase() + text.slice(1);
      return {
        ask: ask(
          `A scatter graph of ${r.place} shows that on days when more ${a}, more ${b}. Which conclusion does it support?`,
          `A survey says: if more ${a}, then more ${b} too. What does this allow us to say?`,
          `Two things go up together: more ${a} and more ${b}. Choose the statement that must hold.`,
          `${r.name} finds a positive correlation: the more ${a}, the more ${b}. What can be concluded?`,
          `Records show that when more ${a}, more ${b} as well. Which statement follows from the records alone?`,
          `In weeks when more ${a}, more ${b}. What do these data show?`,
          `A newspaper in ${r.place} reports that more ${b} in months when more ${a}. What do the figures tell us?`,
        ),
        correct: r.pick([
          'The two rise together, but the data do not show why.',
          'There is a correlation, which does not prove a cause.',
          'They are correlated; neither need cause the other.',
        ]),
        wrong: {
          298: r.pick([
            `When more ${a}, that makes more happen: it causes it that more ${b}.`,
            `It is because more ${a} that more ${b}.`,
            `${up(b)} because ${a}.`,
          ]), // correlation as cause
        },
        others: [
          'There is no correlation between the two.',
          'As one rises, the other falls.',
          'The two numbers are always equal.',
        ],
      };
    },
  },
  {
    name: 'mode from a bar chart in words',
    construct: ['Find the mode of a set of data', 'Interpret bar charts'],
    subject: 'Averages and Range',
    draw(r) {
      const sizes = r.ints(4, 2, 12).sort((a, b) => a - b);
      const counts = r.ints(4, 1, 25);
      const most = Math.max(...counts);
      const bars = sizes.map((size, i) => `${n(size)}: ${n(counts[i])}`).join(', ');
      return {
        ask: ask(
          `A bar chart shows shoe sizes and how many pairs were sold: ${bars}. What is the modal size?`,
          `${r.name} counts how often each score came up: ${bars}. What is the mode?`,
          `Scores and their frequencies in a quiz in ${r.place}: ${bars}. Which score is the mode?`,
          `Here are values, each with its frequency: ${bars}. Find the mode.`,
          `The bars over the numbers ${m(list(sizes))} have the heights ${m(list(counts))}. What is the mode of the numbers?`,
        ),
        correct: n(sizes[counts.indexOf(most)]),
        wrong: {
          282: n(most), // the highest frequency
        },
        others: sizes.map((size) => n(size)),
      };
    },
  },
];
