/** Substituting into formulae, and forming expressions and equations from words. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { m, n, sum } from '../tex.ts';

export const formulae: Item[] = [
  {
    name: 'substitute into a square',
    construct: ['Substitute into expressions', 'Substitute numbers into expressions with powers'],
    subject: 'Substitution',
    draw(r) {
      const x = r.letter;
      const [a, v] = [r.int(2, 6), r.int(3, 9)];
      const tex = `${a}${x}^2`;
      const value = m(`${x} = ${v}`);
      return {
        ask: ask(
          `What is the value of ${m(tex)} when ${value}?`,
          `Find ${m(tex)} if ${value}.`,
          `${value}. Work out ${m(tex)}.`,
          `${r.name} substitutes ${value} into ${m(tex)}. What is the result?`,
          `Evaluate ${m(tex)} for ${value}.`,
          `A square tile has sides of ${m(x)} cm, so ${n(a)} tiles cover ${m(tex)} cm\\(^2\\). What area is that when ${value}?`,
          `Given that ${value}, what is ${m(tex)}?`,
        ),
        correct: n(a * v * v),
        wrong: {
          130: n((a * v) ** 2), // coefficient first
          129: n(a + v * v), // coefficient added
          122: n(a * v * 2), // squared as times two
        },
      };
    },
  },
  {
    name: 'substitute into a linear expression',
    construct: ['Substitute into expressions', 'Use a formula'],
    subject: 'Substitution',
    draw(r) {
      const x = r.letter;
      const [a, v, b] = [r.int(2, 9), r.int(2, 9), r.int(1, 20)];
      const tex = sum([a, x], [b, '']);
      const value = m(`${x} = ${v}`);
      return {
        ask: ask(
          `What is the value of ${m(tex)} when ${value}?`,
          `Find ${m(tex)} if ${value}.`,
          `A taxi in ${r.place} charges ${m(tex)} pounds for ${m(x)} miles. What does a ride of ${n(v)} miles cost, in pounds?`,
          `${r.name} hires a bike. It costs ${m(tex)} euros for ${m(x)} hours. How many euros are ${n(v)} hours?`,
          `Evaluate ${m(tex)} for ${value}.`,
          `${value}. Work out ${m(tex)}.`,
          `A plumber's bill for ${m(x)} hours is ${m(tex)} pounds. What is the bill for ${n(v)} hours?`,
          `Given that ${value}, what is ${m(tex)}?`,
        ),
        correct: n(a * v + b),
        wrong: {
          128: n(Number(`${a}${v}`) + b), // the value as a digit
          129: n(a + v + b), // coefficient added
        },
      };
    },
  },
  {
    name: 'less than an unknown',
    construct: ['Write expressions from words', 'Form expressions'],
    subject: 'Forming Expressions',
    draw(r) {
      const x = r.letter;
      const [b, a] = [r.int(2, 20), r.pick([1, 2, 3, 4])];
      const times = ['', '', 'twice ', 'three times ', 'four times '][a];
      const name = r.name;
      return {
        ask: ask(
          `Which expression means ${n(b)} less than ${times}${m(x)}?`,
          `${name} thinks of a number, ${m(x)}. Which expression is ${n(b)} less than ${times}${name}'s number?`,
          `A plank is ${m(x)} cm long. A second plank is ${n(b)} cm less than ${times}the first in length. How long is it, in cm?`,
          `Write "${n(b)} less than ${times}${m(x)}" in algebra.`,
          `${name} is ${m(x)} years old. An aunt's age is ${n(b)} less than ${times}that. What is the aunt's age?`,
          `One shop sells ${m(x)} loaves a day, a shop in ${r.place} sells ${n(b)} less than ${times}that. How many does the second sell?`,
        ),
        correct: m(sum([a, x], [-b, ''])),
        wrong: {
          150: m(`${b} - ${sum([a, x])}`), // in the order of the words
        },
        others: [
          m(`${a === 1 ? '' : a}(${x} - ${b})`),
          m(sum([a, x], [b, ''])),
          m(`${b}${x}`),
          m(`${x}^2 - ${b}`),
        ].filter((text) => text !== m(`(${x} - ${b})`)),
      };
    },
  },
  {
    name: 'letters for objects',
    construct: ['Write equations from words', 'Form equations'],
    subject: 'Forming Expressions',
    draw(r) {
      const k = r.int(3, 12);
      const [many, few, one] = r.word([
        ['students', 'teachers', 'teacher'],
        ['sheep', 'dogs', 'dog'],
        ['cars', 'lorries', 'lorry'],
        ['wheels', 'frames', 'frame'],
        ['pupils', 'computers', 'computer'],
        ['apples', 'melons', 'melon'],
        ['hens', 'cockerels', 'cockerel'],
        ['fans', 'players', 'player'],
      ] as const);
      const [p, q] = [many[0].toUpperCase(), few[0].toUpperCase()];
      const letters = `${m(p)} for the number of ${many} and ${m(q)} for the number of ${few}`;
      return {
        ask: ask(
          `There are ${n(k)} times as many ${many} as ${few}. Use ${letters}. Which equation is right?`,
          `At a place in ${r.place}, there are ${n(k)} ${many} for every ${one}. With ${letters}, which equation says so?`,
          `${r.name} counts ${n(k)} ${many} to each ${one}. Writing ${letters}, which is true?`,
          `For each ${one} there are ${n(k)} ${many}. Which equation links the numbers ${m(p)} of ${many} and ${m(q)} of ${few}?`,
          `The number of ${many} is ${n(k)} times the number of ${few}. Which equation fits, with ${letters}?`,
        ),
        correct: m(`${p} = ${k}${q}`),
        wrong: {
          151: m(`${k}${p} = ${q}`), // the multiplier with the more numerous
        },
        others: [m(`${p} = ${q} + ${k}`), m(`${k}${p} = ${k}${q}`), m(`${p}${q} = ${k}`), m(`${p} + ${q} = ${k}`)],
      };
    },
  },
];
