/** `lacuna bench`: every kernel and shape timed on this GPU, checked in the same run, beside what this GPU can do at most. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import type { BenchCase, Measured } from '../bench.ts';
import { UserError } from '../errors.ts';
import { TIERS, type Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { useTuning } from '../tuning/tuning_file.ts';
import { compare, parseRun, passed, type Run } from './bench_run.ts';
import { stopSignal } from './stop_signal.ts';

interface Options {
  kernel?: string[];
  shape?: string;
  tier?: Tier;
  tuned?: boolean;
  compare?: string;
  show?: string;
  plot?: string;
  forward?: boolean;
  step?: boolean;
  list?: boolean;
  json?: boolean;
}

export function benchCommand(program: Command): void {
  program
    .command('bench')
    .description('Time every kernel on this GPU, checked, beside what this GPU can do at most.')
    .option('--kernel <name...>', 'only kernels whose name contains one of these')
    .option(
      '--shape <text>',
      'only shapes that have all these words, e.g. "M=1 K=4096"; with --forward and --step, models',
    )
    .option('--tier <tier>', `${TIERS.join(', ')} (default: the best here)`, (text: string) => {
      if (!TIERS.includes(text as Tier)) throw new InvalidArgumentError(`must be one of ${TIERS.join(', ')}.`);
      return text as Tier;
    })
    .option('--tuned', 'use the kernels that `lacuna tune` found fastest on this GPU, where it measured a shape')
    .option('--compare <run.json>', 'an earlier run, as --json wrote it: print how many times faster each case is now')
    .option('--show <run.json>', 'print an earlier run instead of measuring one')
    .option('--plot <file.svg>', 'draw a roofline there, and each case’s share of the ceiling in FILE-shares.svg')
    .option('--forward', 'whole forward passes of published model shapes instead')
    .option('--step', 'whole LoRA steps of published model shapes instead')
    .option('--list', 'name the cases, and stop')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Each case runs once into outputs filled with NaN (with numbers known beforehand where a kernel adds to them or works in
place) and is checked against a float64 reference on a sample; then it is
timed warm by the GPU's own clock. "error/allowed" is the largest error over what rounding explains: above 1 the check
has failed. "ceiling" is the least time that its bytes and FLOPs take at the rates measured in this run, over its time;
operands that stay in a cache can take it above 100 %. Where a call is several dispatches, the last column has the time of
each in a pass of its own.
Software drivers (lavapipe, SwiftShader) get small shapes.
--compare calls a case faster or slower where the times differ by 2 % and by three times both spreads.

Ctrl-C ends the run after the case it is at and reports what was measured.

Exit code 0 where all checks pass, 1 where one fails, 2 where nothing could run.
VK_DRIVER_FILES picks a Vulkan driver.

Examples:
  lacuna bench
  lacuna bench --kernel attention "linear q4" --shape M=1
  lacuna bench --json > before.json; lacuna bench --compare before.json --plot bench.svg
  lacuna bench --show before.json --plot before.svg`,
    )
    .action(bench);
}

async function bench(o: Options): Promise<void> {
  // Read first: a mistyped name should not cost a run.
  const before = o.compare === undefined ? undefined : readRun('--compare', o.compare);
  if (o.plot !== undefined && !o.plot.endsWith('.svg')) throw new UserError(`--plot ${o.plot}: must end in .svg`);
  if (o.show !== undefined) {
    await print(readRun('--show', o.show), before, o);
    return;
  }
  const gpu = await openGpu(o);
  if (o.list) {
    for (const c of await casesOn(gpu, o)) process.stdout.write(`${c.kernel}  ${c.shape}\n`);
    return;
  }
  if (o.forward || o.step) {
    await models(gpu, o);
    return;
  }
  const { run, defects } = await measureAll(gpu, o);
  await print(run, before, o);
  const wrong = [...run.cases.filter((c) => !passed(c)), ...defects];
  if (!wrong.length) return;
  process.stderr.write(`lacuna: wrong: ${wrong.map((c) => `${c.kernel} ${c.shape}`).join('; ')}\n`);
  process.exitCode = 1;
}

/** A line a model: tokens a second of forward passes, of training steps, or of both. */
async function models(gpu: Gpu, o: Options): Promise<void> {
  if (o.json || o.plot || o.compare || o.kernel)
    throw new UserError('--forward and --step print lines, and go with --tier and --shape alone');
  const { forwardBench } = await import('../infer/forward_bench.ts');
  const { stepBench } = await import('../train/step_bench.ts');
  const { SHAPES } = await import('../model/synthetic.ts');
  const named = Object.keys(SHAPES).filter((name) => name.includes(o.shape ?? ''));
  if (!named.length)
    throw new UserError(`--shape ${o.shape}: no such model; there are ${Object.keys(SHAPES).join(', ')}`);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const { commit, date, driver, gpu: name, tier } = surroundings(gpu);
  print(`${name}, tier ${tier}; ${driver};${commit ? ` ${commit};` : ''} ${date}`);
  if (o.forward) await forwardBench(gpu, print, o.shape);
  if (o.step) await stepBench(gpu, print, o.shape);
}

/** Every wanted case, one after the other; `defects` are those that could not run for another reason than this GPU. */
async function measureAll(first: Gpu, o: Options): Promise<{ run: Run; defects: Run['skipped'] }> {
  const { EFFORT, measure } = await import('../bench.ts');
  const { measureCeilings } = await import('../bench_ceilings.ts');
  const report = await import('./bench_report.ts');
  let gpu = first;
  let cases = await casesOn(gpu, o);
  const run: Run = { ...surroundings(gpu), ceilings: await measureCeilings(gpu), cases: [], skipped: [] };
  (o.json ? process.stderr : process.stdout).write(report.heading(run));
  const defects: Run['skipped'] = [];
  const stop = stopSignal();
  for (let i = 0; i < cases.length && !stop.asked; i++) {
    const { kernel, shape } = cases[i];
    const place = `[${i + 1}/${cases.length}] ${kernel} ${shape}: `;
    try {
      const m = record(await measure(gpu, cases[i], EFFORT[gpu.description.software ? 'software' : 'gpu']));
      run.cases.push(m);
      process.stderr.write(`${place}${(m.ns / 1e3).toFixed(1)} µs${passed(m) ? '' : ', CHECK FAILED'}\n`);
    } catch (error) {
      const skipped = { kernel, shape, reason: (error as Error).message.split('\n')[0] };
      run.skipped.push(skipped);
      if (!(error instanceof UserError)) defects.push(skipped);
      process.stderr.write(`${place}${skipped.reason}\n`);
      // A device that failed once says so of all that follows: the others run on a fresh one.
      gpu.close();
      gpu = await openGpu(o);
      cases = await casesOn(gpu, o);
    }
  }
  if (stop.asked) process.stderr.write(`stopped: ${run.cases.length} of ${cases.length} cases are reported\n`);
  gpu.close();
  return { run, defects };
}

/** The table, or JSON, the comparison and the plots. */
async function print(run: Run, before: Run | undefined, o: Options): Promise<void> {
  const report = await import('./bench_report.ts');
  if (o.json) process.stdout.write(`${JSON.stringify(run, null, 1)}\n`);
  else process.stdout.write(`${o.show ? report.heading(run) : ''}${report.formatRun(run)}`);
  if (before) {
    const found = compare(run, before);
    const text = found.length ? report.formatComparison(found) : 'no case is in both runs\n';
    const same = before.gpu === run.gpu && before.tier === run.tier;
    const other = same ? '' : `the other run was on ${before.gpu}, tier ${before.tier}\n`;
    (o.json ? process.stderr : process.stdout).write(`\n${other}${text}`);
  }
  if (!o.plot) return;
  writeFileSync(o.plot, report.roofline(run));
  writeFileSync(o.plot.replace(/\.svg$/, '-shares.svg'), report.shares(run, before));
}

async function openGpu(o: Options): Promise<Gpu> {
  const gpu = await Gpu.open({ tier: o.tier });
  if (o.tuned) await useTuning(gpu);
  return gpu;
}

async function casesOn(gpu: Gpu, o: Options): Promise<BenchCase[]> {
  const { BENCHES } = await import('./bench_cases.ts');
  return wanted(
    BENCHES.flatMap((make) => make(gpu)),
    o,
  );
}

/** Numbers that JSON holds: an error that is not finite becomes null. */
const record = (m: Measured): Run['cases'][number] => ({
  ...m,
  ns: Number(m.ns.toPrecision(6)),
  spread: Number(m.spread.toPrecision(3)),
  error: Number.isFinite(m.error) ? Number(m.error.toPrecision(3)) : null,
});

/** Of the words of --shape and of a case's: "7B gate,up" has three. */
const SEPARATORS = /[\s,]+/;

function wanted(all: readonly BenchCase[], o: Options): BenchCase[] {
  const words = o.shape?.split(SEPARATORS).filter(Boolean) ?? [];
  const kernels = all.filter((c) => !o.kernel || o.kernel.some((k) => c.kernel.includes(k)));
  if (!kernels.length)
    throw new UserError(
      `--kernel ${o.kernel?.join(' ')}: there are ${[...new Set(all.map((c) => c.kernel))].join(', ')}`,
    );
  const cases = kernels.filter((c) => words.every((word) => c.shape.split(SEPARATORS).includes(word)));
  if (!cases.length)
    throw new UserError(
      `--shape ${o.shape}: there are ${kernels
        .map((c) => c.shape)
        .slice(0, 8)
        .join('; ')}${kernels.length > 8 ? ' …' : ''}`,
    );
  return cases;
}

function readRun(option: string, path: string): Run {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `${option} ${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message}`,
    );
  }
  return parseRun(text, path);
}

function surroundings(gpu: Gpu): Omit<Run, 'ceilings' | 'cases' | 'skipped'> {
  const { vendor, device, description } = gpu.description;
  const deno = (globalThis as { Deno?: { version: { deno: string } } }).Deno;
  return {
    command: `lacuna ${process.argv.slice(2).join(' ')}`,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    lacuna: manifest.version,
    runtime: deno
      ? `Deno ${deno.version.deno}`
      : `Node.js ${process.versions.node}, Dawn (webgpu ${manifest.dependencies.webgpu})`,
    gpu: [vendor, device].filter(Boolean).join(' ') || description,
    driver: description,
    tier: gpu.caps.tier,
  };
}

/** The commit that runs, where this is a checkout of lacuna; LACUNA_COMMIT where it is a bundle of one. */
function commit(): string | undefined {
  const { LACUNA_COMMIT } = process.env;
  if (LACUNA_COMMIT) return LACUNA_COMMIT;
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', import.meta.dirname, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    // Installed as a package inside another repository, what git says is of that one.
    if (git('ls-files', ':/kernels/README.md') === '') return undefined;
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':/kernels', ':/src') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return undefined;
  }
}
