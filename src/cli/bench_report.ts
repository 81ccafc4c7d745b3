/** A run of the benchmarks as people read it: a table, a comparison, a roofline and a ladder. */
import { chart } from '../plot/chart.ts';
import { type Ladder, ladder } from '../plot/ladder.ts';
import { type Case, type Comparison, passed, type Run, share } from './bench_run.ts';
import { formatTable } from './table.ts';

const digits = (v: number): string => (v >= 999.5 ? `${Math.round(v)}` : `${Number(v.toPrecision(3))}`);
const micros = (ns: number): string => digits(ns / 1e3);
const percent = (v: number): string => `${(100 * v).toFixed(v < 0.0995 ? 1 : 0)} %`;

/** Bytes a second. */
const rate = (bytes: number): string =>
  bytes >= 1e12 ? `${digits(bytes / 1e12)} TB/s` : `${digits(bytes / 1e9)} GB/s`;
const speed = (flops: number): string =>
  flops >= 1e12 ? `${digits(flops / 1e12)} TFLOP/s` : `${digits(flops / 1e9)} GFLOP/s`;

export function heading(run: Omit<Run, 'cases' | 'skipped'>): string {
  const { ceilings: c } = run;
  return [
    `${run.gpu}, tier ${run.tier}; ${run.driver}; ${run.runtime}; lacuna ${run.lacuna}${run.commit ? ` at ${run.commit}` : ''}; ${run.date}`,
    `ceilings measured now: copy ${rate(c.copy)}, multiply-accumulate ${speed(c.multiply)} (${c.unit})${c.multiplyI8 ? `, ${speed(c.multiplyI8)} (i8 -> i32)` : ''}`,
    '',
  ].join('\n');
}

/** Labels that come again are counted, with their microseconds where those are known: "linear q4 tall 380, sum_parts x 2 9.1". */
export function forms(labels: readonly string[], ns?: readonly number[]): string {
  const found = new Map<string, { n: number; ns: number }>();
  labels.forEach((label, i) => {
    const one = found.get(label) ?? { n: 0, ns: 0 };
    found.set(label, { n: one.n + 1, ns: one.ns + (ns?.[i] ?? 0) });
  });
  return [...found]
    .map(([label, one]) => `${label}${one.n > 1 ? ` x ${one.n}` : ''}${ns ? ` ${micros(one.ns)}` : ''}`)
    .join(', ');
}

export function formatRun(run: Run): string {
  const [unit, per] = run.ceilings.multiply >= 1e12 ? ['TFLOP/s', 1e3] : ['GFLOP/s', 1];
  const rows = run.cases.map((c) => {
    const { share: part, bound } = share(c, run.ceilings);
    return [
      c.kernel,
      c.shape,
      `${micros(c.ns)}${c.clock === 'host' ? ' by the host' : ''}`,
      `±${(100 * c.spread).toFixed(1)} %`,
      digits(c.bytes / c.ns),
      c.flops ? digits(c.flops / c.ns / per) : '',
      `${percent(part)} of ${bound === 'copy' ? 'copy' : (c.operands ?? 'mult.')}`,
      c.error === null ? 'not finite' : c.error.toFixed(3),
      passed(c) ? '' : 'FAILED',
      forms(c.forms, c.parts),
    ];
  });
  const header = [
    'kernel',
    'shape',
    'µs',
    'spread',
    'GB/s',
    unit,
    'ceiling',
    'error/allowed',
    '',
    'ran, and µs of each of several',
  ];
  const skipped = run.skipped.map((s) => `not run: ${s.kernel} ${s.shape}: ${s.reason}\n`);
  return formatTable([header, ...rows], [0, 1, 9]) + skipped.join('');
}

export function formatComparison(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ now, before, ratio, verdict }) => [
    now.kernel,
    now.shape,
    micros(before.ns),
    `±${(100 * before.spread).toFixed(1)} %`,
    micros(now.ns),
    `±${(100 * now.spread).toFixed(1)} %`,
    `${ratio.toFixed(2)}x`,
    verdict === 'same' ? 'as before' : verdict,
    forms(now.forms) === forms(before.forms) ? '' : `${forms(before.forms)} -> ${forms(now.forms)}`,
  ]);
  const header = ['kernel', 'shape', 'µs before', '', 'now', '', 'speed', '', 'forms'];
  const geometric = Math.exp(comparisons.reduce((sum, c) => sum + Math.log(c.ratio), 0) / comparisons.length);
  const count = (verdict: string) => comparisons.filter((c) => c.verdict === verdict).length;
  const summary = `${comparisons.length} cases in both: ${count('faster')} faster, ${count('slower')} slower, ${count('same')} within the spread; ${geometric.toFixed(2)}x as fast in the geometric mean\n`;
  return formatTable([header, ...rows], [0, 1, 7, 8]) + summary;
}

/** The operator, which a kernel's name begins with. */
const family = (kernel: string): string => kernel.split(' ')[0];

/** FLOP/s over FLOP a byte, both logarithmic, under the roof that this GPU's ceilings make. */
export function roofline(run: Run): string {
  const { copy, multiply, unit } = run.ceilings;
  const cases = run.cases.filter((c) => c.flops > 0);
  const intensity = (c: Case) => c.flops / c.bytes;
  const scale = multiply >= 1e12 ? 1e12 : 1e9;
  const knee = multiply / copy;
  const from = Math.min(knee, ...cases.map(intensity)) / 2;
  const to = Math.max(knee, ...cases.map(intensity)) * 2;
  const families = [...new Set(cases.map((c) => family(c.kernel)))];
  return chart({
    title: `Roofline: ${run.gpu}, tier ${run.tier}`,
    description: `The roof is ${rate(copy)} copied and ${speed(multiply)} multiplied and added (${unit}), measured in the same run (${run.date}).`,
    x: { label: 'arithmetic intensity', unit: 'FLOP a byte', scale: 'log', domain: [from, to] },
    panels: [
      {
        height: 420,
        y: { label: 'rate', unit: scale === 1e12 ? 'TFLOP/s' : 'GFLOP/s', scale: 'log' },
        series: [
          ...families.map((name) => {
            const own = cases.filter((c) => family(c.kernel) === name);
            return {
              name,
              kind: 'points' as const,
              x: own.map(intensity),
              y: own.map((c) => (c.flops * 1e9) / c.ns / scale),
              labels: own.map((c) => `${c.kernel}, ${c.shape}: ${micros(c.ns)} µs`),
            };
          }),
          {
            name: `${rate(copy)}, ${speed(multiply)}`,
            x: [from, knee, to],
            y: [(from * copy) / scale, multiply / scale, multiply / scale],
            colour: 7,
          },
        ],
      },
    ],
  });
}

/** Each case's share of the ceiling that bounds it; with another run, where it stood there. */
export function shares(run: Run, before?: Run): string {
  const known = new Map(before?.cases.map((c) => [`${c.kernel} ${c.shape}`, share(c, before.ceilings).share]));
  const rungs: Ladder['rungs'] = run.cases.map((c) => {
    const { share: part, bound } = share(c, run.ceilings);
    const figure = bound === 'copy' ? rate((c.bytes * 1e9) / c.ns) : speed((c.flops * 1e9) / c.ns);
    return {
      group: c.kernel,
      name: c.shape,
      series: bound === 'copy' ? 0 : 1,
      value: 100 * part,
      note: `${percent(part)}, ${figure}${passed(c) ? '' : ', CHECK FAILED'}`,
      before: known.has(`${c.kernel} ${c.shape}`) ? 100 * (known.get(`${c.kernel} ${c.shape}`) as number) : undefined,
    };
  });
  return ladder({
    title: `Share of this GPU's ceiling: ${run.gpu}, tier ${run.tier}`,
    description: before && `Marks are the run of ${before.date}${before.commit ? `, ${before.commit}` : ''}.`,
    axis: `% of ${rate(run.ceilings.copy)} copied or of ${speed(run.ceilings.multiply)} multiplied, whichever bounds the call`,
    rungs,
    series: ['bound by copying', 'bound by multiplying'],
    width: 900,
  });
}
