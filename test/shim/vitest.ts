/**
 * What our tests use of vitest, where vitest is not: under `deno test`, on Deno's own WebGPU (deno.json maps the name
 * here), and on a GPU machine that has nothing but Node and one bundled file (scripts/device), where the tests are
 * collected and `runCollected` runs them.
 */
import { expect } from 'expect';

type Body = () => unknown;
interface Registered {
  name: string;
  ignore: boolean;
  fn: () => Promise<void>;
}
interface DenoTest {
  test(options: Registered & { sanitizeOps: boolean; sanitizeResources: boolean }): void;
}
const deno = (globalThis as unknown as { Deno?: DenoTest }).Deno;
const collected: Registered[] = [];

/** Runs what was collected and has one of `words` in its name, all where there are none, one after the other; prints failures and one closing line. Returns how many failed. */
export async function runCollected(words: readonly string[] = []): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, ignore, fn } of collected) {
    if (words.length && !words.some((word) => name.includes(word))) continue;
    if (ignore) {
      counts.skipped++;
      continue;
    }
    try {
      await fn();
      counts.passed++;
    } catch (error) {
      counts.failed++;
      console.log(`FAILED ${name}: ${(error as Error).message.split('\n').slice(0, 6).join(' | ')}`);
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed;
}

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
  const entry: Registered = {
    name: [...path.map((s) => s.name), name].join(' > '),
    ignore,
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
  };
  if (deno) deno.test({ ...entry, sanitizeOps: false, sanitizeResources: false });
  else collected.push(entry);
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
  skipIf: (condition: unknown) =>
    Object.assign((name: string, fn: Body, _timeout?: number) => register(name, fn, Boolean(condition)), {
      each: each((name, fn) => register(name, fn, Boolean(condition))),
    }),
});
export const it = test;
export const describe = Object.assign(suite, {
  each: each(suite),
  skipIf: (condition: unknown) => (name: string, body: Body) => (condition ? undefined : suite(name, body)),
});
export const beforeAll = (hook: Body, _timeout?: number): void => void suites.at(-1)?.before.push(hook);
export const afterAll = (hook: Body, _timeout?: number): void => void suites.at(-1)?.after.push(hook);
export { expect };
