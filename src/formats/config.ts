/** A decoder's shape and constants, read from HF's config.json or from GGUF metadata and checked for sanity. */

/** What the engine needs to know of a Qwen2- or Llama-family decoder. */
export interface ModelConfig {
  readonly family: 'qwen2' | 'llama';
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
  readonly vocabSize: number;
  readonly ropeTheta: number;
  readonly rmsEps: number;
  /** lm_head is the embedding. */
  readonly tiedHead: boolean;
  readonly qkvBias: boolean;
  readonly maxPositions: number;
  readonly bosId?: number;
  readonly eosIds: readonly number[];
  readonly padId?: number;
}
