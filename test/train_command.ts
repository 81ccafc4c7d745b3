/** What the tests of `lacuna train` share: a tiny model, a slice of the sample, and the command in this process or its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { rankCommand } from '../src/cli/rank.ts';
import { trainCommand } from '../src/cli/train.ts';
import { formatCsv, parseCsv } from '../src/data/csv.ts';
import { UserError } from '../src/errors.ts';
import type { EpochEvent, StepEvent, TrainEvent } from '../src/train/events.ts';
import { GOLDEN } from './golden/golden.ts';
import { testGpus } from './gpus.ts';

export const MODEL = join(GOLDEN, 'qwen2-f32');
export const DENO = 'Deno' in globalThis;
/** One GPU is enough here: the kernels' own tests run on all. */
export const GPU = testGpus().find(({ tier }) => tier === 'portable') ?? testGpus()[0];

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/** Texts of one length or two, so that every step is short. */
export const SHAPE = ['queryLength=24', 'passageLength=12', 'evalLength=24', 'batch=4', 'negatives=4', 'lr=1e-3'];
/** Two linears compile the fewest pipelines; mined negatives and dropout are what a checkpoint must not forget. */
export const LORA = ['epochs=2', 'rank=4', 'targets=q_proj,v_proj', 'dropout=.1', 'hardNegatives=1'];

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Adds what this process writes to `into`, until it is released. */
export function captureOutput(into: { out: string; err: string }): () => void {
  const { stdout, stderr } = process;
  const written = [stdout.write, stderr.write] as const;
  const add = (name: 'out' | 'err') => (text: string) => {
    into[name] += text;
    return true;
  };
  stdout.write = add('out') as typeof stdout.write;
  stderr.write = add('err') as typeof stderr.write;
  return () => {
    [stdout.write, stderr.write] = written;
  };
}

/** A command line in this process, answered as main.ts does. */
export async function lacuna(...args: string[]): Promise<Ended> {
  const ended = { code: 0, out: '', err: '' };
  const program = new Command('lacuna').exitOverride();
  for (const add of [trainCommand, rankCommand]) add(program);
  for (const command of program.commands) command.exitOverride();
  const release = captureOutput(ended);
  try {
    await program.parseAsync(args, { from: 'user' });
    ended.code = Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) ended.code = error.exitCode && 2;
    else if (error instanceof UserError) [ended.code, ended.err] = [2, `${ended.err}lacuna: ${error.message}\n`];
    else throw error;
  } finally {
    release();
    // It would be the test runner's own.
    process.exitCode = undefined;
  }
  return ended;
}

/** Makes commands find GPU's driver. */
export function useDriver(): void {
  if (!GPU.icd) return;
  process.env.VK_DRIVER_FILES = GPU.icd;
  if (GPU.width) process.env.LP_NATIVE_VECTOR_WIDTH = `${GPU.width}`;
}

/** `lacuna train exp010` on the tiny model. */
export const trainArgs = (data: string, out: string, settings: readonly string[], ...more: string[]): string[] => [
  ...['train', 'exp010', '--model', MODEL, '--data', data, '--out', out, '--tier', GPU.tier, ...more],
  ...['--set', ...SHAPE, ...settings],
];

/** The command line tool as a process of its own: from its sources under Deno, bundled under Node. */
export class Bundle {
  readonly #command: readonly string[];
  readonly #folder: string | undefined;

  private constructor(command: readonly string[], folder?: string) {
    this.#command = command;
    this.#folder = folder;
  }

  static async make(): Promise<Bundle> {
    if (DENO) return new Bundle(['run', '-A', '--no-check', join(REPOSITORY, 'src/cli/main.ts')]);
    // Below the repository, where the packages are found.
    const folder = await mkdtemp(join(REPOSITORY, 'node_modules/.lacuna-train-'));
    const { build } = await import('vite');
    await build({ root: REPOSITORY, logLevel: 'error', build: { outDir: folder, sourcemap: false } });
    return new Bundle([join(folder, 'cli.js')], folder);
  }

  /** Starts it and hands every line of its stdout to `onLine` with the process. */
  async run(args: readonly string[], onLine: (line: string, child: ChildProcess) => void): Promise<Ended> {
    const child = spawn(process.execPath, [...this.#command, ...args], { cwd: REPOSITORY });
    const ended = { out: '', err: '' };
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      ended.out += text;
      const lines = (line + text).split('\n');
      line = lines.pop()!;
      for (const whole of lines) onLine(whole, child);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      ended.err += text;
    });
    const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
    return { code, ...ended };
  }

  async remove(): Promise<void> {
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }
}

/** A temporary folder with the first `questions` of the sample in data/, their misconceptions and their folds. */
export async function makeRoot(questions = 16): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'lacuna-train-'));
  const names = ['train.csv', 'misconception_mapping.csv', 'folds.csv'];
  const [train, taxonomy, folds] = await Promise.all(
    names.map(async (name) => parseCsv(await readFile(join(REPOSITORY, 'data/sample', name), 'utf8'), name)),
  );
  const rows = train.rows.slice(0, questions).map(({ cells }) => cells);
  const ids = new Set(rows.map(({ QuestionId }) => QuestionId));
  const labels = new Set(rows.flatMap((row) => [...'ABCD'].map((letter) => row[`Misconception${letter}Id`])));
  const cellsOf = ({ rows: all }: typeof train) => all.map(({ cells }) => cells);
  const kept = [
    rows,
    cellsOf(taxonomy).filter(({ MisconceptionId }) => labels.has(MisconceptionId)),
    cellsOf(folds).filter(({ QuestionId }) => ids.has(QuestionId)),
  ];
  await mkdir(join(root, 'data'));
  for (const [i, { columns }] of [train, taxonomy, folds].entries()) {
    const records = kept[i].map((cells) => columns.map((column) => cells[column]));
    await writeFile(join(root, 'data', names[i]), formatCsv(columns, records));
  }
  return root;
}

/** The lines of a run's metrics.jsonl. */
export async function eventsOf(run: string): Promise<{ steps: StepEvent[]; epochs: EpochEvent[] }> {
  const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line) as TrainEvent);
  return {
    steps: events.filter((event) => event.type === 'step'),
    epochs: events.filter((event) => event.type === 'epoch'),
  };
}
