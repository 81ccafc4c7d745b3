/**
 * The folder of a training run:
 *
 *   config.json              what was told, and where it ran
 *   metrics.jsonl            a line a step, a line an epoch
 *   plot.svg                 loss, learning rate and scores so far
 *   checkpoint.safetensors   all that --resume needs, as often as --checkpoint-every says, at the end, and
 *                            after each epoch where it is an adapter that is trained
 *   adapter/  val_pred.parquet             of the last epoch that ended (model/ where all weights are trained)
 *   adapter-best/  val_pred-best.parquet   of the best one: by recall@25 on the held-out fold, then MAP@25
 *   summary.json             which epochs these are, and their scores
 *
 * Every file but metrics.jsonl, which grows line by line, is replaced as a whole. Where the last epoch is the best, its
 * weights are in both folders as the same files, if the file system allows that.
 */
import { readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { type PredictionRow, writePredictions } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { fileError } from '../formats/file_source.ts';
import type { EpochEvent, TrainEvent, TrainState } from './events.ts';
import { MetricsLog } from './metrics_log.ts';
import { type RunConfig, readRunConfig } from './run_config.ts';
import { trainingPlot } from './training_plot.ts';

const CONFIG = 'config.json';
const METRICS = 'metrics.jsonl';
const PLOT = 'plot.svg';
const CHECKPOINT = 'checkpoint.safetensors';
const SUMMARY = 'summary.json';
const PREDICTIONS = { last: 'val_pred.parquet', best: 'val_pred-best.parquet' };
const WEIGHTS = {
  lora: { last: 'adapter', best: 'adapter-best' },
  all: { last: 'model', best: 'model-best' },
} as const;
/** All that a run leaves behind. */
const OURS = [
  ...[CONFIG, METRICS, PLOT, CHECKPOINT, SUMMARY],
  ...[PREDICTIONS, WEIGHTS.lora, WEIGHTS.all].flatMap((kept) => Object.values(kept)),
];

const REDRAW_MS = 5000;

/** What an epoch leaves behind. */
export interface EpochOutput {
  /** Writes the weights as they are now into a folder, in place of its files and never into them. */
  writeWeights(folder: string): Promise<void>;
  /** Rankings of the held-out rows; absent where nothing is held out. */
  predictions?: readonly PredictionRow[];
}

export class RunFolder {
  readonly path: string;
  readonly config: RunConfig;
  #log: MetricsLog | undefined;
  #drawn = 0;

  private constructor(path: string, config: RunConfig) {
    this.path = path;
    this.config = config;
  }

  /**
   * UserError where `path` is there and holds something, unless `force` is given; a run's own files are then removed
   * by `create`. None of `inputs` may lie in it.
   */
  static async check(path: string, inputs: readonly string[], force = false): Promise<void> {
    const found = await contents(path);
    if (found.length && !force)
      throw new UserError(
        found.includes(CONFIG) && found.includes(METRICS)
          ? `${path}: holds a run: --resume goes on with it, --force begins anew`
          : `${path}: is not empty: choose another folder, or --force`,
      );
    const real = (p: string) => realpath(p).catch(() => resolve(p));
    const place = await real(path);
    for (const input of inputs) {
      const inside = relative(place, await real(input));
      const [top] = inside.split('/');
      if (inside === '' || OURS.includes(top))
        throw new UserError(`${path}: ${input} is read from it: write to another folder`);
    }
  }

  /** Begins a run in a folder that `check` found fit. */
  static async create(path: string, config: RunConfig): Promise<RunFolder> {
    for (const name of OURS) await rm(join(path, name), { recursive: true, force: true });
    return RunFolder.amend(path, config);
  }

  /** The folder of a run that goes on otherwise than it was told. */
  static async amend(path: string, config: RunConfig): Promise<RunFolder> {
    await removeHalfWritten(path);
    await writeFiles([{ path: join(path, CONFIG), chunks: [`${JSON.stringify(config, null, 2)}\n`] }]);
    return new RunFolder(path, config);
  }

  /** Opens the folder of a run that is to go on. */
  static async open(path: string): Promise<RunFolder> {
    if (!(await contents(path)).includes(CONFIG)) throw new UserError(`${path}: holds no run to resume`);
    return new RunFolder(path, await readRunConfig(join(path, CONFIG)));
  }

  get checkpoint(): string {
    return join(this.path, CHECKPOINT);
  }

  /** The folder of an epoch's weights. */
  weights(which: 'last' | 'best'): string {
    return join(this.path, WEIGHTS[this.config.train][which]);
  }

  hasCheckpoint(): Promise<boolean> {
    return stat(this.checkpoint).then(
      () => true,
      () => false,
    );
  }

  /** Where the run goes on from. Lines of later steps, which a killed run left, are taken back. Returns what is logged. */
  async begin(state: TrainState): Promise<Pick<MetricsLog, 'steps' | 'epochs'>> {
    await this.#log?.close();
    this.#log = await MetricsLog.open(join(this.path, METRICS), state);
    return this.#log;
  }

  /** Logs an event, and redraws the plot every few seconds. */
  async record(event: TrainEvent): Promise<void> {
    await this.#opened.append(event);
    if (event.type === 'epoch' || performance.now() - this.#drawn >= REDRAW_MS) await this.draw();
  }

  /** Brings the plot up to date, and metrics.jsonl to the disk. */
  async draw(): Promise<void> {
    this.#drawn = performance.now();
    const { experiment, model, fold } = this.config;
    // A path says where the model lay that day, which is nothing to whoever looks at the picture.
    const title = `${experiment}, ${basename(model)}${fold === null ? '' : `, fold ${fold}`}`;
    const { steps, epochs } = this.#opened;
    await writeFiles([{ path: join(this.path, PLOT), chunks: [trainingPlot(title, steps, epochs)] }]);
    await this.#opened.flush();
  }

  /** Writes weights and rankings of the epoch that was recorded last, and once more where it is the best so far. */
  async saveEpoch(output: EpochOutput): Promise<{ best: EpochEvent | undefined }> {
    const last = this.#opened.epochs.at(-1)!;
    const best = bestOf(this.#opened.epochs);
    await output.writeWeights(this.weights('last'));
    if (best === last) await shareFiles(this.weights('last'), this.weights('best'));
    for (const which of best === last ? (['last', 'best'] as const) : (['last'] as const))
      if (output.predictions) await writePredictions(join(this.path, PREDICTIONS[which]), output.predictions);
    await this.#summarise(last, best);
    return { best };
  }

  async close(): Promise<void> {
    await this.#log?.close();
    this.#log = undefined;
  }

  get #opened(): MetricsLog {
    if (!this.#log) throw new Error(`${this.path}: the run has not begun`);
    return this.#log;
  }

  async #summarise(last: EpochEvent, best: EpochEvent | undefined): Promise<void> {
    const { experiment, preset, model, fold, train, device } = this.config;
    const { steps } = this.#opened;
    const entry = (event: EpochEvent, which: 'last' | 'best') => ({
      epoch: event.epoch,
      step: event.step,
      loss: event.loss,
      weights: WEIGHTS[train][which],
      ...(event.report && { predictions: PREDICTIONS[which], report: event.report }),
    });
    const summary = {
      ...{ experiment, preset, model, fold, train, device },
      complete: last.epoch === last.epochs,
      epochs: last.epochs,
      steps: steps.length,
      tokens: steps.reduce((n, { tokens }) => n + tokens, 0),
      seconds: last.seconds,
      gpuBytes: steps.reduce((n, { gpuBytes }) => Math.max(n, gpuBytes), 0),
      last: entry(last, 'last'),
      best: best
        ? { ...entry(best, 'best'), chosenBy: 'recall@25 on the held-out fold, then MAP@25: optimistic' }
        : null,
    };
    await writeFiles([{ path: join(this.path, SUMMARY), chunks: [`${JSON.stringify(summary, null, 2)}\n`] }]);
  }
}

/** The epoch with the best recall@25, among equals the best MAP@25, then the first; none where nothing is measured. */
export function bestOf(epochs: readonly EpochEvent[]): EpochEvent | undefined {
  const key = ({ report }: EpochEvent) => [report?.['recall@25'] ?? -1, report?.['map@25'] ?? -1];
  return epochs
    .filter(({ report }) => report)
    .reduce<EpochEvent | undefined>((best, epoch) => {
      if (!best) return epoch;
      const [[recall, map], [bestRecall, bestMap]] = [key(epoch), key(best)];
      return recall > bestRecall || (recall === bestRecall && map > bestMap) ? epoch : best;
    }, undefined);
}

/** Gives the files of one folder to another as well. */
async function shareFiles(source: string, target: string): Promise<void> {
  const names = await readdir(source);
  await writeFiles(names.map((name) => ({ path: join(target, name), sameAs: join(source, name) })));
}

/** Removes what a killed process of this run was writing: as large as a checkpoint, and of no use. */
async function removeHalfWritten(path: string): Promise<void> {
  const folders = [WEIGHTS.lora, WEIGHTS.all].flatMap((kept) => Object.values(kept));
  for (const folder of ['', ...folders]) {
    const names = await readdir(join(path, folder)).catch((): string[] => []);
    for (const name of names) {
      const target = /^(.+)\.\d+\.tmp$/.exec(name)?.[1];
      if (target && (folder || OURS.includes(target))) await rm(join(path, folder, name), { force: true });
    }
  }
}

async function contents(path: string): Promise<string[]> {
  return readdir(path).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new UserError(`${path}: is a file: --out is the folder of a run`);
    throw fileError(path, error);
  });
}
