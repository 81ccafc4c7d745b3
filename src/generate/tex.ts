/** How numbers, fractions and expressions are written in a question: LaTeX within text, as in Eedi's columns. */
import { Rational } from './rational.ts';

/** Mathematics within a line. */
export const m = (tex: string): string => `\\(${tex}\\)`;

/** Mathematics on a line of its own. */
export const display = (tex: string): string => `\n\\[ ${tex} \\]\n`;

/** A number: no noise of binary fractions, commas from 10,000. */
export function num(x: number): string {
  const [whole, decimals] = Math.abs(Number(x.toFixed(9)))
    .toFixed(9)
    .replace(/\.?0+$/, '')
    .split('.');
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, '{,}') : whole;
  const sign = Number(x.toFixed(9)) < 0 ? '-' : '';
  return sign + (decimals === undefined ? grouped : `${grouped}.${decimals}`);
}

/** A number as an answer: `\(45\)`, with a unit `\(45\) cm`. */
export const n = (x: number, unit = ''): string => m(num(x)) + (unit && ` ${unit}`);

/** A number with exactly `places` digits after the point. */
export const fixed = (x: number, places: number): string => (x + Math.sign(x) * 1e-9).toFixed(places);

/** In brackets where it is negative. */
export const bracketed = (x: number): string => (x < 0 ? `(${num(x)})` : num(x));

/** A fraction as it stands, not in lowest terms. */
export const frac = (top: number | string, bottom: number | string): string => {
  const negative = typeof top === 'number' && typeof bottom === 'number' && top * bottom < 0;
  const part = (x: number | string) => (typeof x === 'number' ? num(Math.abs(x)) : x);
  return `${negative ? '-' : ''}\\dfrac{${part(top)}}{${part(bottom)}}`;
};

/** A fraction in lowest terms; a whole number without a denominator. */
export function rat(top: number | Rational, bottom = 1): string {
  const { n, d } = typeof top === 'number' ? new Rational(top, bottom) : top;
  return d === 1 ? num(n) : frac(n, d);
}

/** A mixed number, of an improper fraction in lowest terms. */
export function mixed(value: Rational): string {
  const whole = Math.trunc(value.n / value.d);
  const rest = new Rational(Math.abs(value.n) % value.d, value.d);
  if (rest.n === 0 || whole === 0) return rat(value);
  return `${num(whole)}${rat(rest)}`;
}

export const money = (currency: string, x: number): string =>
  m(currency + (Number.isInteger(Number(x.toFixed(6))) ? num(x) : fixed(x, 2)));

export const degrees = (x: number): string => m(`${num(x)}^\\circ`);

export const percent = (x: number): string => m(`${num(x)}\\%`);

export const point = (x: number, y: number): string => `(${num(x)}, ${num(y)})`;

export const list = (numbers: readonly number[]): string => numbers.map(num).join(', ');

/** `3 : 5` */
export const ratio = (...parts: number[]): string => parts.map(num).join(' : ');

/** A power, bare where the exponent is 1. */
export const power = (base: string | number, exponent: number): string =>
  exponent === 1 ? `${base}` : `${base}^${`${exponent}`.length > 1 ? `{${exponent}}` : exponent}`;

/**
 * A sum of terms, each a coefficient and its letters ('' for a constant): [[3, 'x'], [-1, 'y'], [2, '']] is
 * `3x - y + 2`. Terms with coefficient 0 are left out.
 */
export function sum(...terms: readonly (readonly [coefficient: number, letters: string])[]): string {
  const shown = terms.filter(([coefficient]) => coefficient !== 0);
  if (shown.length === 0) return '0';
  return shown
    .map(([coefficient, letters], i) => {
      const size = Math.abs(coefficient);
      const sign = coefficient < 0 ? (i === 0 ? '-' : ' - ') : i === 0 ? '' : ' + ';
      return sign + (size === 1 && letters !== '' ? '' : num(size)) + letters;
    })
    .join('');
}

/** A table with a heading before each of its rows. */
export function table(...rows: readonly (readonly [heading: string, cells: readonly (string | number)[]])[]): string {
  const columns = 'c'.repeat(rows[0][1].length);
  const lines = rows.map(([heading, cells]) => [`\\text{${heading}}`, ...cells].join(' & '));
  return display(`\\begin{array}{c|${columns}} ${lines.join(' \\\\ \\hline ')} \\end{array}`);
}

/** A position: 3rd. */
export const ordinal = (k: number): string => {
  const ending = k % 100 >= 11 && k % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][k % 10] ?? 'th');
  return `${n(k)}${ending}`;
};
