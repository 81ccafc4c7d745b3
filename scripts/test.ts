/**
 * `make test` after the set-up: linter, types, the suite under Node on every test GPU, and under Deno on its own. One
 * stage after the other, all of them even when one fails; the last line sums up the tests of both runs, and a stage
 * that fails in another way than by its tests counts as one more.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Counts, closingLine, junitCounts, skipReasons, vitestCounts } from './report.ts';

const LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd.json';
/** GPUs that must have run tests, or the suite says less than it claims. */
const GPUS = {
  node: ['lavapipe subgroup', 'lavapipe portable', 'swiftshader portable'],
  deno: ['deno portable'],
};

const folder = mkdtempSync(join(tmpdir(), 'lacuna-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
/** Said again at the end, where a log that was cut still shows it. */
const failures: string[] = [];

const installed = (tool: string): string => join('node_modules/.bin', tool);

/** Deno itself, not the script around it, which hides whether a signal ended it. Unpacked by the first call. */
const deno = (): string => {
  const { runInstall } = createRequire(import.meta.url)('deno/install_api.cjs') as { runInstall(): string };
  return runInstall();
};

type Ended = 'well' | 'badly' | NodeJS.Signals;

function stage(title: string, program: string, args: string[], env: NodeJS.ProcessEnv = {}): Ended {
  process.stdout.write(`\n== ${title}\n`);
  const began = performance.now();
  const { status, error, signal } = spawnSync(program, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ok = status === 0 && !error;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(`== ${title}: ${ok ? 'done' : `FAILED${error ? ` (${error.message})` : ''}`}, ${seconds} s\n`);
  return ok ? 'well' : (signal ?? 'badly');
}

/** A stage without tests of its own: one failure where it fails. */
function check(title: string, tool: string, args: string[]): void {
  if (stage(title, installed(tool), args) === 'well') return;
  totals.failed++;
  failures.push(title);
}

/** A stage that runs tests and writes a report of them. */
function suite(
  title: string,
  run: { program: string; args: string[]; env?: NodeJS.ProcessEnv; report: string; read: (text: string) => Counts },
  gpus: readonly string[],
): void {
  const ended = stage(title, run.program, run.args, run.env);
  let counts: Counts | undefined;
  try {
    counts = run.read(readFileSync(run.report, 'utf8'));
  } catch (error) {
    process.stdout.write(`no report: ${(error as Error).message}\n`);
  }
  // The report is written after the last test: a signal later on comes from a driver that cannot take its leave.
  const late = counts !== undefined && ended !== 'well' && ended !== 'badly';
  if (late) process.stdout.write(`  ended by ${ended} after its last test, in the driver's clean-up: not counted\n`);
  counts ??= { passed: 0, failed: [], skipped: [], gpus: {} };
  const missing = gpus.filter((gpu) => !counts.gpus[gpu]);
  const on = Object.entries(counts.gpus).map(([gpu, n]) => `${gpu} ${n}`);
  process.stdout.write(
    `${closingLine(counts.passed, counts.failed.length, counts.skipped.length)}; tests on ${on.join(', ') || 'no GPU'}\n`,
  );
  const failed = [...counts.failed];
  if (missing.length) failed.push(`no test ran on ${missing.join(', ')}`);
  if (failed.length === 0 && ended !== 'well' && !late) failed.push(`${title}: ended ${ended}`);
  failures.push(...failed);
  for (const line of skipReasons(counts.skipped)) process.stdout.write(`  ${line}\n`);
  totals.passed += counts.passed;
  totals.skipped += counts.skipped.length;
  totals.failed += failed.length;
}

const vitest = join(folder, 'vitest.json');
const junit = join(folder, 'deno.xml');
const only = process.env.LACUNA_TEST_GPUS;
if (only) process.stdout.write(`LACUNA_TEST_GPUS=${only}: tests run on these GPUs alone\n`);

check('linter and formatter (biome)', 'biome', ['check', '.']);
check('types (tsc)', 'tsc', ['--noEmit']);
check('types of the page (tsc)', 'tsc', ['--noEmit', '-p', 'web']);
suite(
  'tests under Node.js (vitest): lavapipe in two tiers, SwiftShader',
  {
    program: installed('vitest'),
    args: ['run', '--allowOnly=false', '--reporter=default', '--reporter=json', `--outputFile.json=${vitest}`],
    report: vitest,
    read: vitestCounts,
  },
  only ? [] : GPUS.node,
);
suite(
  'tests under Deno: its own WebGPU on lavapipe',
  {
    program: deno(),
    args: [
      'test',
      '--allow-all',
      '--no-check',
      '--quiet',
      `--junit-path=${junit}`,
      'kernels',
      'src',
      'test/pocket.test.ts',
    ],
    env: { VK_DRIVER_FILES: LAVAPIPE, LP_NATIVE_VECTOR_WIDTH: '128' },
    report: junit,
    read: junitCounts,
  },
  only ? [] : GPUS.deno,
);

rmSync(folder, { recursive: true });
if (failures.length) process.stdout.write(`\nfailed:\n${failures.map((line) => `  ${line}\n`).join('')}`);
process.stdout.write(`\n${closingLine(totals.passed, totals.failed, totals.skipped)}\n`);
process.exit(totals.failed ? 1 : 0);
