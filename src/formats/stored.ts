/**
 * The vocabulary between the files and the engine: a layer's weights as they are stored. A checkpoint hands these
 * out after all shapes are checked; the CPU reference (dequantize.ts) and the GPU's repack kernels turn them into
 * numbers.
 */
import type { ModelConfig } from './config.ts';
import type { GgmlType, TensorInfo } from './tensor.ts';

/** A tensor of plain numbers or of ggml blocks along its last dimension: an embedding, a norm's weight, a bias. */
export type StoredDense = {
  /** The canonical path, with '.bias' for a bias: 'norm', 'layers.3.self_attn.q_proj.bias'. */
  readonly path: string;
  /** Row-major: [vocab, hidden] of an embedding, [n] of a norm or bias. */
  readonly shape: readonly number[];
} & DenseData;

type DenseData =
  | { readonly kind: 'dense'; readonly dtype: 'F32' | 'F16' | 'BF16'; readonly data: TensorInfo }
  | {
      readonly kind: 'ggml';
      /** Blocks run along the last dimension, of which they divide every row: 32 values, 256 for the K types. */
      readonly type: GgmlType;
      readonly data: TensorInfo;
    };

/**
 * The weight W [N, K] of y = W x + bias, with K inputs and N outputs.
 *
 * gptq: qweight I32 [K/8, N], qzeros I32 [groups, N/8], scales F16 [groups, N]; W[n, k] = scales[g, n] · (q − z),
 * g = gIdx[k], or floor(k / group) where gIdx is absent, z = stored + zeroBias without wrapping (15 + 1 = 16).
 * awq: qweight I32 [K, N/8], qzeros I32 [groups, N/8], scales F16 [groups, N], columns interleaved as
 * [0, 2, 4, 6, 1, 3, 5, 7]; W[n, k] = scales[g, n] · (q − z), g = floor(k / group).
 * groups = ceil(K / group), so the last group may be shorter; `group` is never −1 here.
 */
export type StoredLinear = {
  /** 'lm_head', 'layers.3.self_attn.q_proj'. */
  readonly path: string;
  readonly N: number;
  readonly K: number;
  readonly bias?: StoredDense;
} & (
  | DenseData
  | {
      readonly kind: 'gptq';
      readonly group: number;
      readonly zeroBias: 0 | 1;
      readonly qweight: TensorInfo;
      readonly qzeros: TensorInfo;
      readonly scales: TensorInfo;
      /** I32 [K], present only where it says something else than floor(k / group); every value is below groups. */
      readonly gIdx?: TensorInfo;
    }
  | {
      readonly kind: 'awq';
      readonly group: number;
      readonly qweight: TensorInfo;
      readonly qzeros: TensorInfo;
      readonly scales: TensorInfo;
    }
);

/** A model's files as one thing. Opening reads headers (and g_idx) and checks every shape; weights are
 * read by whoever walks the tensors. */
export interface Checkpoint {
  /** What a message calls it: the folder's or file's name. */
  readonly name: string;
  readonly format: 'safetensors' | 'gptq' | 'awq' | 'gguf';
  readonly config: ModelConfig;
  /**
   * A linear layer by canonical path: 'lm_head', 'layers.3.self_attn.q_proj', 'layers.3.mlp.down_proj'. 'lm_head' of
   * a tied model is the embedding. All were checked when the checkpoint was opened; an unknown path is a UserError.
   */
  linear(path: string): StoredLinear;
  /** 'embed_tokens', 'norm', 'layers.3.input_layernorm', 'layers.3.post_attention_layernorm'. */
  dense(path: string): StoredDense;
  /** Whether the files hold a weight at this path; false for the 'lm_head' of a tied model. */
  has(path: string): boolean;
  /** The text of tokenizer.json and of tokenizer_config.json, where the model has them beside its weights. */
  readonly tokenizerJson?: string;
  readonly tokenizerConfig?: string;
  /** All metadata of a GGUF file: `tokenizer.ggml.tokens`, `.merges`, `.token_type`, `.pre`, `tokenizer.chat_template`. */
  readonly ggufMetadata?: ReadonlyMap<string, GgufValue>;
  /** Weights of the model, counted from shapes (a packed linear counts N·K, a tied head nothing). */
  parameters(): number;
  /** Closes the files. */
  close(): Promise<void>;
}

/** A GGUF metadata value: 64-bit integers are bigint, arrays of numbers are typed arrays. */
export type GgufValue = number | bigint | boolean | string | GgufArray;
/** A GGUF metadata array; nested arrays are refused. */
export type GgufArray =
  | string[]
  | boolean[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;
