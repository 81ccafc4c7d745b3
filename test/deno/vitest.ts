/**
 * What our tests use of vitest, for `deno test`: the same test files run there, on Deno's own WebGPU.
 * Mapped by deno.json's import map.
 */
import { expect } from 'expect';

type Body = () => unknown;
interface DenoTest {
  test(options: {
    name: string;
    ignore?: boolean;
    sanitizeOps: boolean;
    sanitizeResources: boolean;
    fn: () => Promise<void>;
  }): void;
}
const deno = (globalThis as unknown as { Deno: DenoTest }).Deno;

interface Suite {
  name: string;
  before: Body[];
  after: Body[];
  left: number;
  started: boolean;
}
const suites: Suite[] = [];

function register(name: string, fn: Body, ignore = false): void {
  const path = [...suites];
  if (!ignore) for (const s of path) s.left++;
  deno.test({
    name: [...path.map((s) => s.name), name].join(' > '),
    ignore,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      for (const s of path) {
        if (s.started) continue;
        s.started = true;
        for (const hook of s.before) await hook();
      }
      try {
        await fn();
      } finally {
        for (const s of path.reverse()) if (--s.left === 0) for (const hook of s.after) await hook();
        path.reverse();
      }
    },
  });
}

const format = (name: string, args: readonly unknown[]): string => {
  let i = 0;
  return name.replace(/%[sdjo]/g, () => {
    const a = args[i++];
    return typeof a === 'string' ? a : JSON.stringify(a);
  });
};

const each =
  (run: (name: string, fn: Body) => void) =>
  (table: readonly unknown[]) =>
  (name: string, fn: (...args: never[]) => unknown): void => {
    for (const row of table) {
      const args = Array.isArray(row) ? row : [row];
      run(format(name, args), () => fn(...(args as never[])));
    }
  };

function suite(name: string, body: Body): void {
  suites.push({ name, before: [], after: [], left: 0, started: false });
  body();
  suites.pop();
}

export const test = Object.assign((name: string, fn: Body, _timeout?: number) => register(name, fn), {
  each: each((name, fn) => register(name, fn)),
  skipIf: (condition: unknown) => (name: string, fn: Body, _timeout?: number) => register(name, fn, Boolean(condition)),
});
export const it = test;
export const describe = Object.assign(suite, {
  each: each(suite),
  skipIf: (condition: unknown) => (name: string, body: Body) => (condition ? undefined : suite(name, body)),
});
export const beforeAll = (hook: Body, _timeout?: number): void => void suites.at(-1)?.before.push(hook);
export const afterAll = (hook: Body, _timeout?: number): void => void suites.at(-1)?.after.push(hook);
export { expect };
