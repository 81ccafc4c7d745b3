/** Sleeping through a step costs no time, whatever a step before it took. */
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

/** Milliseconds that steps take in all, each as long as given, when they are slept for and then awaited. */
function total(times: readonly number[]): { spent: number; slept: number } {
  const pace = new Pace();
  const sum = { spent: 0, slept: 0 };
  for (const time of times) {
    const slept = pace.sleep(1000);
    const elapsed = Math.max(slept, time);
    pace.learn(1000, slept, elapsed);
    sum.spent += elapsed;
    sum.slept += slept;
  }
  return sum;
}

const steady = (n: number, ms: number) => new Array<number>(n).fill(ms);

test('most of a steady run is slept, and none of it longer than it takes', () => {
  const { spent, slept } = total(steady(100, 40));
  expect(spent).toBe(4000);
  expect(slept).toBeGreaterThan(0.8 * spent);
});

test('a slow step, or a first one that compiles, makes those after it little slower', () => {
  const times = [300, ...steady(50, 40), 600, ...steady(50, 40)];
  const { spent } = total(times);
  const alone = times.reduce((a, b) => a + b, 0);
  // The first sleep after 300 ms is too long by five steps, the one after 600 ms by a fraction of one.
  expect(spent - alone).toBeLessThan(320);
});
