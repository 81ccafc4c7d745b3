/** Sequences. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { display, list, m, n, ordinal, sum } from '../tex.ts';

const SUBJECT = 'Sequences';

export const sequences: Item[] = [
  {
    name: 'nth term',
    construct: ['Find the nth term of a linear sequence', 'Find the rule of a linear sequence'],
    subject: SUBJECT,
    draw(r) {
      const down = r.chance(0.4);
      const d = r.int(2, 9) * (down ? -1 : 1);
      const first = down ? r.int(15, 60) : r.int(1, 25);
      const terms = [0, 1, 2, 3].map((i) => first + i * d);
      const shown = m(`${list(terms)}, \\ldots`);
      const size = Math.abs(d);
      // A decreasing rule is written with the constant in front.
      const rule = (coefficient: number, constant: number) =>
        m(coefficient < 0 ? sum([constant, ''], [coefficient, 'n']) : sum([coefficient, 'n'], [constant, '']));
      return {
        ask: ask(
          `What is the ${m('n')}th term of ${shown}?`,
          `Which rule gives the ${m('n')}th term of ${shown}?`,
          `Find an expression for the ${m('n')}th term of the sequence ${shown}`,
          `${r.name} builds patterns that use ${m(list(terms))} matches. Which expression gives the matches of pattern ${m('n')}?`,
          `A sequence starts ${shown} What is its ${m('n')}th term?`,
          `The rows of a theatre in ${r.place} have ${m(list(terms))} seats and go on like this. How many seats has row ${m('n')}?`,
          `Write the ${m('n')}th term for this sequence:${display(`${list(terms)}, \\ldots`)}`,
        ),
        correct: rule(d, first - d),
        wrong: {
          152: m(sum([1, 'n'], [d, ''])), // n plus the difference
          153: rule(d, first), // the first term as the constant
          154: down ? undefined : rule(first, d), // the two numbers the wrong way round
          155: down ? m(sum([size, 'n'], [first - d, ''])) : undefined, // a positive coefficient
        },
      };
    },
  },
  {
    name: 'a later term',
    construct: ['Continue linear sequences', 'Find a later term of a linear sequence'],
    subject: SUBJECT,
    draw(r) {
      const [d, first] = [r.int(2, 9), r.int(1, 20)];
      const k = r.pick([6, 8, 10, 12, 20]);
      const at = (i: number) => first + (i - 1) * d;
      const terms = Array.from({ length: Math.min(k / 2, 6) }, (_, i) => at(i + 1));
      const shown = m(list(terms));
      return {
        ask: ask(
          `A sequence begins ${shown}. What is the ${ordinal(k)} term?`,
          `${r.name} makes patterns with ${shown} tiles. How many tiles are in pattern ${n(k)}?`,
          `Find the ${ordinal(k)} term of ${m(`${list(terms)}, \\ldots`)}`,
          `${shown} are the first terms of a linear sequence. Which number comes in the ${ordinal(k)} place?`,
          `Savings grow each week like this: ${shown} pounds. How many pounds are there in week ${n(k)}?`,
          `In a hall in ${r.place} the rows have ${shown} chairs, and so on. How many chairs has row ${n(k)}?`,
        ),
        correct: n(at(k)),
        wrong: {
          156: n(2 * at(k / 2)), // twice the term half as far
          159: n(first * k), // the first term times the position
        },
      };
    },
  },
  {
    name: 'sum of the two before',
    construct: ['Continue other sequences', 'Continue Fibonacci-type sequences'],
    subject: SUBJECT,
    draw(r) {
      const terms = [r.int(1, 9), r.int(1, 12)];
      for (let i = 2; i < 6; i++) terms.push(terms[i - 1] + terms[i - 2]);
      const shown = terms.slice(0, 5);
      const last = shown[4];
      return {
        ask: ask(
          `Each term of a sequence is the sum of the two terms before it. What comes next?${display(list(shown))}`,
          `Continue this sequence, where two neighbours add up to the next term: ${m(list(shown))}.`,
          `Work out the next term. Every term from the third is the two before it added together.${display(list(shown))}`,
          `${r.name} adds the last two numbers to get the next: ${m(list(shown))}. What is the next number?`,
          `In a Fibonacci-type sequence ${m(`${list(shown)}, \\ldots`)} what is the next term?`,
          `The rule is to add the two previous terms. Continue ${m(list(shown))}. Which number follows?`,
          `Rabbits on a farm near ${r.place} number ${m(list(shown))} in five months, each month the sum of the two before. How many are there in the sixth?`,
        ),
        correct: n(terms[5]),
        wrong: {
          157: n(last + (last - shown[3])), // the last difference again
          160: n(2 * last), // doubles the last term
        },
      };
    },
  },
  {
    name: 'growing differences',
    construct: ['Continue other sequences', 'Continue quadratic sequences'],
    subject: SUBJECT,
    draw(r) {
      const [first, gap, grow] = [r.int(1, 10), r.int(1, 6), r.int(1, 4)];
      const terms = [first];
      for (let i = 0; i < 5; i++) terms.push(terms[i] + gap + i * grow);
      const shown = terms.slice(0, 5);
      return {
        ask: ask(
          `What is the next term of ${m(`${list(shown)}, \\ldots`)}?`,
          `Work out which number follows in ${m(`${list(shown)}, \\ldots`)}.`,
          `Look at the gaps between the terms, and give the next one: ${m(`${list(shown)}, \\ldots`)}`,
          `The differences of a sequence grow by the same amount each time: ${m(list(shown))}. Which number comes next?`,
          `${r.name} draws dot patterns with ${m(list(shown))} dots. How many dots has the next pattern?`,
          `Continue the quadratic sequence ${m(list(shown))} by one term.`,
          `A plant in ${r.place} measures ${m(list(shown))} mm on five days, and the pattern of its growth continues. What is its height on day six, in mm?`,
        ),
        correct: n(terms[5]),
        wrong: {
          157: n(shown[4] + shown[4] - shown[3]), // the last difference again
        },
      };
    },
  },
  {
    name: 'first term from a rule',
    construct: ['Generate terms of a sequence', 'Use the nth term'],
    subject: SUBJECT,
    draw(r) {
      const [a, b, c] = [r.pick([0, 1, 1]), r.int(2, 9), r.intNot(-9, 9, 0)];
      const rule = m(sum([a, 'n^2'], [b, 'n'], [c, '']));
      return {
        ask: ask(
          `The ${m('n')}th term of a sequence is ${rule}. What is the first term?`,
          `A sequence has the rule ${rule}. Which number does it start with?`,
          `${r.name} writes down the sequence with ${m('n')}th term ${rule}. What is its first number?`,
          `Pattern ${m('n')} needs ${rule} tiles. How many are in the first pattern?`,
          `Find the first term when the ${m('n')}th term is ${rule}.`,
          `What does the sequence ${rule} begin with?`,
        ),
        correct: n(a + b + c),
        wrong: {
          158: n(c), // n = 0
          122: a === 1 ? n(2 + b + c) : undefined, // squared as times two
        },
      };
    },
  },
  {
    name: 'position of a term',
    construct: ['Decide whether a number is in a sequence', 'Find the position of a term'],
    subject: SUBJECT,
    draw(r) {
      const [a, b, k] = [r.int(2, 9), r.int(1, 12), r.int(3, 20)];
      const value = a * k + b;
      const rule = m(sum([a, 'n'], [b, '']));
      return {
        ask: ask(
          `The ${m('n')}th term of a sequence is ${rule}. In which position is ${n(value)}?`,
          `${n(value)} is a term of the sequence with rule ${rule}. Work out its position.`,
          `For which ${m('n')} is the term ${rule} equal to ${n(value)}?`,
          `Which term of the sequence ${rule} is ${n(value)}?`,
          `Pattern ${m('n')} uses ${rule} matches. Which pattern uses ${n(value)} matches?`,
          `${r.name} finds ${n(value)} in the sequence with ${m('n')}th term ${rule}. Where does it stand?`,
          `${n(value)} is a term of the sequence with the rule ${rule}. What is its position?`,
        ),
        correct: ordinal(k),
        wrong: {
          161: ordinal(a * value + b), // the term put into the rule
          139: value - b - a > 0 ? ordinal(value - b - a) : undefined, // subtracts the coefficient
        },
        others: [ordinal(k + 1), ordinal(k + 2), ordinal(k - 1), ordinal(value)],
      };
    },
  },
];
