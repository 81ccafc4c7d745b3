/** Units, scales, bounds and compound measures. */
import { LIQUIDS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { m, n, num } from '../tex.ts';

const UNITS = 'Units of Measurement';
const BOUNDS = 'Bounds';
const COMPOUND = 'Compound Measures';

const KINDS = [
  {
    big: 'km',
    small: 'm',
    id: 240,
    things: ['road', 'walk', 'river', 'flight path', 'canal', 'race', 'tunnel', 'coast path'],
    verb: 'is',
    end: ' long',
  },
  {
    big: 'kg',
    small: 'g',
    id: 241,
    things: ['melon', 'parcel', 'cat', 'sack of rice', 'dictionary', 'loaf', 'pumpkin', 'toolbox'],
    verb: 'has a mass of',
    end: '',
  },
  {
    big: 'litres',
    small: 'ml',
    id: 242,
    things: ['jug', 'bottle', 'bucket', 'kettle', 'flask', 'vase', 'teapot', 'watering can'],
    verb: 'holds',
    end: '',
  },
] as const;

export const measures: Item[] = [
  {
    name: 'convert units',
    construct: [
      'Convert units of mass',
      'Convert units of capacity',
      'Convert units of length',
      'Convert metric units',
    ],
    subject: UNITS,
    draw(r) {
      const { big, small, id, things, verb, end } = r.pick(KINDS);
      const down = r.chance(0.5);
      const x = down ? r.decimal(0, 9, r.int(1, 2)) : r.int(1, 90) * r.pick([5, 10, 50]);
      const [from, to, by] = down ? [big, small, 1000] : [small, big, 0.001];
      const thing = r.word(things);
      return {
        ask: ask(
          `A ${thing} ${verb} ${n(x)} ${from}${end}. What is this in ${to}?`,
          `Change ${n(x)} ${from} to ${to}.`,
          `${r.name}'s ${thing} ${verb} ${n(x)} ${from}${end}. How many ${to} is that?`,
          `How many ${to} are there in ${n(x)} ${from}?`,
          `Convert ${n(x)} ${from} into ${to}.`,
          `Write ${n(x)} ${from} in ${to}.`,
          `In a shop in ${r.place} a label says that a ${thing} ${verb} ${n(x)} ${from}${end}. Express this in ${to}.`,
        ),
        correct: `${n(x * by)} ${to}`,
        wrong: {
          243: `${n(x / by)} ${to}`, // multiplied for divided, or the other way round
          [id]: `${n(down ? x * 100 : x / 100)} ${to}`, // a hundred for a thousand
        },
      };
    },
  },
  {
    name: 'convert units of area and volume',
    construct: ['Convert units of area', 'Convert units of volume'],
    subject: UNITS,
    draw(r) {
      const volume = r.chance(0.5);
      const [big, small, factor] = r.pick([
        ['m', 'cm', 100],
        ['cm', 'mm', 10],
      ] as const);
      const p = volume ? 3 : 2;
      const x = r.chance(0.6) ? r.int(2, 9) : r.decimal(1, 9, 1);
      const unit = (u: string) => `${u}${m(`^${p}`)}`;
      const thing = volume
        ? r.word(['tank', 'crate', 'box', 'skip', 'block'])
        : r.word(['floor', 'wall', 'banner', 'board', 'sheet']);
      return {
        ask: ask(
          `How many ${unit(small)} are there in ${n(x)} ${unit(big)}?`,
          `Change ${n(x)} ${unit(big)} to ${unit(small)}.`,
          `A ${thing} measures ${n(x)} ${unit(big)}. What is this in ${unit(small)}?`,
          `${r.name} converts ${n(x)} ${unit(big)} to ${unit(small)}. What is the answer?`,
          `Write ${n(x)} ${unit(big)} in ${unit(small)}.`,
          `A ${thing} in ${r.place} takes up ${n(x)} ${unit(big)}. How many ${unit(small)} is that?`,
        ),
        correct: n(x * factor ** p),
        wrong: {
          244: volume ? undefined : n(x * factor), // the factor of lengths
          245: volume ? n(x * factor) : undefined, // the factor of lengths
          243: x / factor ** p > 1e-5 ? n(x / factor ** p) : undefined, // divided
        },
      };
    },
  },
  {
    name: 'read a scale',
    construct: ['Read scales', 'Read measuring instruments'],
    subject: 'Reading Scales',
    draw(r) {
      const [spaces, step] = r.pick([
        [5, 10],
        [5, 20],
        [4, 20],
        [4, 100],
        [2, 10],
        [10, 100],
        [5, 100],
        [10, 50],
      ]);
      const from = step * r.int(1, 9);
      const k = r.int(1, spaces - 1);
      const u = r.pick(['g', 'ml', 'cm', 'kg', '°C']);
      const marks = `${n(from)} ${u} and ${n(from + step)} ${u}`;
      return {
        ask: ask(
          `On a scale there are ${n(spaces)} equal spaces between the marks for ${marks}. The pointer is at the end of space number ${n(k)} after ${n(from)} ${u}. What does it show?`,
          `The gap between ${marks} on a dial is divided into ${n(spaces)} equal parts. The needle is ${n(k)} small divisions past ${n(from)} ${u}. What is the reading?`,
          `${r.name} reads an instrument. Between ${marks} there are ${n(spaces)} equal divisions, and the pointer stands ${n(k)} of them above ${n(from)} ${u}. What is the reading?`,
          `A gauge in ${r.place} has ${n(spaces)} equal steps from ${n(from)} ${u} to ${n(from + step)} ${u}. It stands ${n(k)} steps above the lower mark. What does it measure?`,
        ),
        correct: n(from + (k * step) / spaces, u),
        wrong: {
          246: n(from + k, u), // each division as one unit
        },
      };
    },
  },
  {
    name: 'bounds',
    construct: ['Find upper and lower bounds', 'Understand bounds'],
    subject: BOUNDS,
    draw(r) {
      const unit = r.pick([1, 1, 10, 0.1]);
      const x = r.int(5, 90) * unit;
      const u = r.pick(['cm', 'kg', 'm', 's']);
      const [upper, to] = [r.chance(0.6), unit === 1 ? 'whole number' : n(unit)];
      const s = upper ? 1 : -1;
      return {
        ask: ask(
          `A measurement is ${n(x)} ${u}, to the nearest ${to}. What is its ${upper ? 'upper' : 'lower'} bound?`,
          `Correct to the nearest ${to}, something measures ${n(x)} ${u}. Work out the ${upper ? 'upper' : 'lower'} bound.`,
          `Give the ${upper ? 'upper' : 'lower'} limit of accuracy of ${n(x)} ${u}, which was rounded to the nearest ${to}.`,
          `Find the ${upper ? 'upper' : 'lower'} bound of ${n(x)} ${u}, rounded to the nearest ${to}.`,
          `${r.name} measures ${n(x)} ${u} to the nearest ${to}. What is the ${upper ? 'upper' : 'lower'} bound of the true value?`,
          `${n(x)} ${u} has been rounded to the nearest ${to}. Give its ${upper ? 'upper' : 'lower'} bound.`,
          `A label in a shop in ${r.place} says ${n(x)} ${u}, correct to the nearest ${to}. What is the ${upper ? 'greatest' : 'least'} bound on the true value?`,
        ),
        correct: n(x + (s * unit) / 2, u),
        wrong: {
          247: n(x + s * unit, u), // a whole unit either way
          248: upper ? n(x + unit * 0.4, u) : undefined, // the largest number with one more decimal place
        },
      };
    },
  },
  {
    name: 'greatest value of a quotient',
    construct: ['Calculate with bounds', 'Use bounds in calculations'],
    subject: BOUNDS,
    draw(r) {
      const [a, b] = [r.int(5, 40) * 10, r.int(5, 30) * 2];
      const half = { a: 5, b: 1 };
      const [top, bottom] = [`${n(a)} m, to the nearest ${n(10)} m,`, `${n(b)} s, to the nearest ${n(2)} s`];
      const by = (x: number, y: number) => m(`${num(x)} \\div ${num(y)}`);
      return {
        ask: ask(
          `A runner covers ${top} in ${bottom}. Which calculation gives the greatest possible average speed in m/s?`,
          `${r.name} cycles ${top} in ${bottom}. How is the upper bound of the speed in m/s found?`,
          `A distance is ${top} and a time ${bottom}. Which quotient is the upper bound of the speed?`,
          `A drone flies ${top} over ${r.place} in ${bottom}. Which calculation gives its highest possible mean speed?`,
        ),
        correct: by(a + half.a, b - half.b),
        wrong: {
          249: by(a + half.a, b + half.b), // upper by upper
          247: by(a + 10, b - 2), // a whole unit either way
        },
        others: [by(a - half.a, b - half.b), by(a - half.a, b + half.b), by(a, b)],
        byForm: true,
      };
    },
  },
  {
    name: 'density',
    construct: ['Calculate density', 'Use density, mass and volume'],
    subject: COMPOUND,
    draw(r) {
      const [density, volume] = [r.pick([2, 3, 4, 5, 8, 2.5, 1.5, 0.8, 0.5, 12]), r.int(2, 20) * 10];
      const mass = density * volume;
      const [x, y] = [`${n(mass)} g`, `${n(volume)} cm${m('^3')}`];
      return {
        ask: ask(
          `A metal block has a mass of ${x} and a volume of ${y}. What is its density in g/cm${m('^3')}?`,
          `Calculate the density of ${x} of a material with a volume of ${y}, in g/cm${m('^3')}.`,
          `The mass of an object is ${x} and it fills ${y}. Work out its density in g/cm${m('^3')}.`,
          `What density, in g/cm${m('^3')}, does a liquid have if ${y} of it weighs ${x}?`,
          `Find the density, in g/cm${m('^3')}, of a stone of ${x} that takes up ${y}.`,
          `${r.name} weighs ${y} of ${r.word(LIQUIDS)} and gets ${x}. What is its density in g/cm${m('^3')}?`,
          `A bar from a workshop in ${r.place} is ${y} in volume and ${x} in mass. Calculate its density in g/cm${m('^3')}.`,
          `${x} of a material fill ${y}. What is the density of the material in g/cm${m('^3')}?`,
        ),
        correct: n(density),
        wrong: {
          250: n(Number((volume / mass).toFixed(3))), // volume by mass
          251: n(mass * volume), // multiplied
        },
      };
    },
  },
];
