/** Probability. */
import { COLOURS, COUNTERS, GROUPS, SPORTS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { frac, m, n, num, rat, table } from '../tex.ts';

const SIMPLE = 'Simple Probability';
const COMBINED = 'Combined Events';

/** Things that may happen tomorrow, apart from each other. */
const EVENTS = [
  'it rains',
  'the bus is late',
  'the post comes early',
  'the school team wins',
  'the lift is broken',
  'the printer jams',
  'the shop runs out of bread',
  'a parcel arrives',
  'the train is full',
  'the pool is closed',
];

/** What someone tries, and does it or not. */
const TRIALS = [
  'scores',
  'hits the target',
  'wins a game',
  'passes the test',
  'catches the ball',
  'finds a seat',
  'solves the puzzle',
  'gets a strike',
];

export const probability: Item[] = [
  {
    name: 'probability of an event',
    construct: ['Find the probability of an event', 'Calculate simple probabilities'],
    subject: SIMPLE,
    draw(r) {
      const [a, b] = r.ints(2, 2, 12);
      const [one, two] = r.words(COLOURS, 2);
      const things = r.word(COUNTERS);
      return {
        ask: ask(
          `A bag holds ${n(a)} ${one} and ${n(b)} ${two} ${things}. One is taken at random. What is the probability that it is ${one}?`,
          `${r.name} picks one of ${n(a)} ${one} and ${n(b)} ${two} ${things} without looking. What is the chance that it is ${one}?`,
          `Of the tickets in a hat, ${n(a)} win and ${n(b)} lose. One is drawn. What is the probability that it wins?`,
          `A spinner has ${n(a)} equal ${one} sectors and ${n(b)} equal ${two} sectors of the same size. What is the probability that it lands on ${one}?`,
          `In a ${r.word(GROUPS)} there are ${n(a)} boys and ${n(b)} girls. One of them is chosen at random. What is the probability of choosing a boy?`,
          `A jar on a stall in ${r.place} contains ${n(a)} mint and ${n(b)} toffee sweets. One is taken at random. What is the probability of a mint?`,
          `There are ${n(a)} ${one} ${things} and ${n(b)} ${two} ones in a box. Find the probability of drawing ${one}.`,
        ),
        correct: m(rat(a, a + b)),
        wrong: {
          263: m(frac(1, 2)), // two outcomes, so equally likely
          264: m(frac(a, b)), // favourable over unfavourable
          265: m(frac(1, a)), // one over the favourable
        },
      };
    },
  },
  {
    name: 'independent events',
    construct: ['Find probabilities of independent events', 'Multiply probabilities'],
    subject: COMBINED,
    draw(r) {
      const [p, q] = [r.int(1, 9) / 10, r.int(1, 9) / 10];
      const [e, f] = r.words(EVENTS, 2);
      const [x, y] = [n(p), n(q)];
      return {
        ask: ask(
          `The probability that ${e} tomorrow is ${x}. Independently, the probability that ${f} is ${y}. What is the probability of both?`,
          `Calculate the probability that two independent events with probabilities ${x} and ${y} both occur.`,
          `The chance that ${e} is ${x}. The chance that ${f} is ${y}, whatever else happens. Work out the probability that both come true.`,
          `Two independent events have probabilities ${x} and ${y}. What is the probability that both happen?`,
          `In ${r.place} the chance that ${e} is ${x}, and separately the chance that ${f} is ${y}. Find the probability that both happen.`,
          `${r.name} spins two spinners. The first lands on red with probability ${x}, the second with probability ${y}. What is the probability of two reds?`,
          `${m(`P(A) = ${num(p)}`)} and ${m(`P(B) = ${num(q)}`)}. ${m('A')} and ${m('B')} are independent. What is ${m('P(A \\text{ and } B)')}?`,
        ),
        correct: n(p * q),
        wrong: {
          266: n(p + q), // added
          85: n(p * q * 10), // as many decimal places as each factor
        },
      };
    },
  },
  {
    name: 'exclusive events',
    construct: ['Find probabilities of exclusive events', 'Add probabilities'],
    subject: COMBINED,
    draw(r) {
      const p = r.int(1, 6) / 10;
      const q = r.int(1, Math.round(9 - p * 10)) / 10;
      const [one, two] = r.words(COLOURS, 2);
      const [x, y] = [n(p), n(q)];
      return {
        ask: ask(
          `A spinner lands on ${one} with probability ${x} and on ${two} with probability ${y}. What is the probability that one spin lands on ${one} or ${two}?`,
          `Calculate the probability of ${one} or ${two}, if ${one} has probability ${x} and ${two} has probability ${y} and they cannot come together.`,
          `A wheel stops at ${one} with chance ${x} and at ${two} with chance ${y}. Work out the chance that it stops at either of them.`,
          `Two events cannot both happen. Their probabilities are ${x} and ${y}. What is the probability that one or the other happens?`,
          `A bag has ${r.word(COUNTERS)} of many colours. The probability of drawing ${one} is ${x} and of drawing ${two} is ${y}. Find the probability of ${one} or ${two} in one draw.`,
          `${r.name} travels by bus with probability ${x} and by train with probability ${y}, never both. What is the probability of going by bus or train?`,
          `A match in ${r.place} is won with probability ${x} and drawn with probability ${y}. What is the probability that it is won or drawn?`,
        ),
        correct: n(p + q),
        wrong: {
          267: n(p * q), // multiplied
        },
      };
    },
  },
  {
    name: 'overlapping sets',
    construct: ['Find probabilities from overlapping sets', 'Use Venn diagrams'],
    subject: COMBINED,
    draw(r) {
      const both = r.int(2, 9);
      const [a, b] = [both + r.int(2, 15), both + r.int(2, 15)];
      const total = a + b + r.int(0, 12);
      const [s, t] = r.words(SPORTS, 2);
      const group = r.word(GROUPS);
      const over = (x: number) => m(frac(x, total));
      return {
        ask: ask(
          `In a ${group} of ${n(total)}, ${n(a)} play ${s}, ${n(b)} play ${t} and ${n(both)} of these play both. One person is chosen at random. What is the probability that this person plays ${s} or ${t} or both?`,
          `${n(total)} members of a ${group} were asked: ${n(a)} do ${s}, ${n(b)} do ${t}, ${n(both)} do both of them. Calculate the probability that a random member does ${s} or ${t}.`,
          `Out of ${n(total)} pupils, ${n(a)} chose ${s} and ${n(b)} chose ${t}; ${n(both)} chose the two. Work out the probability that a pupil picked at random chose at least one.`,
          `${n(total)} people are asked about sport. ${n(a)} like ${s}, ${n(b)} like ${t}, and ${n(both)} of them like both. What is the probability that one of them, chosen at random, likes at least one of the two?`,
          `Of ${n(total)} houses in ${r.place}, ${n(a)} have a garden, ${n(b)} have a garage and ${n(both)} have both. What is the probability that a house picked at random has a garden or a garage or both?`,
          `A Venn diagram shows ${n(total)} pupils: ${n(a)} in the set ${m('A')}, ${n(b)} in the set ${m('B')}, ${n(both)} in both. What is the probability that a pupil is in ${m('A')} or ${m('B')} or both?`,
          `${r.name} asks ${n(total)} friends: ${n(a)} have a cat, ${n(b)} have a dog, among them ${n(both)} with both. What is the probability that one of them has a cat or a dog or both?`,
        ),
        correct: over(a + b - both),
        wrong: {
          268: over(a + b), // the overlap not taken off
        },
      };
    },
  },
  {
    name: 'without replacement',
    construct: ['Find probabilities without replacement', 'Use tree diagrams'],
    subject: COMBINED,
    draw(r) {
      const [a, b] = [r.int(3, 8), r.int(2, 8)];
      const t = a + b;
      const [one, two] = r.words(COLOURS, 2);
      const things = r.word(COUNTERS);
      return {
        ask: ask(
          `A box holds ${n(a)} ${one} and ${n(b)} ${two} ${things}. Two are taken at random without replacement. What is the probability that both are ${one}?`,
          `There are ${n(a)} ${one} and ${n(b)} ${two} ${things} in a tin. One is taken and kept, then a second. Work out the probability of ${one} both times.`,
          `Calculate the probability of drawing two ${one} ${things}, one after the other and kept, from ${n(a)} ${one} and ${n(b)} ${two} ones.`,
          `${r.name} takes two ${things} from a bag with ${n(a)} ${one} and ${n(b)} ${two} ones and does not put the first back. What is the probability of two ${one} ones?`,
          `In a drawer in ${r.place} there are ${n(a)} ${one} and ${n(b)} ${two} socks. Two are pulled out without looking. What is the probability that both are ${one}?`,
          `Two winners are drawn from ${n(a)} girls and ${n(b)} boys. Nobody can win twice. What is the probability that both are girls?`,
          `Two of ${n(t)} cards are taken, one after the other and not put back. ${n(a)} of the ${n(t)} are ${one}. Find the probability that both cards are ${one}.`,
        ),
        correct: m(frac(a * (a - 1), t * (t - 1))),
        wrong: {
          269: m(frac(a * a, t * t)), // as with replacement
          270: m(frac(a * a, t * (t - 1))), // one off the total only
          266: a * (t - 1) + (a - 1) * t < 2 * t * t ? m(frac(a * (t - 1) + (a - 1) * t, t * (t - 1))) : undefined, // added
        },
      };
    },
  },
  {
    name: 'at least one success',
    construct: ['Find the probability of at least one success', 'Use complementary events'],
    subject: COMBINED,
    draw(r) {
      const p = r.pick([0.1, 0.2, 0.3, 0.4, 0.25, 0.05, 0.15]);
      const trials = p <= 0.3 ? r.int(2, 3) : 2;
      const times = trials === 2 ? 'twice' : 'three times';
      const what = r.word(TRIALS);
      return {
        ask: ask(
          `${r.name} ${what} with probability ${n(p)} at each attempt, independently. There are ${n(trials)} attempts. What is the probability of at least one success?`,
          `An attempt works with probability ${n(p)}. Calculate the probability that it works at least once if it is made ${times}.`,
          `A seed grows with probability ${n(p)}. ${n(trials)} seeds are sown. Work out the chance that one or more of them grow.`,
          `A biased coin shows heads with probability ${n(p)}. It is thrown ${times}. What is the probability of at least one head?`,
          `A machine in ${r.place} gives a prize with probability ${n(p)} each time it is used. It is used ${times}. Find the probability of at least one prize.`,
          `An event has probability ${n(p)} in each of ${n(trials)} independent trials. What is the probability that it happens at least once?`,
          `A spinner lands on gold with probability ${n(p)}. What is the probability of gold at least once in ${n(trials)} spins?`,
        ),
        correct: n(1 - (1 - p) ** trials),
        wrong: {
          271: n(p * trials), // multiplied by the number of trials
          272: n(p ** trials), // every trial succeeds
        },
      };
    },
  },
  {
    name: 'totals of two dice',
    construct: ['Use sample spaces', 'Find probabilities with two dice'],
    subject: COMBINED,
    draw(r) {
      const total = r.int(3, 11);
      const ways = 6 - Math.abs(7 - total);
      const oneOrder = Math.ceil(ways / 2);
      return {
        ask: ask(
          `Two fair six-sided dice are rolled and their scores are added. What is the probability that the total is ${n(total)}?`,
          `Calculate the probability of scoring ${n(total)} in all with two fair dice.`,
          `A pair of ordinary dice is rolled. How likely is it that the numbers add up to ${n(total)}?`,
          `${r.name} throws two ordinary dice. What is the chance of a total of ${n(total)}?`,
          `In a board game from ${r.place} a player moves by the sum of two fair dice. What is the probability of moving ${n(total)} squares?`,
          `What is the probability of scoring ${n(total)} in all with two fair dice?`,
          `Two fair dice, numbered ${m('1')} to ${m('6')}, are thrown together. Find ${m(`P(\\text{total } ${total})`)}.`,
        ),
        correct: m(rat(ways, 36)),
        wrong: {
          275: m(frac(1, 11)), // all totals equally likely
          273: ways > oneOrder ? m(rat(oneOrder, 36)) : undefined, // only one order counted
        },
      };
    },
  },
  {
    name: 'one order of two',
    construct: ['Use sample spaces', 'List all outcomes'],
    subject: COMBINED,
    draw(r) {
      const p = r.int(2, 8);
      const q = r.intNot(2, 8, p);
      const t = p + q;
      const [one, two] = r.words(COLOURS, 2);
      return {
        ask: ask(
          `A spinner has ${n(p)} ${one} and ${n(q)} ${two} sectors of equal size. It is spun twice. What is the probability of one ${one} and one ${two}, in any order?`,
          `${r.name} draws a counter from ${n(p)} ${one} and ${n(q)} ${two} ones, puts it back and draws again. What is the probability that the two colours differ?`,
          `A bag in a shop in ${r.place} has ${n(p)} ${one} and ${n(q)} ${two} balls. One is drawn and put back, then another is drawn. Find the probability of one of each colour.`,
          `Of ${n(t)} cards ${n(p)} are ${one} and the others ${two}. A card is drawn, returned, and a card is drawn again. What is the probability of one card of each colour?`,
        ),
        correct: m(rat(2 * p * q, t * t)),
        wrong: {
          273: m(rat(p * q, t * t)), // only one order counted
          263: m(frac(1, 2)), // two outcomes, so equally likely
        },
      };
    },
  },
  {
    name: 'compare chances',
    construct: ['Compare probabilities', 'Decide which event is more likely'],
    subject: SIMPLE,
    draw(r) {
      const [win, lose] = r.words(COLOURS, 2);
      const bags: [number, number][] = [
        [r.int(3, 6), r.int(1, 2)],
        [r.int(8, 12), r.int(9, 15)],
        [r.int(2, 5), r.int(4, 6)],
        [r.int(3, 6), r.int(5, 8)],
      ];
      const a = ([x, y]: readonly [number, number]) => `${n(x)} ${win} and ${n(y)} ${lose}`;
      const best = bags.toSorted((x, y) => y[0] / (y[0] + y[1]) - x[0] / (x[0] + x[1]))[0];
      const most = bags.toSorted((x, y) => y[0] - x[0])[0];
      return {
        ask: ask(
          `${r.name} wins by drawing a ${win} counter. Which bag gives the best chance?`,
          `Choose the bag that makes drawing ${win} most likely.`,
          `From which bag would you draw if you needed a ${win} one?`,
          `Which bag should be chosen to have the greatest probability of a ${win} ball?`,
          `At a fair in ${r.place} a ${win} bead wins a prize. From which box is winning most likely?`,
          `Four bags hold ${win} and ${lose} discs. In which one is ${win} most likely to be drawn?`,
          `A ${win} token is wanted. Which jar offers the highest probability?`,
        ),
        correct: a(best),
        wrong: {
          274: a(most), // the greater number of winning counters
        },
        others: bags.map(a),
      };
    },
  },
  {
    name: 'expected frequency',
    construct: ['Find expected frequencies', 'Use probability to estimate frequencies'],
    subject: 'Relative Frequency',
    draw(r) {
      const colours = r.words(COLOURS, 3);
      const first = r.int(1, 5);
      const second = r.intNot(1, 8 - first, first);
      const shares = [first / 10, second / 10, (10 - first - second) / 10];
      const spins = r.int(2, 20) * 30;
      const wanted = r.int(0, 2);
      const text = table(['colour', colours.map((c) => `\\text{${c}}`)], ['probability', shares.map(num)]);
      const c = colours[wanted];
      return {
        ask: ask(
          `A spinner has these probabilities.${text}It is spun ${n(spins)} times. How many times would you expect ${c}?`,
          `${r.name} spins a spinner ${n(spins)} times. Its probabilities are given.${text}Estimate how often it lands on ${c}.`,
          `Probabilities of the colours of a bead:${text}A bead is drawn and put back ${n(spins)} times. How often should ${c} come up?`,
          `A wheel at a fair in ${r.place} has these probabilities.${text}What is the expected number of ${c} results in ${n(spins)} turns?`,
          `The table gives the probability of each colour.${text}About how many of ${n(spins)} results are ${c}?`,
        ),
        correct: n(spins * shares[wanted]),
        wrong: {
          277: n(spins / 3), // equally among the outcomes
        },
      };
    },
  },
  {
    name: 'a run of one outcome',
    construct: ['Recognise independent events', 'Understand that trials have no memory'],
    subject: SIMPLE,
    draw(r) {
      const k = r.word(['four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve']);
      const [side, other] = r.shuffled(['heads', 'tails']);
      const half = m(frac(1, 2));
      return {
        ask: ask(
          `A fair coin has landed on ${side} ${k} times running. What is the probability of ${other} on the next throw?`,
          `Tails and heads are equally likely for a coin. It has just shown ${side} ${k} times one after the other. Work out the probability that it shows ${other} now.`,
          `${r.name} throws a fair coin and gets ${side} ${k} times in a row. How likely is ${other} next?`,
          `After ${k} ${side} one after another with a fair coin, what is the chance that the next throw is ${other}?`,
          `In a game in ${r.place} a fair coin shows ${side} ${k} times without a break. What is the probability that it now shows ${other}?`,
          `A fair coin comes up ${side} ${k} times. Which statement about ${other} on the following throw is true?`,
        ),
        correct: r.pick([`exactly ${half}`, `It is ${half}, as before.`, `${half}, as always`]),
        wrong: {
          276: r.pick([
            `more than ${half}`,
            `It is greater than ${half} now.`,
            `${half} or more, because ${other} is due`,
          ]), // a run makes the other likelier
        },
        others: [`less than ${half}`, 'certain', m(frac(1, 32)), 'impossible to say'],
      };
    },
  },
];
