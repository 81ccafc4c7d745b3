/**
 * lacuna as a library, for Node and Deno. The command line is a thin layer over these functions.
 *
 * @example
 * ```ts
 * import { Gpu, openEmbedder, queryText, Ranker, resolveModel } from 'lacuna';
 *
 * const gpu = await Gpu.open();
 * const embedder = await openEmbedder(gpu, await resolveModel('smollm2-135m'));
 * const names = ['Adds the numerators and the denominators', 'Subtracts instead of adding'];
 * const ranker = await Ranker.create(gpu, await embedder.embed(names), embedder.dimensions, 2);
 * const query = queryText({ question: 'What is 1/2 + 1/3?', correct: '5/6', incorrect: '2/5' });
 * const [{ indices, scores }] = await ranker.rank(await embedder.embed([query]));
 * ```
 */

export type { EediData } from './data/eedi.ts';
export { identify, loadEedi, readQuestions, readTaxonomy } from './data/eedi.ts';
export type { PredictionRow } from './data/prediction_table.ts';
export { readPredictions, writePredictions } from './data/predictions.ts';
export { passageText, type QueryParts, queryParts, queryText } from './data/prompt.ts';
export { type Letter, type Pair, pivot, type Question } from './data/questions.ts';
export type { Taxonomy } from './data/taxonomy.ts';
export { UserError } from './errors.ts';
export { openCheckpoint } from './formats/checkpoint_file.ts';
export type { ModelConfig } from './formats/config.ts';
export { KNOWN_MODELS, modelCacheDir, pull, resolveModel } from './formats/hub.ts';
export { type Adapter, readAdapter, writeAdapter } from './formats/peft.ts';
export type { Checkpoint } from './formats/stored.ts';
export { type Caps, TIERS, type Tier } from './gpu/adapter.ts';
export { Gpu } from './gpu/gpu.ts';
export { type Dispatch, Recorder, Recording } from './gpu/recorder.ts';
export type { DType, Tensor } from './gpu/tensor.ts';
export { Embedder, type EmbedderOptions, type Pooling } from './infer/embedder.ts';
export { type Estimate, estimate } from './infer/estimate.ts';
export { fingerprint, VectorCache } from './infer/vector_cache.ts';
export { evaluate, type Report } from './metrics/retrieval.ts';
export { attachAdapter } from './model/adapter.ts';
export { type LoadOptions, loadModel } from './model/load.ts';
export { type OpenEmbedderOptions, openEmbedder } from './model/open.ts';
export { type Tokenizer, tokenizerFromJson } from './model/tokenizer.ts';
export { tokenizerFromGguf } from './model/tokenizer_gguf.ts';
export { tokenizerOf } from './model/tokenizer_of.ts';
export { freeModel, type ModelWeights } from './model/weights.ts';
export { BASELINES, rankBaseline } from './retrieve/baseline.ts';
export { Ranker, type Ranking } from './retrieve/ranker.ts';
export { fitTfidf } from './retrieve/tfidf.ts';
export { allWeights } from './train/all_weights.ts';
export type { EpochEvent, StepEvent, TrainEvent, TrainingData, TrainState } from './train/events.ts';
export { adapterConfig, adapterOf, continuedLora, type LoraSettings, newLora } from './train/lora_weights.ts';
export { loadCheckpoint, saveCheckpoint } from './train/run_checkpoint.ts';
export { applySettings, type Settings } from './train/settings.ts';
export type { Trainable } from './train/trainable.ts';
export { Trainer, type TrainerOptions } from './train/trainer.ts';
