/** What `lacuna bench` makes of its figures, and that it knows every benchmark there is. No GPU. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatComparison, formatRun, forms, roofline, shares } from './bench_report.ts';
import { type Case, compare, parseRun, passed, type Run, share } from './bench_run.ts';

const one = (more: Partial<Case> = {}): Case => ({
  kernel: 'linear q4',
  shape: 'M=4 N=8 K=16',
  forms: ['linear q4 vector'],
  ns: 1000,
  spread: 0.01,
  clock: 'gpu',
  bytes: 1000,
  flops: 2000,
  error: 0.5,
  ...more,
});

const run = (cases: Case[], more: Partial<Run> = {}): Run => ({
  command: 'lacuna bench --json',
  date: '2026-11-23',
  commit: 'abc1234',
  lacuna: '0.1.0',
  runtime: 'Node.js',
  gpu: 'a GPU <1>',
  driver: 'driver 1',
  tier: 'portable',
  ceilings: { copy: 4e9, multiply: 4e9, unit: 'f32' },
  cases,
  skipped: [],
  ...more,
});

test('every *.bench.ts is in the list', () => {
  const root = new URL('../../kernels/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.bench.ts'));
  const list = readFileSync(new URL('./bench_cases.ts', import.meta.url), 'utf8');
  expect(files.length > 10).toBe(true);
  for (const file of files) expect(list).toContain(`kernels/${file.replaceAll('\\', '/')}'`);
});

describe('shares and comparisons', () => {
  test('a case is bound by what takes longer at the ceilings', () => {
    // 1000 bytes at 4 GB/s take 250 ns, 2000 FLOP at 4 GFLOP/s 500 ns.
    expect(share(one(), run([]).ceilings)).toEqual({ share: 0.5, bound: 'multiply' });
    expect(share(one({ flops: 0 }), run([]).ceilings)).toEqual({ share: 0.25, bound: 'copy' });
    // What multiplies i8 has a ceiling of its own.
    const ceilings = { ...run([]).ceilings, multiplyI8: 6e9 };
    expect(share(one({ operands: 'i8' }), ceilings).share).toBeCloseTo(1 / 3);
    expect(formatRun(run([one({ operands: 'i8' })], { ceilings }))).toContain('33 % of i8');
  });

  test('an error above its tolerance, or none that is a number, fails', () => {
    expect([0, 1, 1.01, null].map((error) => passed(one({ error })))).toEqual([true, true, false, false]);
    const text = formatRun(run([one({ error: null }), one({ error: 2 }), one()]));
    expect(text.match(/FAILED/g)!.length).toBe(2);
    expect(text).toContain('not finite');
  });

  test('a difference within the spread is none', () => {
    const verdict = (ns: number, spread: number, before = 1000) => {
      const [c] = compare(run([one({ ns, spread })]), run([one({ ns: before, spread })]));
      return c.verdict;
    };
    expect(verdict(500, 0.01)).toBe('faster');
    expect(verdict(2000, 0.01)).toBe('slower');
    expect(verdict(985, 0.001)).toBe('same');
    expect(verdict(970, 0.001)).toBe('faster');
    expect(verdict(970, 0.02)).toBe('same');
    expect(verdict(1040, 0.001)).toBe('slower');
  });

  test('cases are matched by kernel and shape; a change of form is said', () => {
    const before = run([one({ ns: 3000, forms: ['linear q4 tile'] }), one({ shape: 'gone' })]);
    const found = compare(run([one(), one({ shape: 'new' })]), before);
    expect(found.map((c) => c.ratio)).toEqual([3]);
    const text = formatComparison(found);
    expect(text).toContain('3.00x');
    expect(text).toContain('linear q4 tile -> linear q4 vector');
    expect(text).toContain('1 cases in both: 1 faster, 0 slower');
  });

  test('repeated dispatches are counted', () => {
    expect(forms(['a', 'b', 'a', 'a'])).toBe('a x 3, b');
    expect(forms(['a', 'b', 'a'], [1000, 12_340, 500])).toBe('a x 2 1.5, b 12.3');
  });
});

describe('run files', () => {
  test('what is written is read', () => {
    const made = run([one(), one({ error: null }), one({ forms: ['a', 'b'], parts: [1, 2] }), one({ operands: 'i8' })]);
    expect(parseRun(JSON.stringify(made), 'run.json')).toEqual(made);
  });

  test('others are refused in one line that names the file', () => {
    expect(() => parseRun('no', 'run.json')).toThrow('run.json: not JSON');
    expect(() => parseRun('{"cases": 3}', 'run.json')).toThrow('run.json: command: ');
    const text = JSON.stringify(run([one({ ns: 'fast' as never })]));
    expect(() => parseRun(text, 'run.json')).toThrow('run.json: cases.0.ns: ');
  });
});

test('the plots name the cases, the ceilings and the run before', () => {
  const now = run([
    one(),
    one({ kernel: 'rms_norm', shape: 'M=1', flops: 4 }),
    one({ kernel: 'top_k', flops: 0, error: 3 }),
  ]);
  const roof = roofline(now);
  for (const name of ['a GPU &#60;1&#62;', '>rms_norm<', 'linear q4, M=4 N=8 K=16: 1 µs', '4 GB/s, 4 GFLOP/s'])
    expect(roof).toContain(name);
  // A case of no FLOP has no place on it.
  expect(roof.includes('top_k')).toBe(false);
  const bars = shares(now, run([one({ ns: 2000 })], { date: '2026-01-01' }));
  expect(bars).toContain('50 %, 2 GFLOP/s');
  expect(bars).toContain('CHECK FAILED');
  expect(bars).toContain('Marks are the run of 2026-01-01');
  expect(bars.match(/class="before"/g)!.length).toBe(1);
});
