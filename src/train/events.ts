/** What a training run tells as it goes: a step's line, an epoch's line. Both are plain data, written as they are to metrics.jsonl. */
import type { Report } from '../metrics/retrieval.ts';

export interface StepEvent {
  type: 'step';
  /** Steps tried so far, this one included, from 1; of `steps` in all. */
  step: number;
  steps: number;
  /** The epoch it belongs to, from 0. */
  epoch: number;
  loss: number;
  lr: number;
  /** Norm of all gradients before clipping. */
  norm: number;
  /** False where gradients were not finite: nothing was changed, and the loss scale was halved. */
  updated: boolean;
  lossScale: number;
  tokens: number;
  tokensPerSecond: number;
  /** Bytes of tensors on the GPU: the most there were so far. */
  gpuBytes: number;
  /** Seconds since the run began, those before a resume included. */
  seconds: number;
}

export interface EpochEvent {
  type: 'epoch';
  /** Epochs done, this one included; of `epochs` in all. */
  epoch: number;
  epochs: number;
  /** Steps tried so far. */
  step: number;
  /** Mean loss of the epoch's steps. */
  loss: number;
  /** Scores on the held-out rows: all, seen, unseen; absent where there are none. */
  report?: Report;
  seconds: number;
}

export type TrainEvent = StepEvent | EpochEvent;

/** A training set as the trainer takes it: token ids, cut to their lengths. */
export interface TrainingData {
  /** Of every training row. */
  queries: readonly Uint32Array[];
  /** For every training row, the row of the taxonomy that it is labelled with. */
  labels: readonly number[];
  /** Of every name of the taxonomy, cut for training. */
  passages: readonly Uint32Array[];
  /** What each epoch is judged by. */
  validation?: {
    queries: readonly Uint32Array[];
    /** Rows of the taxonomy. */
    labels: readonly number[];
    /** Whether the label is some training row's too. */
    seen: readonly boolean[];
    /** Of every name of the taxonomy, cut for ranking. */
    passages: readonly Uint32Array[];
  };
}

/** Where a run stands; with the parameters and AdamW's moments, all that the rest of it depends on. */
export interface TrainState {
  epoch: number;
  /** Of the epoch. */
  step: number;
  /** Steps tried, and updates made: fewer, where gradients overflowed. */
  tried: number;
  updates: number;
  lossScale: number;
  /** Updates since the scale changed last. */
  steady: number;
  /** Sum of the losses of this epoch's steps so far. */
  lossSum: number;
  seconds: number;
  /** Passages that the model ranked highest for every training row at the epoch's start, where hard negatives are mined. */
  mined?: number[][];
}
