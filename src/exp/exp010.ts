/**
 * exp010: the published retriever. LoRA on a frozen model makes a question with its wrong answer point the same way as
 * the misconception behind it. Published with Qwen2.5-32B-Instruct in int4: MAP@25 .527, recall@25 .924 over all folds.
 */
import type { Changes, Experiment, Recipe } from './experiment.ts';

/** Shared with exp012, which has more negatives. */
export const asPublished: Recipe = {
  lr: [1e-4, 'for models of billions of weights; LoRA on a small one takes more, SmolLM2-135M 1e-3'],
  epochs: [10, 'each judged on the held-out fold; the last and the best are both kept'],
  batch: [16, '3,496 rows a fold are then 219 steps an epoch'],
  negatives: [96, 'one pool for all queries of a step, joined by their 16 positives'],
  pool: ['positives', 'a negative is some training row’s positive: names that no row has are never pushed away'],
  hardNegatives: [0, 'negatives are drawn at random; mined ones need a model that has learnt something first'],
  examples: [0, 'positives are names; with more, `rank --examples` finds closer questions'],
  rank: [32, 'each linear learns a change of 32 directions'],
  alpha: [64, 'updates are scaled by 2 whatever the rank, if both are changed together'],
  rslora: [false, 'alpha / rank, as PEFT has it unless told'],
  dropout: [0.05, 'on what the matrices read, never on the base'],
  targets: [
    ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    'every linear of a layer; embedding and final norm stay as they are',
  ],
  queryLength: [144, 'cuts the rationale off in most queries, though ranking reads 288'],
  passageLength: [256, 'names are short: hardly ever reached'],
  evalLength: [288, 'twice the published training length: what is cut there is read here'],
  warmup: [0.1, 'of all steps; after them the rate falls linearly to 0 at the last'],
  weightDecay: [0.01, 'decoupled, as AdamW has it'],
  beta1: [0.9, 'the usual'],
  beta2: [0.95, 'forgets sooner than the usual .999: a run has few steps'],
  eps: [1e-8, 'the usual'],
  clip: [0, 'not clipped; steps whose gradients overflow f16 are left out'],
  scale: [20, 'the softmax’s temperature is 1 / 20'],
  seed: [1, 'the same seed gives the same adapter, bit for bit'],
};

export const ours: Changes = {
  queryLength: [288, 'training reads what ranking reads, the whole rationale with it'],
};

export const exp010: Experiment = {
  name: 'exp010',
  about: 'the published retriever: contrastive LoRA with 96 random negatives a step',
  asPublished,
  ours,
};
