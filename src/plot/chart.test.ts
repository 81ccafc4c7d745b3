/** The plots' text: well-formed, escaped, to scale, and small however many points go in. */
import { describe, expect, test } from 'vitest';
import { type Chart, chart } from './chart.ts';
import { decimateLine, decimateMarks, type Point } from './decimate.ts';
import { short } from './svg.ts';

/** Throws unless every tag is closed in order and no bare & or < is left: what an XML parser would refuse. */
function wellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/gi,
    (_, closes, name, _attributes, selfClosed) => {
      if (closes) {
        if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
      } else if (!selfClosed) open.push(name);
      return '';
    },
  );
  if (open.length || /[<>]/.test(rest.replace(/&#\d+;/g, '')) || /&(?!#\d+;)/.test(rest))
    throw new Error(`not XML: ${open} ${rest.slice(0, 200)}`);
}

const attribute = (svg: string, name: string): number[] =>
  [...svg.matchAll(new RegExp(`class="bar"[^>]* ${name}="([^"]+)"`, 'g'))].map((m) => Number(m[1]));

const pathOf = (svg: string): Point[] => {
  const d = svg.match(/class="line" d="(M[^"]+)"\/><\/g>\s*<path class="axis"/)![1];
  return [...d.matchAll(/[ML]([\d.-]+),([\d.-]+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
};

const lines = (x: number[], y: number[], more: Partial<Chart> = {}): Chart => ({
  title: 'a title',
  panels: [{ series: [{ name: '', x, y }] }],
  ...more,
});

describe('chart', () => {
  test('escapes every text it is given', () => {
    const bad = '<script>"&\'\u0007';
    const svg = chart({
      title: bad,
      description: bad,
      x: { label: bad, unit: bad, categories: [bad, 'b'.repeat(300)] },
      panels: [
        {
          title: bad,
          y: { label: bad },
          rules: [{ y: 1, label: bad }],
          series: [
            { name: bad, x: [0, 1], y: [1, 2], kind: 'bars', labels: [bad, bad] },
            { name: 'second', x: [0, 1], y: [1, 2], kind: 'points', labels: [bad, bad] },
          ],
        },
      ],
    });
    wellFormed(svg);
    expect(svg.includes('<script')).toBe(false);
    expect(svg.includes('\u0007')).toBe(false);
    expect(svg).toContain('&#60;script&#62;');
  });

  test('has a title and a description that a screen reader finds', () => {
    const svg = chart(lines([1, 2, 3], [5, 0.25, 4], { description: 'Said first.', x: { label: 'step' } }));
    const ids = svg.match(/aria-labelledby="(\S+) (\S+)"/)!;
    expect(svg).toContain(`<title id="${ids[1]}">a title</title>`);
    expect(svg).toContain(
      `<desc id="${ids[2]}">Said first. Across: step. a series: 3 values from 0.25 to 5, last 4.</desc>`,
    );
    expect(svg).toContain('prefers-color-scheme:dark');
  });

  test('puts equal ratios at equal distances on log axes, and equal differences on linear ones', () => {
    const log = pathOf(
      chart(
        lines([1, 10, 100], [1, 100, 10000], {
          x: { scale: 'log' },
          panels: [{ y: { scale: 'log' }, series: [{ name: '', x: [1, 10, 100], y: [1, 100, 10000] }] }],
        }),
      ),
    );
    expect(Math.abs(log[1][0] * 2 - log[0][0] - log[2][0]) < 0.31).toBe(true);
    expect(Math.abs(log[1][1] * 2 - log[0][1] - log[2][1]) < 0.31).toBe(true);
    expect(log[0][1] > log[2][1]).toBe(true);
    const linear = pathOf(chart(lines([0, 1, 3], [0, 10, 30])));
    expect(Math.abs((linear[2][0] - linear[0][0]) / (linear[1][0] - linear[0][0]) - 3) < 0.01).toBe(true);
    expect(Math.abs((linear[2][1] - linear[0][1]) / (linear[1][1] - linear[0][1]) - 3) < 0.01).toBe(true);
  });

  test('bars stand on zero, side by side', () => {
    const svg = chart({
      title: 't',
      x: { categories: ['a', 'b'] },
      panels: [
        {
          series: [
            { name: 'one', x: [0, 1], y: [10, 20], kind: 'bars' },
            { name: 'two', x: [0, 1], y: [5, Number.NaN], kind: 'bars' },
          ],
        },
      ],
    });
    const [height, y, x, width] = ['height', 'y', 'x', 'width'].map((name) => attribute(svg, name).slice(-3));
    expect(height.length).toBe(3);
    expect(Math.abs(height[1] / height[0] - 2) < 0.01).toBe(true);
    expect(Math.abs(height[2] / height[0] - 0.5) < 0.01).toBe(true);
    const feet = y.map((v, i) => v + height[i]);
    expect(Math.max(...feet) - Math.min(...feet) < 0.3).toBe(true);
    expect(x[2] >= x[0] + width[0]).toBe(true);
  });

  test('thousands of steps stay small, and gaps, nothing at all and one point are drawn', () => {
    const n = 20000;
    const x = Array.from({ length: n }, (_, i) => i);
    const y = x.map((i) => Math.sin(i) + (i % 777 === 0 ? Number.NaN : 0));
    const panel = { series: [{ name: 'loss', x, y }] };
    const svg = chart({ title: 't', x: { label: 'step' }, panels: [panel, panel, panel, panel] });
    wellFormed(svg);
    expect(svg.length < 250_000).toBe(true);
    for (const few of [[], [3], [Number.NaN], [0, 0]]) {
      for (const scale of ['linear', 'log'] as const) {
        const svg = chart({
          title: 't',
          x: { scale },
          panels: [{ y: { scale }, series: [{ name: 'n', x: few, y: few }] }],
        });
        wellFormed(svg);
        expect(/NaN|Infinity|undefined/.test(svg)).toBe(false);
      }
    }
  });

  test('panels lie under each other and share x', () => {
    const panel = (title: string) => ({ title, series: [{ name: title, x: [0, 5], y: [1, 2] }] });
    const one = chart({ title: 't', panels: [panel('loss')] });
    const two = chart({ title: 't', panels: [panel('loss'), panel('recall')] });
    const height = (svg: string) => Number(svg.match(/viewBox="0 0 \S+ (\S+)"/)![1]);
    expect(height(two) > height(one)).toBe(true);
    expect(two.indexOf('>loss<') < two.indexOf('>recall<')).toBe(true);
    expect(two.match(/class="line"/g)!.length).toBe(2);
  });
});

describe('decimate', () => {
  test('a line keeps, in each column of pixels, its ends, its lowest and its highest point', () => {
    const points: Point[] = Array.from({ length: 1000 }, (_, i) => [i / 100, i === 137 ? -50 : i === 512 ? 90 : i % 7]);
    const kept = decimateLine(points);
    expect(kept.length <= 40).toBe(true);
    for (const i of [0, 137, 512, 999]) expect(kept).toContain(points[i]);
    expect(kept.every((p, i) => i === 0 || p[0] >= kept[i - 1][0])).toBe(true);
  });

  test('a gap stays a gap', () => {
    const kept = decimateLine([
      [0, 1],
      [0.2, 1],
      [0.4, Number.NaN],
      [0.6, Number.NaN],
      [0.8, 2],
      [3, 3],
    ]);
    expect(kept.map((p) => p[1])).toEqual([1, 1, Number.NaN, 2, 3]);
  });

  test('of marks on one pixel one is kept', () => {
    expect(
      decimateMarks([
        [1, 1],
        [1.2, 0.9],
        [2, 1],
        [Number.NaN, 1],
      ]),
    ).toEqual([0, 2]);
  });
});

test('numbers for axes', () => {
  const written = [0, 1, 0.25, -7.654321, 9999, 12345, 999_999, 1e6, 2e-4, 1.5e-7, 6.4e14].map((v) => short(v));
  expect(written).toEqual(['0', '1', '0.25', '-7.65', '10000', '12.3k', '1M', '1M', '2e-4', '1.5e-7', '640T']);
});
