/**
 * The value of an expression in LaTeX, as questions write it: numbers, letters, + - \times \div, fractions, powers,
 * roots and multiplication without a sign. It tells whether two options are equal, and tests check answers with it.
 */

/** No Error: thrown for most options, it would spend a sixth of the generator's time on stacks that nobody reads. */
class Unreadable {}

const TOKEN = /\\(?:dfrac|frac|sqrt|times|div|pi|left|right|;|,|!)|\d+(?:\{,\}\d+)*(?:\.\d+)?|[a-zA-Z]|[-+*/^(){}[\]]/y;

/** A recursive descent over: sum = product (± product)*, product = power (× | ÷ | power)*, power = atom ^ exponent. */
class Parser {
  readonly #tokens: string[] = [];
  readonly #letters: Readonly<Record<string, number>>;
  #at = 0;

  constructor(tex: string, letters: Readonly<Record<string, number>>) {
    this.#letters = letters;
    for (let at = 0; at < tex.length; ) {
      if (/\s/.test(tex[at])) {
        at++;
        continue;
      }
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(tex);
      if (!match) throw new Unreadable();
      if (!/^\\(?:left|right|;|,|!)$/.test(match[0])) this.#tokens.push(match[0]);
      at = TOKEN.lastIndex;
    }
  }

  parse(): number {
    const value = this.#sum();
    if (this.#at < this.#tokens.length) throw new Unreadable();
    return value;
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(...expected: string[]): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || (expected.length > 0 && !expected.includes(token))) throw new Unreadable();
    return token;
  }

  #sum(): number {
    let value = this.#next === '-' ? 0 : this.#product();
    while (this.#next === '+' || this.#next === '-') {
      const sign = this.#take() === '+' ? 1 : -1;
      value += sign * this.#product();
    }
    return value;
  }

  #product(): number {
    let value = this.#power();
    for (;;) {
      const next = this.#next;
      if (next === '\\times' || next === '*') {
        this.#take();
        value *= this.#signed();
      } else if (next === '\\div' || next === '/') {
        this.#take();
        value /= this.#signed();
      } else if (next !== undefined && !/^[-+)}\]^]$/.test(next)) value *= this.#power();
      else return value;
    }
  }

  #signed(): number {
    if (this.#next !== '-') return this.#power();
    this.#take();
    return -this.#power();
  }

  #power(): number {
    const number = this.#next !== undefined && /^\d/.test(this.#next);
    let value = this.#atom();
    // A whole number before a numeric fraction is a mixed number.
    if (number && this.#next === '\\dfrac') {
      const start = this.#at;
      const fraction = this.#atom();
      if (this.#tokens.slice(start, this.#at).every((token) => !/^[a-zA-Z]$/.test(token))) return value + fraction;
      this.#at = start;
    }
    if (this.#next === '^') {
      this.#take();
      value **= this.#argument();
    }
    return value;
  }

  #argument(): number {
    if (this.#next !== '{') return this.#atom();
    this.#take('{');
    const value = this.#sum();
    this.#take('}');
    return value;
  }

  #atom(): number {
    const token = this.#take();
    if (/^\d/.test(token)) return Number(token.replaceAll('{,}', ''));
    if (token === '(') {
      const value = this.#sum();
      this.#take(')');
      return value;
    }
    if (token === '\\dfrac' || token === '\\frac') return this.#argument() / this.#argument();
    if (token === '\\pi') return Math.PI;
    if (token === '\\sqrt') {
      let degree = 2;
      if (this.#next === '[') {
        this.#take('[');
        degree = this.#sum();
        this.#take(']');
      }
      return this.#argument() ** (1 / degree);
    }
    const letter = this.#letters[token];
    if (letter === undefined) throw new Unreadable();
    return letter;
  }
}

/** The value of `tex` with these values of its letters; undefined where it is no such expression. */
export function evaluate(tex: string, letters: Readonly<Record<string, number>> = {}): number | undefined {
  try {
    return new Parser(tex, letters).parse();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/**
 * Equal for two options that say the same: every stretch of mathematics that has a value stands as that value, so 0.5
 * equals 1/2; the rest as it is written, but for spaces.
 */
export function optionKey(text: string): string {
  return text
    .replace(/\\\((.*?)\\\)/g, (_, tex: string) => {
      const bare = tex.replace(/^(?:£|€|\\\$)/, '').replace(/(?:\^\\circ|\\%)$/, '');
      const value = evaluate(bare);
      return value === undefined ? tex : `${tex.replace(bare, '')}${Number(value.toPrecision(10))}`;
    })
    .replace(/\s/g, '');
}
