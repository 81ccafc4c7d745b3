/** The training loop: batch, step, event, and at an epoch's end the scores. It writes nothing; whoever runs it does. */
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { profileLines } from '../gpu/recorder.ts';
import { backwardBytes } from '../model/backward.ts';
import { activationBytes } from '../model/decoder.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { Batches, type BatchState } from './batches.ts';
import { mine, type OnEmbed, type RankWith, validate } from './evaluate.ts';
import type { EpochEvent, StepEvent, TrainEvent, TrainingData, TrainState } from './events.ts';
import { firstLossScale, nextLossScale } from './scaler.ts';
import { linearSchedule, type Schedule, warmupSteps } from './schedule.ts';
import type { Settings } from './settings.ts';
import { createStep, type Step, type StepTexts } from './step.ts';
import { longestText } from './tokens.ts';
import type { Trainable } from './trainable.ts';

export interface TrainerOptions {
  /** Tokens on the way at a time; by default what the batch and the GPU ask for. */
  chunkTokens?: number;
  /** Bytes that layers may keep for the backward pass beside their inputs; where it is not enough they are run again. */
  keepBytes?: number;
  /** Products of int4 weights in 8 bits. */
  int8?: boolean;
  /** Counts pipelines. */
  onCompile?: (done: number, total: number) => void;
  onEmbed?: OnEmbed;
}

/** Tokens a chunk that keep a GPU busy; a software driver gains nothing from more. */
const PREFERRED_CHUNK = { gpu: 16384, software: 2048 };

/** A quarter of what a laptop's GPU has. */
export const DEFAULT_KEEP_BYTES = 2 * 2 ** 30;

/** The most tokens that a batch of this data can have. */
export function mostBatchTokens(data: TrainingData, batch: number, passages: number): number {
  const longest = (texts: readonly Uint32Array[], count: number) =>
    texts
      .map((ids) => ids.length)
      .sort((a, b) => b - a)
      .slice(0, count)
      .reduce((n, length) => n + length, 0);
  return longest(data.queries, batch) + longest(data.passages, passages);
}

/** Tokens a chunk: as asked, or the whole batch as far as this GPU is the better for it and its bindings hold it. */
export function chunkTokensFor(
  gpu: Gpu,
  config: ModelConfig,
  { longest, batch, asked }: { longest: number; batch: number; asked?: number },
): number {
  const fits = Math.floor(gpu.caps.maxBinding / activationBytes(config, gpu.activation).widest);
  if (longest > config.maxPositions)
    throw new UserError(`a text has ${longest} tokens, and this model was made for ${config.maxPositions}`);
  if (fits < longest)
    throw new UserError(`one text of ${longest} tokens does not fit this GPU's bindings, which hold ${fits}`);
  if (asked !== undefined && (asked > fits || asked < longest))
    throw new UserError(
      `--chunk-tokens ${asked}: must be from ${longest}, the longest text, to ${fits}, what bindings hold`,
    );
  const { gpu: many, software: few } = PREFERRED_CHUNK;
  return asked ?? Math.max(longest, Math.min(batch, fits, gpu.description.software ? few : many));
}

/** The state of a run that has not begun. */
export const firstState = (activation: 'f16' | 'f32'): TrainState => ({
  ...{ epoch: 0, step: 0, tried: 0, updates: 0, lossSum: 0, seconds: 0 },
  ...firstLossScale(activation),
});

export class Trainer {
  readonly totalSteps: number;
  readonly chunkTokens: number;
  /** Where the run stands; `restore` sets it. */
  state: TrainState;
  readonly #trainable: Trainable;
  readonly #data: TrainingData;
  readonly #settings: Settings;
  readonly #batches: Batches;
  readonly #schedule: Schedule;
  readonly #step: Step;
  readonly #rankWith: RankWith;
  #rankings: number[][] = [];
  /** Texts of the next step, whose forward pass the GPU has been given. */
  #ahead: StepTexts | undefined;
  /** When the last step ended, where another follows at once. */
  #ended: number | undefined;

  private constructor(
    trainable: Trainable,
    data: TrainingData,
    settings: Settings,
    made: { batches: Batches; step: Step; rankWith: RankWith; chunkTokens: number },
  ) {
    this.#trainable = trainable;
    this.#data = data;
    this.#settings = settings;
    this.#batches = made.batches;
    this.#step = made.step;
    this.#rankWith = made.rankWith;
    this.chunkTokens = made.chunkTokens;
    this.totalSteps = settings.epochs * made.batches.stepsPerEpoch;
    const warm = warmupSteps(this.totalSteps, settings.warmup);
    this.#schedule = { lr: settings.lr, warmupSteps: warm, totalSteps: this.totalSteps };
    this.state = firstState(trainable.parameters.gpu.activation);
  }

  /** Records and compiles a step for this data. The trainable stays the caller's. Throws a UserError for settings that the data or the GPU cannot have. */
  static async create(
    gpu: Gpu,
    trainable: Trainable,
    tokenizer: Tokenizer,
    data: TrainingData,
    settings: Settings,
    options: TrainerOptions = {},
  ): Promise<Trainer> {
    const { labels, passages } = data;
    const batches = new Batches({ ...settings, labels, passages: passages.length });
    const longest = longestText(data);
    const chunkTokens = chunkTokensFor(gpu, trainable.model.config, {
      longest,
      batch: mostBatchTokens(data, settings.batch, batches.maxPassages),
      asked: options.chunkTokens,
    });
    const { kept } = backwardBytes(trainable.model.config, gpu.activation);
    const keep = kept * chunkTokens <= (options.keepBytes ?? DEFAULT_KEEP_BYTES);
    const shape = {
      queries: settings.batch,
      passages: batches.maxPassages,
      chunkTokens,
      maxLength: longest,
      keep,
      int8: options.int8,
    };
    const step = await createStep(gpu, trainable, { ...settings, ...shape }, options.onCompile);
    const { model } = trainable;
    const rankWith = { gpu, model, tokenizer, batchTokens: chunkTokens, onEmbed: options.onEmbed };
    return new Trainer(trainable, data, settings, { batches, step, rankWith, chunkTokens });
  }

  /** Validation rankings of the last epoch that ended: taxonomy rows, best first. */
  predictions(): readonly (readonly number[])[] {
    return this.#rankings;
  }

  /**
   * Trains from `state` to the end, or until `signal` is aborted, which ends the run between two steps. When an event
   * comes, `state` and the parameters are those after it. Throws a UserError where the loss or the gradients stop
   * being finite: parameters are then those of the last update.
   */
  async *run(signal?: AbortSignal): AsyncGenerator<TrainEvent> {
    const began = performance.now() - 1000 * this.state.seconds;
    this.#ahead = undefined;
    this.#ended = undefined;
    const seconds = () => (performance.now() - began) / 1000;
    while (this.state.epoch < this.#settings.epochs && !signal?.aborted) {
      if (this.state.step < this.#batches.stepsPerEpoch) yield await this.#next(seconds);
      else yield await this.#endEpoch(seconds);
    }
  }

  async #next(seconds: () => number): Promise<StepEvent> {
    const { state } = this;
    const { gpu } = this.#trainable.parameters;
    const { hardNegatives, weightDecay } = this.#settings;
    if (hardNegatives > 0 && !state.mined) state.mined = await this.#mine(hardNegatives);
    const from = this.#ended ?? performance.now();
    const lr = linearSchedule(this.#schedule, state.tried);
    const texts = this.#ahead?.step === state.tried ? this.#ahead : this.#texts(state, state.tried);
    // The first step of an epoch waits for what the last one's end judges and mines.
    const last = state.step + 1 === this.#batches.stepsPerEpoch;
    const ahead = () => {
      this.#ahead = last ? undefined : this.#texts(this.#batches.next(state), state.tried + 1);
      return this.#ahead;
    };
    const rest = { lr, weightDecay, updates: state.updates, lossScale: state.lossScale };
    const outcome = await this.#step.run({ ...texts, ...rest }, ahead);
    this.#ended = performance.now();
    const { loss, norm, updated, tokens } = outcome;
    const at = `step ${state.tried + 1} of ${this.totalSteps}`;
    if (!Number.isFinite(loss))
      throw new UserError(`${at}: the loss is ${loss}: train with a smaller lr (--set lr=…), from the last checkpoint`);
    const lossScale = state.lossScale;
    const next = nextLossScale(state, updated, gpu.activation);
    if (next.lossScale < 1)
      throw new UserError(
        `${at}: the gradients are not finite: train with a smaller lr (--set lr=…), from the last checkpoint`,
      );
    const epoch = state.epoch;
    Object.assign(state, next, {
      step: state.step + 1,
      tried: state.tried + 1,
      updates: state.updates + Number(updated),
      lossSum: state.lossSum + loss,
      seconds: seconds(),
    });
    return {
      type: 'step',
      ...{ step: state.tried, steps: this.totalSteps, epoch, loss, lr, norm, updated, lossScale, tokens },
      tokensPerSecond: tokens / ((this.#ended - from) / 1000),
      gpuBytes: gpu.peak,
      seconds: state.seconds,
    };
  }

  /** The texts of a batch, as the step that is the `step`th to be tried. */
  #texts(at: BatchState, step: number): StepTexts {
    const { queries, passages } = this.#data;
    const { mined } = this.state;
    const batch = this.#batches.at(at, mined && ((row) => mined[row]));
    return {
      queries: batch.rows.map((row) => queries[row]),
      passages: batch.passages.map((row) => passages[row]),
      targets: batch.targets,
      step,
    };
  }

  async #endEpoch(seconds: () => number): Promise<EpochEvent> {
    const { state } = this;
    const { validation } = this.#data;
    this.#ended = undefined;
    const judged = validation?.queries.length ? await validate(this.#rankWith, validation) : undefined;
    if (judged) this.#rankings = judged.rankings;
    const loss = state.lossSum / state.step;
    Object.assign(state, { epoch: state.epoch + 1, step: 0, lossSum: 0, mined: undefined, seconds: seconds() });
    const { epochs } = this.#settings;
    const done = { epoch: state.epoch, epochs, step: state.tried, loss, seconds: state.seconds };
    return { type: 'epoch', ...done, ...(judged && { report: judged.report }) };
  }

  #mine(count: number): Promise<number[][]> {
    const { labels, passages } = this.#data;
    const all = this.#settings.pool === 'all';
    const pool = all ? passages.map((_, row) => row) : [...new Set(labels)].sort((a, b) => a - b);
    return mine(this.#rankWith, this.#data, pool, count);
  }

  /** GPU time by kernel of the last step's last chunk, run again: a printable line each. Nothing on a GPU that cannot tell. */
  async profile(): Promise<string[]> {
    const { gpu } = this.#trainable.parameters;
    return gpu.caps.timestamps && this.state.tried > 0 ? profileLines(await this.#step.profile()) : [];
  }

  free(): void {
    this.#step.free();
  }
}
