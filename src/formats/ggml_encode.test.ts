/** Blocks written and read back: how far a weight may move, and that the search beats spreading over the range. */
import { describe, expect, test } from 'vitest';
import { normal } from '../../test/numeric.ts';
import { uniform } from '../data/random.ts';
import { UserError } from '../errors.ts';
import { fromHalf } from '../half.ts';
import { decodeQ4Block, decodeQ8Block, newQ4Block } from './ggml_blocks.ts';
import { encodeQ4_1, encodeQ8_0, type RoundingError } from './ggml_encode.ts';
import { quantizeQ4, unpackQ4 } from './pack_q4.ts';

function decodeQ4_1(bytes: Uint8Array): Float64Array {
  const out = new Float64Array((bytes.length / 20) * 32);
  const block = newQ4Block(32);
  for (let b = 0; b * 20 < bytes.length; b++) {
    decodeQ4Block('Q4_1', bytes, b * 20, block);
    block.codes.forEach((code, i) => {
      out[b * 32 + i] = block.scales[0] * code + block.offsets[0];
    });
  }
  return out;
}

const squares = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

describe('Q4_1', () => {
  const none = (): RoundingError => ({ squared: 0, norm: 0, uniform: 0 });

  test('errs a tenth less than minimum and maximum on normal weights, and says by how much', () => {
    const values = Float32Array.from(normal(1, 64 * 512, 'f32', 0.05));
    const error = none();
    const decoded = decodeQ4_1(encodeQ4_1(values, error, 'w'));
    expect(error.squared).toBeCloseTo(squares(values, decoded), 12);
    expect(error.norm).toBeCloseTo(squares(values, new Float64Array(values.length)), 6);
    const plain = squares(values, unpackQ4(quantizeQ4(values, 64, 512)));
    expect(Math.sqrt(error.squared / plain)).toBeLessThan(0.9);
    expect(error.squared / error.uniform).toBeGreaterThan(0.65);
    // A uniform quantiser of 16 levels fitted to 32 normal numbers.
    expect(Math.sqrt(error.squared / error.norm)).toBeLessThan(0.07);
  });

  test('what lies on a grid of 16 f16 levels stays as it is', () => {
    // 2^-7·q − 2^-4: scale and offset are exact in f16, and so is every sum of the fit.
    const values = Float32Array.from({ length: 96 }, (_, i) => ((7 * i) % 16) / 128 - 1 / 16);
    expect([...decodeQ4_1(encodeQ4_1(values, none(), 'w'))]).toEqual([...values]);
  });

  test('rounded by chance, a small change of weights that lie on levels stays on average; to the nearest it is lost', () => {
    const step = 2 ** -7;
    const [n, change] = [32 * 512, 0.2 * step];
    // The ends of a block's range do not move, and as many rise as fall, so that its levels stay.
    const sign = (i: number) => ((i * 5) & 2) - 1;
    const values = Float32Array.from({ length: n }, (_, i) => {
      const level = i % 32 === 0 ? 0 : i % 32 === 1 ? 15 : (7 * i) % 16;
      return level * step - 2 ** -4 + (level === 0 || level === 15 ? 0 : sign(i) * change);
    });
    const inside = values.map((_, i) => Number(i % 32 > 1 && (7 * i) % 16 > 0 && (7 * i) % 16 < 15));
    const moved = (random?: () => number) => {
      const decoded = decodeQ4_1(encodeQ4_1(values, none(), 'w', { random }));
      let [sum, count] = [0, 0];
      decoded.forEach((v, i) => {
        sum += inside[i] * sign(i) * (v - (values[i] - sign(i) * change));
        count += inside[i];
      });
      return { mean: sum / count / step, count };
    };
    expect(Math.abs(moved().mean)).toBeLessThan(0.1);
    const { mean, count } = moved(uniform(1));
    // The scale fits itself to what moved by some hundredths; chance stays within five deviations.
    expect(Math.abs(mean - 0.2)).toBeLessThan(0.03 + 5 * Math.sqrt(0.16 / count));
  });

  test('a block of equal weights, of two values, and of zeros', () => {
    for (const pair of [
      [0, 0],
      [0.25, 0.25],
      [-3, -3],
      [-1, 1],
      [5, 5.5],
    ]) {
      const values = Float32Array.from({ length: 32 }, (_, i) => pair[i & 1]);
      const decoded = decodeQ4_1(encodeQ4_1(values, none(), 'w'));
      decoded.forEach((value, i) => {
        expect(Math.abs(value - values[i])).toBeLessThanOrEqual(2 ** -11 * 8);
      });
    }
  });

  test('the largest weights, and what f16 scales cannot hold', () => {
    const values = new Float32Array(32).map((_, i) => (i - 16) * 4000);
    const decoded = decodeQ4_1(encodeQ4_1(values, none(), 'w'));
    decoded.forEach((value, i) => {
      expect(Math.abs(value - values[i])).toBeLessThan(124000 / 15);
    });
    for (const bad of [7e4, Number.NaN, Number.NEGATIVE_INFINITY]) {
      const wrong = new Float32Array(64);
      wrong[33] = bad;
      for (const encode of [encodeQ4_1, encodeQ8_0]) {
        expect(() => encode(wrong, none(), 'blk.0.x')).toThrow(UserError);
        expect(() => encode(wrong, none(), 'blk.0.x')).toThrow(`blk.0.x: value 33 is ${bad}`);
      }
    }
  });
});

test('Q8_0 moves a weight by half a step at most', () => {
  const values = Float32Array.from(normal(2, 320));
  values.fill(0, 64, 96);
  const error = { squared: 0, norm: 0, uniform: 0 };
  const bytes = encodeQ8_0(values, error, 'w');
  const decoded = new Float64Array(320);
  for (let b = 0; b < 10; b++) {
    decodeQ8Block(bytes, b * 34, decoded, b * 32);
    const d = fromHalf(bytes[b * 34] | (bytes[b * 34 + 1] << 8));
    // The scale is rounded to f16, so the largest weight may lie 127·2^-12 of a step beyond the last level.
    for (let i = b * 32; i < b * 32 + 32; i++)
      expect(Math.abs(decoded[i] - values[i])).toBeLessThanOrEqual(d * (0.5 + 127 * 2 ** -11));
  }
  expect(error.squared).toBeCloseTo(squares(values, decoded), 12);
});
