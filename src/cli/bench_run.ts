/** A run of the benchmarks as data: what was measured, on what, and what it says beside this GPU's ceilings or another run. */
import { z } from 'zod';
import { UserError } from '../errors.ts';

const Case = z.object({
  kernel: z.string(),
  shape: z.string(),
  /** Labels of the dispatches of one call: which forms ran. */
  forms: z.array(z.string()),
  /** Nanoseconds of each of them in a pass of its own, where they are several. */
  parts: z.array(z.number()).optional(),
  /** Median nanoseconds of a call, half the distance between the quartiles as a share of it, and whose clock that is. */
  ns: z.number(),
  spread: z.number(),
  clock: z.enum(['gpu', 'host']),
  bytes: z.number(),
  flops: z.number(),
  /** What multiplies, where that is not the ceiling's unit. */
  operands: z.literal('i8').optional(),
  /** Largest error over its tolerance; null where it was not finite. Above 1 or null, the check has failed. */
  error: z.number().nullable(),
});

const Run = z.object({
  command: z.string(),
  date: z.string(),
  commit: z.string().optional(),
  lacuna: z.string(),
  runtime: z.string(),
  gpu: z.string(),
  driver: z.string(),
  tier: z.string(),
  /** Bytes and FLOP a second, measured in the same run. */
  ceilings: z.object({ copy: z.number(), multiply: z.number(), unit: z.string(), multiplyI8: z.number().optional() }),
  cases: z.array(Case),
  /** Cases that could not run here, and why. */
  skipped: z.array(z.object({ kernel: z.string(), shape: z.string(), reason: z.string() })),
});

export type Case = z.infer<typeof Case>;
export type Run = z.infer<typeof Run>;

export const passed = (c: Case): boolean => c.error !== null && c.error <= 1;

/** A run that `lacuna bench --json` wrote. Throws a UserError that names the file where it is none. */
export function parseRun(text: string, path: string): Run {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UserError(`${path}: not JSON: give a file that \`lacuna bench --json\` wrote`);
  }
  const result = Run.safeParse(data);
  if (result.success) return result.data;
  const [{ path: where, message }] = result.error.issues;
  throw new UserError(
    `${path}: ${where.join('.') || 'the whole'}: ${message}: give a file that \`lacuna bench --json\` wrote`,
  );
}

/**
 * The roofline: the least time that copying the case's bytes and doing its FLOPs can take at this GPU's ceilings, over
 * the time it took. Above 1 where operands lie in a cache that is faster than the copy.
 */
export function share(
  c: Case,
  { copy, multiply, multiplyI8 }: Run['ceilings'],
): { share: number; bound: 'copy' | 'multiply' } {
  const most = c.operands === 'i8' ? (multiplyI8 ?? multiply) : multiply;
  const [move, compute] = [(c.bytes * 1e9) / copy, (c.flops * 1e9) / most];
  return move > compute ? { share: move / c.ns, bound: 'copy' } : { share: compute / c.ns, bound: 'multiply' };
}

export interface Comparison {
  now: Case;
  before: Case;
  /** How many times faster it is now. */
  ratio: number;
  verdict: 'faster' | 'slower' | 'same';
}

/** Below this, a difference between two runs says nothing: clocks and memory layouts differ by as much. */
const LEAST = 0.02;

/**
 * Cases that both runs have. A quartile lies .67 standard deviations from the median, so a difference above three times
 * both spreads is one above two deviations of each: less is called the same.
 */
export function compare(now: Run, before: Run): Comparison[] {
  const known = new Map(before.cases.map((c) => [`${c.kernel} ${c.shape}`, c]));
  return now.cases.flatMap((c) => {
    const other = known.get(`${c.kernel} ${c.shape}`);
    if (!other) return [];
    const ratio = other.ns / c.ns;
    const noise = Math.max(LEAST, 3 * (c.spread + other.spread));
    const verdict = ratio > 1 + noise ? 'faster' : ratio < 1 / (1 + noise) ? 'slower' : 'same';
    return [{ now: c, before: other, ratio, verdict }];
  });
}
