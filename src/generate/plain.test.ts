/** Mathematics without LaTeX, as it should look. */
import { describe, expect, test } from 'vitest';
import { Draw } from './draw.ts';
import { plainMaths } from './plain.ts';
import { ITEMS } from './topics/index.ts';

describe('plainMaths', () => {
  test.each([
    ['Work out \\(\\dfrac{2}{3} + \\dfrac{1}{4}\\).', 'Work out 2/3 + 1/4.'],
    ['\\(2\\dfrac{3}{5} \\times 4\\)', '2 3/5 × 4'],
    ['\\(\\dfrac{4x + 12}{4}\\)', '(4x + 12)/4'],
    ['\\(47{,}387\\) g', '47,387 g'],
    ['\\(3x^2 + 2\\)', '3x² + 2'],
    ['\\(3.2 \\times 10^{-4}\\)', '3.2 × 10^(-4)'],
    ['\\(16^{\\frac{1}{2}}\\)', '16^(1/2)'],
    ['\\(\\sqrt{64 + 36}\\)', '√(64 + 36)'],
    ['\\(\\sqrt[3]{27}\\)', '∛27'],
    ['\\(40^\\circ\\), \\(30\\%\\), \\(\\$5\\)', '40°, 30%, $5'],
    ['\\(-2 < n \\leq 3\\)', '-2 < n ≤ 3'],
    ['by \\(\\begin{pmatrix} 3 \\\\ -4 \\end{pmatrix}\\).', 'by (3, -4).'],
    [
      'The table.\n\\[ \\begin{array}{c|cc} \\text{pets} & 0 & 1 \\\\ \\hline \\text{homes} & 6 & 9 \\end{array} \\]\nThe mean?',
      'The table. pets | 0 | 1 ; homes | 6 | 9 The mean?',
    ],
  ])('%s', (tex, text) => {
    expect(plainMaths(tex, '×')).toBe(text);
  });

  test('leaves no LaTeX in anything that is drawn', () => {
    const r = new Draw(11);
    for (const item of ITEMS) {
      const { ask, correct, wrong, others = [] } = item.draw(r);
      const answers = Object.values(wrong).filter((text) => text !== undefined);
      for (const text of [...ask.map((a) => a.text), correct, ...answers, ...others]) {
        const plain = plainMaths(text, 'x');
        expect([item.name, plain, /[\\{}]/.test(plain)]).toEqual([item.name, plain, false]);
      }
    }
  });
});
