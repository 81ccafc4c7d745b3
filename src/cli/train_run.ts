/**
 * A training run from its job to its end: the model onto the GPU, steps into the folder, checkpoints in time, and when
 * the device is lost, all of it once more from the last checkpoint.
 */
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import manifest from '../../package.json' with { type: 'json' };
import { writeModelFolder } from '../convert/hf_folder.ts';
import { type ModelSource, openModelSource } from '../convert/model_source.ts';
import { identify } from '../data/eedi.ts';
import type { PredictionRow } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import { type Adapter, readAdapter, writeAdapter } from '../formats/peft.ts';
import type { OpenOptions, Tier } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { requireInt8 } from '../infer/embedder.ts';
import { holdsInt4 } from '../infer/estimate.ts';
import { loadModel } from '../model/load.ts';
import { modelFiles } from '../model/open.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { allWeights } from '../train/all_weights.ts';
import { type PreparedData, prepareData } from '../train/data.ts';
import type { EpochEvent, StepEvent, TrainState } from '../train/events.ts';
import { adapterConfig, adapterOf, continuedLora, newLora } from '../train/lora_weights.ts';
import { planTraining, requireFits, type TrainingPlan } from '../train/plan.ts';
import { loadCheckpoint, saveCheckpoint } from '../train/run_checkpoint.ts';
import { contentFingerprint, type RunConfig } from '../train/run_config.ts';
import type { EpochOutput, RunFolder } from '../train/run_folder.ts';
import type { Settings } from '../train/settings.ts';
import { longestText, tokensOf } from '../train/tokens.ts';
import type { Trainable } from '../train/trainable.ts';
import { trainedWeights } from '../train/trained_weights.ts';
import { chunkTokensFor, DEFAULT_KEEP_BYTES, mostBatchTokens, Trainer } from '../train/trainer.ts';

/** What is to be trained. Paths are absolute. */
export interface TrainJob {
  experiment: string;
  preset: string;
  train: 'lora' | 'all';
  /** As it was given, and where it lies. */
  model: string;
  modelPath: string;
  adapter?: string;
  data: string;
  fold?: number;
  withoutRationales: boolean;
  settings: Settings;
  tier?: Tier;
  activations?: 'int8';
  chunkTokens?: number;
  keepBytes?: number;
  /** Bytes of GPU memory that the run may take; by default, of a software GPU the machine's own, of others whatever they have. */
  budget?: number;
}

/** A job whose files are open and read: all that does not need the GPU. */
export interface OpenedJob {
  job: TrainJob;
  source: ModelSource;
  tokenizer: Tokenizer;
  adapter?: Adapter;
  prepared: PreparedData;
  /** Ids of the data's tokens. */
  tokens: Uint32Array;
  fingerprint: string;
  dataFiles: Record<string, string>;
  close(): Promise<void>;
}

/** Opens what a job reads. Throws a UserError for whatever is wrong with it. */
export async function openJob(job: TrainJob): Promise<OpenedJob> {
  const source = await openModelSource(job.modelPath);
  const { checkpoint } = source;
  let adapter: Adapter | undefined;
  const close = async () => {
    await adapter?.close();
    await checkpoint.close();
  };
  try {
    if (job.adapter !== undefined) {
      adapter = await readAdapter(job.adapter, checkpoint.config);
      // Read once before a folder is made: nothing can be trained on from the NaN that a broken run left.
      for (const { A, B } of adapter.modules.values()) for (const data of [A, B]) await readMatrix(data);
    }
    const tokenizer = tokenizerOf(checkpoint);
    const { fold, withoutRationales, settings } = job;
    const { maxPositions } = checkpoint.config;
    const prepared = await prepareData(job.data, tokenizer, settings, { fold, withoutRationales, maxPositions });
    const { files } = await identify(job.data);
    return {
      ...{ job, source, tokenizer, adapter, prepared, tokens: tokensOf(prepared.data), close },
      fingerprint: await contentFingerprint(await modelFiles(job.modelPath, job.adapter)),
      dataFiles: Object.fromEntries(files.map(({ name, sha256 }) => [name, sha256])),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the job will take on this GPU. Throws a UserError where it does not fit. */
export function planJob(gpu: Gpu, { job, source, adapter, prepared, tokens }: OpenedJob): TrainingPlan {
  const { checkpoint } = source;
  const { data } = prepared;
  const { train, settings, keepBytes = DEFAULT_KEEP_BYTES } = job;
  const int8 = job.activations === 'int8';
  if (int8) requireInt8(gpu);
  if (int8 && !holdsInt4(checkpoint))
    throw new UserError(
      `--activations int8 has nothing to work on: ${job.model} has no int4 weights (\`lacuna quantize --to q4\` makes them)`,
    );
  const plan = (chunkTokens: number) =>
    planTraining(checkpoint, gpu.caps, data, settings, {
      ...{ train, adapter, chunkTokens, keepBytes, int8 },
      tokens: tokens.length,
    });
  const longest = longestText(data);
  // A chunk of one text plans the same passages a step, which the usual chunk depends on.
  const batch = mostBatchTokens(data, settings.batch, plan(longest).passages);
  const chunkTokens = chunkTokensFor(gpu, checkpoint.config, { longest, batch, asked: job.chunkTokens });
  const budget = job.budget ?? (gpu.description.software ? totalmem() : Number.POSITIVE_INFINITY);
  requireFits(chunkTokens, longest, budget, plan);
  return plan(chunkTokens);
}

/** config.json of a run that begins here. */
export function configOf(opened: OpenedJob, gpu: Gpu, chunkTokens: number, command: string): RunConfig {
  const { job, fingerprint, dataFiles } = opened;
  const { experiment, preset, train, model, modelPath, adapter = null, data, fold = null, withoutRationales } = job;
  const { activations = null } = job;
  const { description, device } = gpu.description;
  const deno = (globalThis as { Deno?: { version: { deno: string } } }).Deno;
  return {
    ...{ experiment, preset, train, model, modelPath, fingerprint, adapter, data, dataFiles, fold, withoutRationales },
    ...{ activations, chunkTokens, tier: gpu.caps.tier, device: description || device, command },
    versions: {
      lacuna: manifest.version,
      ...(deno ? { deno: deno.version.deno } : { node: process.versions.node, dawn: manifest.dependencies.webgpu }),
    },
    settings: job.settings,
  };
}

/** The job of a run that is to go on: what it began with, and nothing else. */
export function jobOf(c: RunConfig): TrainJob {
  const { adapter, fold, activations } = c;
  return { ...c, adapter: adapter ?? undefined, fold: fold ?? undefined, activations: activations ?? undefined };
}

/** Throws a UserError where model, adapter or data are not those that the run began with. */
export function requireSame(config: RunConfig, { fingerprint, dataFiles, job }: OpenedJob, out: string): void {
  if (fingerprint !== config.fingerprint)
    throw new UserError(
      `${out}: the run began with other files of ${job.model}${job.adapter ? ` or ${job.adapter}` : ''}`,
    );
  for (const name of new Set([...Object.keys(dataFiles), ...Object.keys(config.dataFiles)]))
    if (dataFiles[name] !== config.dataFiles[name])
      throw new UserError(`${out}: ${job.data}/${name} is not what the run began with`);
}

/** Whom a run tells how it goes. */
export interface Reporter {
  /** Work of a phase before or between steps: done of total units. */
  phase(label: string, done: number, total: number, unit: string): void;
  /** The run stands at `state`, having logged these steps and epochs. */
  begin(state: TrainState, log: { steps: readonly StepEvent[]; epochs: readonly EpochEvent[] }): void;
  step(event: StepEvent): void;
  epoch(event: EpochEvent, best: EpochEvent | undefined): void;
  note(text: string): void;
}

export interface RunOptions {
  reporter: Reporter;
  signal: AbortSignal;
  /** Whether a checkpoint is due: steps tried, and seconds gone, since the last one. */
  due(steps: number, seconds: number): boolean;
  /** Ends the run, with a checkpoint, when so many steps were tried in all. */
  maxSteps?: number;
  /** Tell at the end where a step's time on the GPU goes. */
  profile?: boolean;
  openGpu?: (options: OpenOptions) => Promise<Gpu>;
}

export interface RunResult {
  complete: boolean;
  /** Steps tried, of all. */
  step: number;
  steps: number;
}

/** So often in a row the device may be lost without a step between. */
const MOST_LOSSES = 3;

/**
 * Trains until the end, the signal or maxSteps, from the folder's checkpoint if it has one. `first` is closed with the
 * run. Throws a UserError where the loss is no number, where the disk is full, and where the device is lost again and
 * again; the last checkpoint stays.
 */
export async function runTraining(first: Gpu, opened: OpenedJob, folder: RunFolder, o: RunOptions): Promise<RunResult> {
  const { openGpu = Gpu.open, reporter } = o;
  let [losses, furthest] = [0, -1];
  for (let gpu = first; ; gpu = await openGpu({ tier: folder.config.tier })) {
    let lost = false;
    gpu.lost.then(() => {
      lost = true;
    });
    let session: Session | undefined;
    try {
      session = await openSession(gpu, opened, folder, reporter);
      return await runSession(session, opened, folder, o);
    } catch (error) {
      // The device says that it is lost a moment after what was under way has failed.
      await Promise.race([gpu.lost, new Promise((done) => setTimeout(done, 200))]);
      if (!lost) throw error;
      const tried = session?.trainer.state.tried ?? 0;
      losses = tried > furthest ? 1 : losses + 1;
      furthest = Math.max(furthest, tried);
      if (losses > MOST_LOSSES)
        throw new UserError(
          `the GPU was lost ${losses} times at step ${furthest}: the last checkpoint is kept, and when the GPU is well \`lacuna train --resume --out ${folder.path}\` goes on`,
        );
      reporter.note(`the GPU was lost at step ${tried}: opening it again, from the last checkpoint`);
    } finally {
      session?.trainer.free();
      session?.trainable.free();
      gpu.close();
      await folder.close();
    }
  }
}

/** What of a run is on the GPU; gone with it when the device is lost. */
interface Session {
  trainable: Trainable;
  trainer: Trainer;
}

async function openSession(gpu: Gpu, opened: OpenedJob, folder: RunFolder, reporter: Reporter): Promise<Session> {
  const { job, source, adapter, tokenizer, prepared, tokens } = opened;
  const { checkpoint } = source;
  const load = () =>
    loadModel(gpu, checkpoint, {
      exact: true,
      tokens,
      onProgress: (done, total) => reporter.phase('load', done, total, 'B'),
    });
  const trainable =
    job.train === 'all'
      ? await allWeights(gpu, checkpoint, (done, total) => reporter.phase('load', done, total, 'weights'))
      : adapter
        ? await continuedLora(gpu, await load(), adapter)
        : await newLora(gpu, await load(), job.settings);
  const trainer = await Trainer.create(gpu, trainable, tokenizer, prepared.data, job.settings, {
    chunkTokens: folder.config.chunkTokens,
    keepBytes: job.keepBytes,
    int8: job.activations === 'int8',
    onCompile: (done, total) => reporter.phase('compile', done, total, 'pipelines'),
    onEmbed: (what, done, total) => reporter.phase(what, done, total, 'tokens'),
  });
  return { trainable, trainer };
}

async function runSession(
  { trainable, trainer }: Session,
  opened: OpenedJob,
  folder: RunFolder,
  { reporter, signal, due, maxSteps = Number.POSITIVE_INFINITY, profile }: RunOptions,
): Promise<RunResult> {
  const { settings } = opened.job;
  if (await folder.hasCheckpoint()) trainer.state = (await loadCheckpoint(folder.checkpoint, trainable)).state;
  reporter.begin(trainer.state, await folder.begin(trainer.state));
  const write = await weightsWriter(trainable, opened);
  const perEpoch = trainer.totalSteps / settings.epochs;

  const now = () => ({ step: trainer.state.tried, epoch: trainer.state.epoch, at: performance.now() });
  let saved = now();
  const save = async () => {
    await saveCheckpoint(folder.checkpoint, trainable, trainer.state, settings);
    saved = now();
  };
  /** Reached, and no epoch is left to be closed first. */
  const enough = () => trainer.state.tried >= maxSteps && trainer.state.step < perEpoch;
  const stop = new AbortController();
  const end = () => stop.abort();
  signal.addEventListener('abort', end);
  if (signal.aborted || enough()) end();
  try {
    for await (const event of trainer.run(stop.signal)) {
      await folder.record(event);
      if (event.type === 'epoch') {
        const predictions = predictionsOf(opened.prepared, trainer.predictions());
        const { best } = await folder.saveEpoch({ writeWeights: write, predictions });
        reporter.epoch(event, best);
      } else {
        reporter.step(event);
      }
      // All weights with AdamW's moments may take as long to write as a short epoch to train, an adapter's do not.
      const ended = event.type === 'epoch' && opened.job.train === 'lora';
      if (ended || due(trainer.state.tried - saved.step, (performance.now() - saved.at) / 1000)) await save();
      if (enough()) end();
    }
    if (trainer.state.tried !== saved.step || trainer.state.epoch !== saved.epoch) await save();
    await folder.draw();
    if (profile) for (const line of await trainer.profile()) reporter.note(line);
  } finally {
    signal.removeEventListener('abort', end);
  }
  const { epoch, tried } = trainer.state;
  return { complete: epoch === settings.epochs, step: tried, steps: trainer.totalSteps };
}

/** Writes what is trained, as it is now: a PEFT adapter, or a whole model in f16. */
async function weightsWriter(
  trainable: Trainable,
  { job, source, adapter }: OpenedJob,
): Promise<EpochOutput['writeWeights']> {
  if (job.train === 'all') {
    const { weights, halves } = await trainedWeights(trainable, source.checkpoint);
    return (folder) => writeModelFolder(folder, source, weights, { dtype: 'F16', halves });
  }
  // A name of the hub stays one; a path must be found from anywhere.
  const base = resolve(job.model) === job.modelPath ? job.modelPath : job.model;
  const config = adapter ? { ...adapter.config, inference_mode: true } : adapterConfig(job.settings, base);
  return async (folder) => writeAdapter(folder, await adapterOf(trainable, config));
}

/** Rankings of taxonomy rows as the published table has them. */
function predictionsOf(
  { heldOut, eedi }: PreparedData,
  rankings: readonly (readonly number[])[],
): PredictionRow[] | undefined {
  if (heldOut.length === 0) return undefined;
  return heldOut.map(({ questionId, answer, label }, i) => {
    return { questionId, answer, label, pred: rankings[i].map((row) => eedi.taxonomy.ids[row]) };
  });
}
