/** `lacuna bench`: every kernel and shape timed on this GPU, checked in the same run, beside what this GPU can do at most. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import type { BenchCase, Measured } from '../bench.ts';
import { UserError } from '../errors.ts';
import { TIERS, type Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { compare, parseRun, passed, type Run } from './bench_run.ts';

interface Options {
  kernel?: string[];
  shape?: string;
  tier?: Tier;
  compare?: string;
  plot?: string;
  forward?: boolean;
  list?: boolean;
  json?: boolean;
}

export function benchCommand(program: Command): void {
  program
    .command('bench')
    .description('Time every kernel on this GPU, checked, beside what this GPU can do at most.')
    .option('--kernel <name...>', 'only kernels whose name contains one of these')
    .option('--shape <text>', 'only shapes that have all these words, e.g. "M=1 K=4096"')
    .option('--tier <tier>', `${TIERS.join(', ')} (default: the best here)`, (text: string) => {
      if (!TIERS.includes(text as Tier)) throw new InvalidArgumentError(`must be one of ${TIERS.join(', ')}.`);
      return text as Tier;
    })
    .option('--compare <run.json>', 'an earlier run, as --json wrote it: print how many times faster each case is now')
    .option('--plot <file.svg>', 'draw a roofline there, and each case’s share of the ceiling in FILE-shares.svg')
    .option('--forward', 'then whole forward passes of published model shapes')
    .option('--list', 'name the cases, and stop')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Each case runs once into outputs filled with NaN and is checked against a float64 reference on a sample; then it is
timed warm by the GPU's own clock. "error/allowed" is the largest error over what rounding explains: above 1 the check
has failed. "ceiling" is the least time that its bytes and FLOPs take at the rates measured in this run, over its time;
operands that stay in a cache can take it above 100 %.
Software drivers (lavapipe, SwiftShader) get small shapes.
--compare calls a case faster or slower where the times differ by 2 % and by three times both spreads.

Exit code 0 where all checks pass, 1 where one fails, 2 where nothing could run.
VK_DRIVER_FILES picks a Vulkan driver.

Examples:
  lacuna bench
  lacuna bench --kernel attention "linear q4" --shape M=1
  lacuna bench --json > before.json; lacuna bench --compare before.json --plot bench.svg`,
    )
    .action(bench);
}

async function bench(o: Options): Promise<void> {
  // Read first: a mistyped name should not cost a run.
  const before = o.compare === undefined ? undefined : readRun(o.compare);
  if (o.plot !== undefined && !o.plot.endsWith('.svg')) throw new UserError(`--plot ${o.plot}: must end in .svg`);
  const { BENCHES } = await import('./bench_cases.ts');
  const { measureCeilings } = await import('../bench_ceilings.ts');
  const report = await import('./bench_report.ts');
  const gpu = await Gpu.open({ tier: o.tier });
  const cases = wanted(
    BENCHES.flatMap((make) => make(gpu)),
    o,
  );
  if (o.list) {
    for (const c of cases) process.stdout.write(`${c.kernel}  ${c.shape}\n`);
    return;
  }
  const run: Run = { ...surroundings(gpu), ceilings: await measureCeilings(gpu), cases: [], skipped: [] };
  (o.json ? process.stderr : process.stdout).write(report.heading(run));
  const { EFFORT, measure } = await import('../bench.ts');
  for (const [i, c] of cases.entries()) {
    const place = `[${i + 1}/${cases.length}] ${c.kernel} ${c.shape}: `;
    try {
      const m = record(await measure(gpu, c, EFFORT[gpu.description.software ? 'software' : 'gpu']));
      run.cases.push(m);
      process.stderr.write(`${place}${(m.ns / 1e3).toFixed(1)} µs${passed(m) ? '' : ', CHECK FAILED'}\n`);
    } catch (error) {
      // What does not fit this GPU is said and left out; anything else is a defect.
      if (!(error instanceof UserError)) throw error;
      run.skipped.push({ kernel: c.kernel, shape: c.shape, reason: error.message });
      process.stderr.write(`${place}${error.message}\n`);
    }
  }

  if (o.json) process.stdout.write(`${JSON.stringify(run, null, 1)}\n`);
  else process.stdout.write(report.formatRun(run));
  if (before) {
    const text = before.cases.length ? report.formatComparison(compare(run, before)) : '';
    const other =
      before.gpu === run.gpu && before.tier === run.tier
        ? ''
        : `the other run was on ${before.gpu}, tier ${before.tier}\n`;
    (o.json ? process.stderr : process.stdout).write(`\n${other}${text}`);
  }
  if (o.plot) {
    writeFileSync(o.plot, report.roofline(run));
    writeFileSync(o.plot.replace(/\.svg$/, '-shares.svg'), report.shares(run, before));
  }
  if (o.forward) {
    const { forwardBench } = await import('../infer/forward_bench.ts');
    await forwardBench(gpu, (line) => (o.json ? process.stderr : process.stdout).write(`${line}\n`));
  }
  gpu.close();
  const failed = run.cases.filter((c) => !passed(c));
  if (failed.length) {
    process.stderr.write(`lacuna: wrong results: ${failed.map((c) => `${c.kernel} ${c.shape}`).join('; ')}\n`);
    process.exitCode = 1;
  }
}

/** Numbers that JSON holds: an error that is not finite becomes null. */
const record = (m: Measured): Run['cases'][number] => ({
  ...m,
  ns: Number(m.ns.toPrecision(6)),
  spread: Number(m.spread.toPrecision(3)),
  error: Number.isFinite(m.error) ? Number(m.error.toPrecision(3)) : null,
});

function wanted(all: readonly BenchCase[], o: Options): BenchCase[] {
  const words = o.shape?.split(/[\s,]+/).filter(Boolean) ?? [];
  const kernels = all.filter((c) => !o.kernel || o.kernel.some((k) => c.kernel.includes(k)));
  if (!kernels.length)
    throw new UserError(
      `--kernel ${o.kernel?.join(' ')}: there are ${[...new Set(all.map((c) => c.kernel))].join(', ')}`,
    );
  const cases = kernels.filter((c) => words.every((word) => c.shape.split(' ').includes(word)));
  if (!cases.length)
    throw new UserError(
      `--shape ${o.shape}: there are ${kernels
        .map((c) => c.shape)
        .slice(0, 8)
        .join('; ')}${kernels.length > 8 ? ' …' : ''}`,
    );
  return cases;
}

function readRun(path: string): Run {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `--compare ${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message}`,
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
