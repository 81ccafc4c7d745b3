import { describe, expect, test } from 'vitest';
import golden from './golden/schedule.json' with { type: 'json' };
import { linearSchedule, warmupSteps } from './schedule.ts';

describe('linearSchedule', () => {
  test.each(golden)('is transformers’ get_linear_schedule_with_warmup: %j', ({ steps, rates, ...schedule }) => {
    steps.forEach((step, i) => {
      expect(Math.abs(linearSchedule(schedule, step) - rates[i])).toBeLessThanOrEqual(1e-15 * schedule.lr);
    });
  });

  test('starts at zero, peaks at the end of the warm-up, ends at zero', () => {
    const schedule = { lr: 1e-4, warmupSteps: 219, totalSteps: 2190 };
    const rates = Array.from({ length: 2191 }, (_, step) => linearSchedule(schedule, step));
    expect([rates[0], rates[219], rates[2190]]).toEqual([0, 1e-4, 0]);
    expect(Math.max(...rates)).toBe(1e-4);
    expect(rates[2189]).toBeGreaterThan(0);
  });
});

test('warmupSteps is a share of the run, rounded down', () => {
  expect(warmupSteps(2190, 0.1)).toBe(219);
  expect(warmupSteps(876, 0.1)).toBe(87);
  expect(warmupSteps(10, 0.7)).toBe(7);
  expect(warmupSteps(10, 0)).toBe(0);
  expect(warmupSteps(10, 1)).toBe(10);
});
