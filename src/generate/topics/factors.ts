/** Factors, multiples and primes. */
import { THINGS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { gcd, lcm } from '../rational.ts';
import { list, m, n, num, power } from '../tex.ts';

const FACTORS = 'Factors, Multiples and Primes';

const divisors = (x: number): number[] => Array.from({ length: x }, (_, i) => i + 1).filter((d) => x % d === 0);
const isPrime = (x: number): boolean => x > 1 && divisors(x).length === 2;
const primeFactors = (x: number): number[] => {
  const p = divisors(x)[1];
  return p === undefined ? [] : [p, ...primeFactors(x / p)];
};
const asPowers = (primes: readonly number[]): string =>
  [...new Set(primes)].map((p) => power(p, primes.filter((q) => q === p).length)).join(' \\times ');

export const factors: Item[] = [
  {
    name: 'highest common factor',
    construct: ['Find the highest common factor', 'Find common factors'],
    subject: FACTORS,
    draw(r) {
      const g = r.pick([4, 6, 8, 9, 10, 12, 14, 15, 16, 18, 20]);
      const [p, q] = r.ints(2, 2, 9);
      const [a, b] = [g * p, g * q];
      const things = r.words(THINGS, 2);
      const hcf = gcd(a, b);
      return {
        ask: ask(
          `What is the highest common factor of ${n(a)} and ${n(b)}?`,
          `Find the HCF of ${n(a)} and ${n(b)}.`,
          `${r.name} has ${n(a)} ${things[0]} and ${n(b)} ${things[1]}. What is the largest number of identical bags that can be filled with all of them?`,
          `Which is the greatest number that divides both ${n(a)} and ${n(b)} exactly?`,
          `Two ribbons of ${n(a)} cm and ${n(b)} cm are cut into equal pieces with nothing left over. What is the longest possible piece, in cm?`,
          `HCF of ${n(a)} and ${n(b)} =`,
          `A teacher in ${r.place} splits ${n(a)} girls and ${n(b)} boys into equal mixed teams, each with the same number of girls. What is the greatest number of teams?`,
          `Give the largest factor that ${n(a)} and ${n(b)} share.`,
        ),
        correct: n(hcf),
        wrong: {
          38: n(lcm(a, b)), // the LCM
          39: n(divisors(hcf)[1]), // the smallest common factor
        },
      };
    },
  },
  {
    name: 'lowest common multiple',
    construct: ['Find the lowest common multiple', 'Find common multiples'],
    subject: FACTORS,
    draw(r) {
      const g = r.int(2, 8);
      const [p, q] = r.ints(2, 2, 9);
      const [a, b] = [g * p, g * q];
      return {
        ask: ask(
          `What is the lowest common multiple of ${n(a)} and ${n(b)}?`,
          `Find the LCM of ${n(a)} and ${n(b)}.`,
          `One lighthouse flashes every ${n(a)} seconds, another every ${n(b)} seconds. They flash together now. After how many seconds do they next flash together?`,
          `What is the smallest number in both the ${n(a)} and the ${n(b)} times table?`,
          `Buses to ${r.place} leave every ${n(a)} minutes and buses to the airport every ${n(b)} minutes. Both leave now. In how many minutes do both leave together again?`,
          `Rolls come in packs of ${n(a)} and sausages in packs of ${n(b)}. ${r.name} wants equal numbers of both. How many rolls are needed at least?`,
          `LCM of ${n(a)} and ${n(b)} =`,
          `Which is the smallest number that both ${n(a)} and ${n(b)} divide exactly?`,
        ),
        correct: n(lcm(a, b)),
        wrong: {
          36: n(a * b), // the product
          37: n(gcd(a, b)), // the HCF
        },
      };
    },
  },
  {
    name: 'smallest multiple, largest factor',
    construct: ['Identify multiples', 'Identify factors and multiples'],
    subject: FACTORS,
    draw(r) {
      const x = r.intNot(6, 40, 7, 11, 13, 17, 19, 23, 29, 31, 37);
      const own = divisors(x);
      const first = (numbers: readonly number[]) => m(list(numbers));
      if (r.chance(0.4))
        return {
          ask: ask(
            `What is the smallest multiple of ${n(x)} that is greater than 0?`,
            `${r.name} lists the multiples of ${n(x)}. Which number comes first?`,
            `Give the first multiple of ${n(x)}.`,
            `Which of these is the first number in the ${n(x)} times table?`,
          ),
          correct: n(x),
          wrong: {
            44: n(2 * x), // leaves out the number itself
            32: n(1), // the smallest factor
          },
        };
      return {
        ask: ask(
          `Write down the first three multiples of ${n(x)}.`,
          `Choose the list of the first three multiples of ${n(x)}.`,
          `${r.name} writes the first three multiples of ${n(x)}. Which list is right?`,
          `Which are the three smallest positive multiples of ${n(x)}?`,
          `Which list starts the multiples of ${n(x)} correctly?`,
          `What are the first ${n(3)} numbers in the ${n(x)} times table?`,
        ),
        correct: first([x, 2 * x, 3 * x]),
        wrong: {
          44: first([2 * x, 3 * x, 4 * x]), // leaves out the number itself
          32: first(own.slice(0, 3)), // factors
        },
        others: [first([x, 10 * x, 100 * x]), first([x, 2 * x, 4 * x]), first([x + 1, x + 2, x + 3])],
      };
    },
  },
  {
    name: 'factors of a number',
    construct: ['Identify factors', 'Find all factors of a number'],
    subject: FACTORS,
    draw(r) {
      const x = r.pick([
        12, 14, 15, 16, 20, 21, 22, 24, 26, 27, 28, 30, 32, 33, 34, 35, 38, 39, 40, 42, 44, 45, 50, 52, 54, 56,
      ]);
      const own = divisors(x);
      const form = r.int(0, 2);
      if (form === 0)
        return {
          ask: ask(
            `What is the largest factor of ${n(x)}?`,
            `Which is the greatest number that divides ${n(x)} exactly?`,
            `${r.name} lists all factors of ${n(x)}. Which is the largest?`,
            `Give the biggest factor of ${n(x)}.`,
          ),
          correct: n(x),
          wrong: {
            31: n(2 * x), // a multiple
            40: n(own.at(-2)!), // leaves out the number itself
          },
        };
      if (form === 1)
        return {
          ask: ask(
            `How many factors does ${n(x)} have?`,
            `${r.name} counts the factors of ${n(x)}. How many are there?`,
            `How many whole numbers divide ${n(x)} exactly?`,
            `What is the number of factors of ${n(x)}?`,
          ),
          correct: n(own.length),
          wrong: {
            40: n(own.length - 2), // leaves out 1 and the number itself
          },
        };
      const a = (numbers: readonly number[]) => m(list(numbers));
      return {
        ask: ask(
          `Which list has all of the factors of ${n(x)}?`,
          `Choose the complete list of factors of ${n(x)}.`,
          `Which numbers divide ${n(x)} exactly? Choose the full list.`,
          `${r.name} writes down every factor of ${n(x)}. Which list is complete?`,
          `List the factors of ${n(x)}.`,
          `Which numbers divide ${n(x)} exactly?`,
          `Choose the full list of factors of ${n(x)}.`,
        ),
        correct: a(own),
        wrong: {
          31: a([x, 2 * x, 3 * x, 4 * x]), // multiples
          40: a(own.slice(1, -1)), // leaves out 1 and the number itself
        },
        others: [a(own.slice(0, -1)), a(own.filter(isPrime)), a(own.slice(1))].filter((text) => text !== a(own)),
      };
    },
  },
  {
    name: 'recognise primes',
    construct: ['Recognise prime numbers', 'Know the prime numbers'],
    subject: FACTORS,
    draw(r) {
      const odd = r.ints(2, 0, 7).map((i) => [3, 5, 7, 11, 13, 17, 19, 23][i]);
      const composite = r.pick([9, 15, 21, 25, 27, 33, 35, 39]);
      const even = r.pick([4, 6, 8, 10, 12, 14, 16, 18]);
      const numbers = [1, 2, ...odd, composite, ...(r.chance(0.5) ? [even] : [])].sort((x, y) => x - y);
      const shown = m(list(r.shuffled(numbers)));
      const a = (keep: (x: number) => boolean) => numbers.filter(keep);
      const lists = {
        right: a(isPrime),
        33: a((x) => isPrime(x) || x === 1), // 1 is prime
        34: a((x) => x === 2 || (x > 1 && x % 2 === 1)), // every odd number is prime
        35: a((x) => isPrime(x) && x !== 2), // 2 is not prime
      };
      const count = r.chance(0.4);
      const write = (xs: readonly number[]) => (count ? n(xs.length) : m(list(xs)));
      return {
        ask: count
          ? ask(
              `How many of these numbers are prime: ${shown}?`,
              `${r.name} looks at ${shown} and counts the primes. How many are there?`,
              `Count the prime numbers in this list: ${shown}.`,
              `${shown}. How many of them have exactly two factors?`,
            )
          : ask(
              `Which list has all the prime numbers among ${shown} and no others?`,
              `${r.name} circles the primes in ${shown}. Which numbers are circled?`,
              `Which of the numbers ${shown} are prime?`,
              `Pick out the prime numbers from ${shown}.`,
              `From ${shown}, list the primes.`,
            ),
        correct: write(lists.right),
        // A count too large by one could come from 1 or from the odd number alike: only lists tell these apart.
        wrong: count ? { 35: write(lists[35]) } : { 33: write(lists[33]), 34: write(lists[34]), 35: write(lists[35]) },
        others: count
          ? [n(lists.right.length + 1), n(lists.right.length + 2), n(lists.right.length + 3)]
          : [m(list(a((x) => x > 2))), m(list(a((x) => x !== 1)))],
      };
    },
  },
  {
    name: 'prime factorisation',
    construct: ['Write a number as a product of primes', 'Find prime factorisations'],
    subject: FACTORS,
    draw(r) {
      const [i, j] = [r.int(1, 4), r.int(0, 3)];
      const x = 2 ** i * 3 ** j * r.pick([1, 1, 5, 7]);
      const primes = primeFactors(x);
      const distinct = [...new Set(primes)];
      const p =
        divisors(x)
          .filter((d) => d > 1 && d * d <= x)
          .at(-1) ?? 1;
      const pair = x / p;
      return {
        ask: ask(
          `Write ${n(x)} as a product of its prime factors.`,
          `What is the prime factorisation of ${n(x)}?`,
          `${r.name} draws a factor tree for ${n(x)}. Which product does it give?`,
          `Express ${n(x)} as a product of primes.`,
          `Which product of prime factors is equal to ${n(x)}?`,
          `Use a factor tree to write ${n(x)} in prime factors.`,
        ),
        correct: m(asPowers(primes)),
        byForm: true,
        wrong: {
          41: distinct.length > 1 && distinct.length < primes.length ? m(distinct.join(' \\times ')) : undefined, // each prime once
          42: p > 1 && !(isPrime(p) && isPrime(pair)) && primes.length > 2 ? m(`${p} \\times ${pair}`) : undefined, // stops at a pair
        },
        others: [m(asPowers([...primes, 2])), m(asPowers([...primes, 3].sort())), m(primes.map(num).join(' + '))],
      };
    },
  },
  {
    name: 'divisible by three',
    construct: ['Use tests of divisibility', 'Test whether a number divides by 3'],
    subject: FACTORS,
    draw(r) {
      const some = (good: (x: number) => boolean) => {
        for (;;) {
          const x = r.int(101, 998);
          if (good(x)) return x;
        }
      };
      const three = (x: number) => x % 3 === 0;
      const last = (x: number) => x % 10 > 0 && (x % 10) % 3 === 0;
      const things = r.word(THINGS);
      return {
        ask: ask(
          `Which of these numbers is divisible by ${n(3)}?`,
          `Which of these is a multiple of ${n(3)}?`,
          `${r.name} wants to put ${things} into groups of three with none left over. Which number of ${things} works?`,
          `Which number can be divided by three without a remainder?`,
          `Only one of these numbers is in the ${n(3)} times table. Which is it?`,
          `Which of these leaves no remainder when divided by ${n(3)}?`,
        ),
        correct: n(some((x) => three(x) && !last(x))),
        wrong: {
          43: n(some((x) => !three(x) && last(x))), // looks at the last digit
        },
        others: [
          n(some((x) => !three(x) && !last(x))),
          n(some((x) => !three(x) && !last(x))),
          n(some((x) => !three(x) && !last(x))),
        ],
      };
    },
  },
];
