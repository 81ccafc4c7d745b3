import { expect, test } from 'vitest';
import { firstLossScale, nextLossScale } from './scaler.ts';

test('f16: doubled after 2,000 steps without an overflow, halved at each', () => {
  let scale = firstLossScale('f16');
  expect(scale).toEqual({ lossScale: 65536, steady: 0 });
  for (let i = 0; i < 1999; i++) scale = nextLossScale(scale, true, 'f16');
  expect(scale).toEqual({ lossScale: 65536, steady: 1999 });
  scale = nextLossScale(scale, true, 'f16');
  expect(scale).toEqual({ lossScale: 131072, steady: 0 });
  scale = nextLossScale({ ...scale, steady: 7 }, false, 'f16');
  expect(scale).toEqual({ lossScale: 65536, steady: 0 });
});

test('f32: 1, and below it as soon as gradients are not finite', () => {
  const scale = firstLossScale('f32');
  expect(nextLossScale(scale, true, 'f32')).toEqual(scale);
  expect(nextLossScale(scale, false, 'f32').lossScale).toBe(0.5);
});
