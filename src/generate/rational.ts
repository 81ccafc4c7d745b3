/** Exact fractions of whole numbers, in lowest terms with a positive denominator. */

/** Greatest common divisor of the absolute values; gcd(0, n) = |n|. */
export function gcd(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : gcd(b, a % b);
}

/** Least common multiple of two whole numbers from 1. */
export const lcm = (a: number, b: number): number => (a / gcd(a, b)) * b;

export class Rational {
  readonly n: number;
  readonly d: number;

  /** n / d. Throws a RangeError for d = 0. */
  constructor(n: number, d = 1) {
    if (d === 0) throw new RangeError('a fraction over 0');
    const common = gcd(n, d) * Math.sign(d);
    this.n = n / common;
    this.d = d / common;
  }

  plus(o: Rational): Rational {
    return new Rational(this.n * o.d + o.n * this.d, this.d * o.d);
  }

  minus(o: Rational): Rational {
    return new Rational(this.n * o.d - o.n * this.d, this.d * o.d);
  }

  times(o: Rational): Rational {
    return new Rational(this.n * o.n, this.d * o.d);
  }

  over(o: Rational): Rational {
    return new Rational(this.n * o.d, this.d * o.n);
  }

  valueOf(): number {
    return this.n / this.d;
  }
}
