/** What a training run will take, before anything is allocated: parameters, steps, memory by kind, arithmetic. Pure. */
import { longBytes } from '../../kernels/attention/attention.backward.long.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import { linearShapes } from '../formats/decoder_paths.ts';
import type { Adapter } from '../formats/peft.ts';
import type { Checkpoint } from '../formats/stored.ts';
import type { Caps } from '../gpu/adapter.ts';
import { elements } from '../gpu/tensor.ts';
import { forwardFlops, weightBytes } from '../infer/estimate.ts';
import { backwardBytes } from '../model/backward.ts';
import { activationBytes, int8Bytes, tileBytes } from '../model/decoder.ts';
import { sourcesOf } from './all_weights.ts';
import { Batches } from './batches.ts';
import { chunksOf } from './chunks.ts';
import type { TrainingData } from './events.ts';
import { BYTES_PER_PARAMETER } from './parameters.ts';
import type { Settings } from './settings.ts';
import { longestText } from './tokens.ts';

/** Bytes on the GPU by what they are for. */
export interface TrainingBytes {
  /** Of the base, frozen, with the embeddings of the data's tokens; the copies that products read where all is trained. */
  weights: number;
  /** Masters, gradients and AdamW's moments. */
  training: number;
  /** What one layer's products make, forward and backward, of the tokens of a chunk. */
  activations: number;
  /** The input of every layer, of the tokens of a chunk. */
  layerInputs: number;
  /** What all layers' products made, where there is room to keep it. */
  kept: number;
  /** Ranking after every epoch, while the above stays. */
  ranking: number;
  total: number;
}

export interface TrainingPlan {
  /** Numbers that are trained, and those of the model. */
  trained: number;
  parameters: number;
  steps: number;
  stepsPerEpoch: number;
  /** Passages of a step at most. */
  passages: number;
  /** Mean of the steps. */
  tokensPerStep: number;
  chunkTokens: number;
  /** Chunks a step, on average. */
  chunks: number;
  bytes: TrainingBytes;
  /** Of the whole run, ranking included. */
  flops: number;
}

export interface PlanOptions {
  train: 'lora' | 'all';
  /** The adapter that is trained on. */
  adapter?: Pick<Adapter, 'modules'>;
  /** Distinct tokens of the data (tokensOf), whose embeddings alone LoRA loads. */
  tokens: number;
  chunkTokens: number;
  /** Bytes that layers may keep. */
  keepBytes: number;
  /** Products of int4 weights in 8 bits. */
  int8?: boolean;
}

/** Steps that stand for all where tokens are counted. */
const SAMPLED_STEPS = 32;

/** Plans a run. Throws a UserError for a batch larger than the data. */
export function planTraining(
  checkpoint: Checkpoint,
  caps: Caps,
  data: TrainingData,
  settings: Settings,
  { train, adapter, tokens, chunkTokens, keepBytes, int8 }: PlanOptions,
): TrainingPlan {
  const { config } = checkpoint;
  const activation = caps.f16 ? 'f16' : 'f32';
  const batches = new Batches({ ...settings, labels: data.labels, passages: data.passages.length });
  const steps = settings.epochs * batches.stepsPerEpoch;

  const back = backwardBytes(config, activation);
  const keep = back.kept * chunkTokens <= keepBytes;
  const layerInputs = 4 * config.layers * config.hiddenSize;
  const forward = activationBytes(config, activation).perToken;
  const eights = int8 ? int8Bytes(config, ['forward', 'backward']) : undefined;
  const tiles = caps.matrix ? tileBytes(config, 'forward') + tileBytes(config, 'backward') : 0;
  const long = longBytes(caps, config, { maxTokens: chunkTokens, maxLength: longestText(data) });
  const vectors = 4 * config.hiddenSize * data.passages.length;
  const trained = train === 'all' ? allCount(checkpoint, caps) : loraCount(config, settings, adapter);
  const bytes = {
    weights:
      train === 'lora'
        ? weightBytes(checkpoint, caps, { exact: true, rows: tokens })
        : activation === 'f16'
          ? 2 * trained
          : 0,
    training: BYTES_PER_PARAMETER * trained,
    activations:
      chunkTokens * (forward + back.perToken - layerInputs + (eights?.perToken ?? tiles)) +
      (eights?.weights ?? 0) +
      long,
    layerInputs: chunkTokens * layerInputs,
    kept: keep ? chunkTokens * back.kept : 0,
    ranking: data.validation ? chunkTokens * forward + 2 * vectors : 0,
  };

  const sampled = Array.from({ length: Math.min(SAMPLED_STEPS, batches.stepsPerEpoch) }, (_, step) => {
    const { rows, passages } = batches.at({ epoch: 0, step });
    return [...rows.map((row) => data.queries[row].length), ...passages.map((row) => data.passages[row].length)];
  });
  const mean = (of: (lengths: number[]) => number) => sampled.reduce((sum, l) => sum + of(l), 0) / sampled.length;
  const chunks = mean((lengths) => chunksOf(lengths, chunkTokens).length);
  // Forward, again for all chunks but the last, again layer by layer unless kept; dX, and dW where all is trained.
  const passes = 1 + (chunks - 1) / chunks + (keep ? 0 : 1) + (train === 'all' ? 2 : 1);
  const ranked = [...(data.validation?.queries ?? []), ...(data.validation?.passages ?? [])].map((ids) => ids.length);
  return {
    ...{ trained, parameters: checkpoint.parameters(), steps, stepsPerEpoch: batches.stepsPerEpoch },
    ...{ passages: batches.maxPassages, tokensPerStep: Math.round(mean(sum)), chunkTokens, chunks },
    bytes: { ...bytes, total: sum(Object.values(bytes)) },
    flops: steps * passes * mean((l) => forwardFlops(config, l)) + settings.epochs * forwardFlops(config, ranked),
  };
}

/**
 * Throws a UserError where a plan needs more than `budget` bytes, with the largest chunk that does not: `plan` makes
 * the plan of a chunk, which holds at least `longest` tokens.
 */
export function requireFits(
  chunkTokens: number,
  longest: number,
  budget: number,
  plan: (chunkTokens: number) => TrainingPlan,
): void {
  const { total } = plan(chunkTokens).bytes;
  if (total <= budget) return;
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(2);
  const needs = `the run needs ${gib(total)} GiB and there are ${gib(budget)}`;
  let [fits, not] = [longest - 1, chunkTokens];
  while (not - fits > 1) {
    const middle = Math.floor((fits + not) / 2);
    if (plan(middle).bytes.total <= budget) fits = middle;
    else not = middle;
  }
  if (fits >= longest) throw new UserError(`${needs}: --chunk-tokens ${fits} fits, in more pieces a step`);
  throw new UserError(
    `${needs}: even one text at a time (--chunk-tokens ${longest}) takes ${gib(plan(longest).bytes.total)}: take a smaller model${plan(longest).bytes.training > budget / 4 ? ', --train lora or a smaller rank' : ''}`,
  );
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const allCount = (checkpoint: Checkpoint, caps: Caps): number =>
  sum(sourcesOf(checkpoint, caps.maxBinding).map(({ shape }) => elements(shape)));

function loraCount(config: ModelConfig, settings: Settings, adapter: PlanOptions['adapter']): number {
  if (adapter) return sum([...adapter.modules.values()].map(({ A, B }) => elements(A.shape) + elements(B.shape)));
  return sum(
    [...linearShapes(config)]
      .filter(([path]) => (settings.targets as string[]).includes(path.split('.').at(-1)!))
      .map(([, { N, K }]) => settings.rank * (N + K)),
  );
}
