import { expect, test } from 'vitest';
import { fromHalf, toHalf } from '../half.ts';
import { f32FromBits, f32ToBits, fromBf16, toBf16 } from './bits.ts';

/** Every 16-bit pattern survives the way to a number and back; NaNs stay NaN. */
function checkRoundTrip(from: (bits: number) => number, to: (value: number) => number) {
  for (let bits = 0; bits < 65536; bits++) {
    const value = from(bits);
    const back = to(value);
    if (Number.isNaN(value) ? !Number.isNaN(from(back)) : back !== bits)
      throw new Error(`${bits} came back as ${back}`);
  }
}

test('f16: round trip, nearest, ties to even', () => {
  checkRoundTrip(fromHalf, toHalf);
  for (let bits = 0; bits < 0x7bff; bits++) {
    const middle = (fromHalf(bits) + fromHalf(bits + 1)) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const above = f32FromBits(f32ToBits(middle) + 1);
    if (toHalf(middle) !== even || toHalf(-middle) !== (even | 0x8000) || toHalf(above) !== bits + 1)
      throw new Error(`rounding between ${bits} and its successor`);
  }
  expect(toHalf(65519.99)).toBe(0x7bff);
  expect(toHalf(65520)).toBe(0x7c00);
  expect(toHalf(2 ** -24)).toBe(1);
  expect(toHalf(2 ** -25)).toBe(0);
  expect(fromHalf(0x3555)).toBe(0.333251953125);
});

test('bf16: round trip, nearest, ties to even', () => {
  checkRoundTrip(fromBf16, toBf16);
  expect(toBf16(1 + 2 ** -8)).toBe(0x3f80);
  expect(toBf16(1 + 3 * 2 ** -8)).toBe(0x3f82);
  expect(toBf16(1 + 2 ** -8 + 2 ** -20)).toBe(0x3f81);
  expect(toBf16(3.4028234663852886e38)).toBe(0x7f80);
  expect(Number.isNaN(fromBf16(toBf16(f32FromBits(0x7f800001))))).toBe(true);
});
