import { expect, test } from 'vitest';
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from './half.ts';

test('f16: every value survives a round trip, and halfway values go to even', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = f16ToNumber(bits);
    if (Number.isNaN(value)) expect(Number.isNaN(f16ToNumber(numberToF16(value)))).toBe(true);
    else if (numberToF16(value) !== bits) throw new Error(`${bits} came back as ${numberToF16(value)}`);
  }
  for (let bits = 0; bits < 0x7bff; bits++) {
    const middle = (f16ToNumber(bits) + f16ToNumber(bits + 1)) / 2;
    const above = middle * (1 + 2 ** -40);
    const even = bits % 2 === 0 ? bits : bits + 1;
    if (numberToF16(middle) !== even || numberToF16(-middle) !== (even | 0x8000) || numberToF16(above) !== bits + 1)
      throw new Error(`rounding between ${bits} and its successor`);
  }
});

test('f16: known values and the edges of its range', () => {
  expect(numberToF16(1)).toBe(0x3c00);
  expect(numberToF16(-2)).toBe(0xc000);
  expect(numberToF16(65504)).toBe(0x7bff);
  expect(numberToF16(65519.99)).toBe(0x7bff);
  expect(numberToF16(65520)).toBe(0x7c00);
  expect(numberToF16(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
  expect(numberToF16(2 ** -24)).toBe(1);
  expect(numberToF16(2 ** -25)).toBe(0);
  expect(numberToF16(-0)).toBe(0x8000);
  expect(f16ToNumber(0x3555)).toBe(0.333251953125);
});

test('bf16: round trip, ties to even, NaN stays NaN', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = bf16ToNumber(bits);
    if (Number.isNaN(value)) expect(Number.isNaN(bf16ToNumber(numberToBf16(value)))).toBe(true);
    else if (numberToBf16(value) !== bits) throw new Error(`${bits} came back as ${numberToBf16(value)}`);
  }
  expect(numberToBf16(1 + 2 ** -8)).toBe(0x3f80);
  expect(numberToBf16(1 + 3 * 2 ** -8)).toBe(0x3f82);
  expect(numberToBf16(3.4028234663852886e38)).toBe(0x7f80);
});
