/** Values of LaTeX worked out by hand. */
import { describe, expect, test } from 'vitest';
import { evaluate, optionKey } from './evaluate.ts';

describe('evaluate', () => {
  test.each([
    ['7', 7],
    ['47{,}387', 47387],
    ['-3 + 5', 2],
    ['-3^2', -9],
    ['(-3)^2 - (-4)', 13],
    ['2 + 3 \\times 4', 14],
    ['12 \\div 3 \\times 2', 8],
    ['\\dfrac{2}{3} + \\dfrac{1}{4}', 11 / 12],
    ['-\\dfrac{2}{3}', -2 / 3],
    ['2\\dfrac{3}{5}', 2.6],
    ['4\\dfrac{1}{3} - 1\\dfrac{1}{2}', 17 / 6],
    ['\\dfrac{6 + 3 \\times 4}{2}', 9],
    ['\\sqrt{64 + 36}', 10],
    ['\\sqrt[3]{27} + 36^{\\frac{1}{2}}', 9],
    ['5\\sqrt{2}', 5 * Math.SQRT2],
    ['3.2 \\times 10^{-4}', 0.00032],
    ['25\\pi', 25 * Math.PI],
    ['0.4 \\times 0.2', 0.08],
    ['-7 \\times -4', 28],
  ])('%s = %s', (tex, value) => {
    expect(evaluate(tex)).toBeCloseTo(value, 12);
  });

  test('reads letters, and multiplication without a sign', () => {
    expect(evaluate('3(x - 2)^2 + 2xy', { x: 5, y: 7 })).toBe(97);
    expect(evaluate('\\dfrac{4x + 12}{4}', { x: 2 })).toBe(5);
    expect(evaluate('2\\dfrac{x}{3}', { x: 6 })).toBe(4);
  });

  test('has no value for what is no expression', () => {
    for (const tex of ['x', '3 : 5', '(2, 5)', '3 +', '\\begin{array}', '', '12^\\circ'])
      expect(evaluate(tex)).toBe(undefined);
  });
});

describe('optionKey', () => {
  const same = (a: string, b: string) => expect(optionKey(a)).toBe(optionKey(b));
  const different = (a: string, b: string) => expect(optionKey(a)).not.toBe(optionKey(b));

  test('is equal for equal values in one unit', () => {
    same('\\(\\dfrac{2}{4}\\)', '\\(0.5\\)');
    same('\\(1{,}0 \\) cm'.replace('{,}', ''), '\\(10.0\\) cm');
    same('\\(£4.50\\)', '\\(£4.5\\)');
    same('\\(30\\%\\)', '\\(30.0\\%\\)');
    same('\\((2, 5)\\)', '\\( (2,5) \\)');
  });

  test('differs for other values, units and forms in letters', () => {
    different('\\(5\\) cm', '\\(5\\) m');
    different('\\(50^\\circ\\)', '\\(50\\%\\)');
    different('\\(2(6x + 9)\\)', '\\(6(2x + 3)\\)');
    different('\\(3 : 5\\)', '\\(5 : 3\\)');
    different('\\(x = 7\\) only', '\\(x = 7\\) or \\(x = -7\\)');
  });
});
