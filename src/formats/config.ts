/**
 * A decoder's shape and constants, from Hugging Face's config.json (Qwen2, Llama) or from GGUF metadata, checked:
 * what would make this engine compute something else than the model's authors did is refused, not ignored.
 */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';
import { check } from './schema.ts';
import type { GgufValue } from './stored.ts';

/** What the engine needs to know of a Qwen2- or Llama-family decoder. */
export interface ModelConfig {
  readonly family: 'qwen2' | 'llama';
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
  /** Rows of the embedding; often more than the tokenizer has tokens. */
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

const ARCHITECTURES = ['Qwen2ForCausalLM', 'Qwen2Model', 'LlamaForCausalLM', 'LlamaModel'];

/** The one form in which both sources are checked for sanity; limits are a few times the largest models made. */
const SANE = z.object({
  family: z.enum(['qwen2', 'llama']),
  hiddenSize: z.int().min(1).max(65536),
  layers: z.int().min(1).max(1024),
  heads: z.int().min(1).max(1024),
  kvHeads: z.int().min(1).max(1024),
  headDim: z.int().min(2).max(1024).multipleOf(2, 'RoPE needs an even head size'),
  ffnSize: z
    .int()
    .min(1)
    .max(1 << 20),
  vocabSize: z
    .int()
    .min(1)
    .max(1 << 22),
  ropeTheta: z.number().min(1).max(1e12),
  rmsEps: z.number().min(0).max(0.1),
  tiedHead: z.boolean(),
  qkvBias: z.boolean(),
  maxPositions: z
    .int()
    .min(1)
    .max(1 << 30),
  bosId: z.int().min(0).optional(),
  eosIds: z.array(z.int().min(0)).max(1024),
  padId: z.int().min(0).optional(),
});

function sane(config: Record<keyof ModelConfig, unknown>, file: string): ModelConfig {
  const result = check(SANE, config, file);
  if (result.heads % result.kvHeads !== 0)
    throw new UserError(`${file}: ${result.heads} attention heads cannot share ${result.kvHeads} key-value heads`);
  return result;
}

const nullable = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);
const number = z.number();
const rope = z.looseObject({
  rope_type: nullable(z.string()),
  type: nullable(z.string()),
  rope_theta: nullable(number),
  partial_rotary_factor: nullable(number),
});

const HF = z.looseObject({
  model_type: nullable(z.string()),
  architectures: nullable(z.array(z.string())),
  hidden_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
  num_key_value_heads: nullable(number),
  head_dim: nullable(number),
  intermediate_size: number,
  vocab_size: number,
  rms_norm_eps: nullable(number),
  rope_theta: nullable(number),
  rope_scaling: nullable(rope),
  rope_parameters: nullable(rope),
  rope_interleaved: nullable(z.boolean()),
  partial_rotary_factor: nullable(number),
  max_position_embeddings: nullable(number),
  tie_word_embeddings: nullable(z.boolean()),
  attention_bias: nullable(z.boolean()),
  hidden_act: nullable(z.string()),
  use_sliding_window: nullable(z.boolean()),
  layer_types: nullable(z.array(z.string())),
  bos_token_id: nullable(number),
  eos_token_id: nullable(z.union([number, z.array(number)])),
  pad_token_id: nullable(number),
});

/** The model that a parsed config.json describes; `file` opens every error. Absent keys mean transformers' defaults. */
export function configFromHf(json: unknown, file: string): ModelConfig {
  const shape = check(
    z.looseObject({ model_type: HF.shape.model_type, architectures: HF.shape.architectures }),
    json,
    file,
  );
  const unknown = shape.architectures?.find((name) => !ARCHITECTURES.includes(name));
  const family = shape.model_type;
  if (unknown !== undefined || (family !== 'qwen2' && family !== 'llama'))
    throw new UserError(
      `${file}: the architecture ${quote(unknown ?? family ?? null)} is not supported; supported are ${ARCHITECTURES.join(', ')}`,
    );
  const hf = check(HF, json, file);
  refuseOtherComputation(hf, file);
  const kvHeads = hf.num_key_value_heads ?? hf.num_attention_heads;
  return sane(
    {
      family,
      hiddenSize: hf.hidden_size,
      layers: hf.num_hidden_layers,
      heads: hf.num_attention_heads,
      kvHeads,
      headDim: hf.head_dim ?? hf.hidden_size / hf.num_attention_heads,
      ffnSize: hf.intermediate_size,
      vocabSize: hf.vocab_size,
      ropeTheta: hf.rope_parameters?.rope_theta ?? hf.rope_theta ?? 10000,
      rmsEps: hf.rms_norm_eps ?? 1e-6,
      tiedHead: hf.tie_word_embeddings ?? false,
      qkvBias: family === 'qwen2' || (hf.attention_bias ?? false),
      maxPositions: hf.max_position_embeddings ?? (family === 'qwen2' ? 32768 : 2048),
      bosId: tokenId(hf.bos_token_id),
      eosIds: [hf.eos_token_id].flat().filter((id) => tokenId(id) !== undefined),
      padId: tokenId(hf.pad_token_id),
    },
    file,
  );
}

/** Some configs say −1 where they mean that there is no such token. */
function tokenId(id: number | undefined): number | undefined {
  return id === undefined || id < 0 ? undefined : id;
}

function refuseOtherComputation(hf: z.output<typeof HF>, file: string): void {
  const refuse = (what: string, need: string): never => {
    throw new UserError(`${file}: ${what} is not supported; only ${need} is`);
  };
  for (const [key, rope] of Object.entries({ rope_scaling: hf.rope_scaling, rope_parameters: hf.rope_parameters })) {
    const type = rope?.rope_type ?? rope?.type ?? 'default';
    if (type !== 'default') refuse(`${key} of type ${quote(type)}`, 'plain RoPE ("default")');
  }
  const rotary = hf.rope_parameters?.partial_rotary_factor ?? hf.partial_rotary_factor ?? 1;
  if (rotary !== 1) refuse(`partial_rotary_factor ${rotary}`, '1');
  if (hf.rope_interleaved) refuse('rope_interleaved', 'half-split RoPE');
  if (hf.use_sliding_window) refuse('use_sliding_window', 'full attention');
  const layer = hf.layer_types?.find((type) => type !== 'full_attention');
  if (layer !== undefined) refuse(`a layer of type ${quote(layer)}`, 'full_attention');
  if (hf.hidden_act !== undefined && hf.hidden_act !== 'silu') refuse(`hidden_act ${quote(hf.hidden_act)}`, '"silu"');
}

/** What the tensors of a GGUF file add to its metadata. */
export interface GgufFacts {
  readonly vocabSize: number;
  readonly tiedHead: boolean;
  readonly qkvBias: boolean;
}

/** The model that GGUF metadata describes; `file` opens every error. */
export function configFromGguf(metadata: ReadonlyMap<string, GgufValue>, facts: GgufFacts, file: string): ModelConfig {
  const family = metadata.get('general.architecture');
  if (family !== 'qwen2' && family !== 'llama')
    throw new UserError(
      `${file}: general.architecture ${quote(family ?? null)} is not supported; supported are llama, qwen2`,
    );
  const optional = (key: string): number | undefined => {
    const value = metadata.get(`${family}.${key}`);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw new UserError(`${file}: ${family}.${key} is not one number`);
    return Number(value);
  };
  const required = (key: string): number => {
    const value = optional(key);
    if (value === undefined) throw new UserError(`${file}: the metadata has no ${family}.${key}`);
    return value;
  };
  const token = (key: string): number | undefined => {
    const value = metadata.get(`tokenizer.ggml.${key}_token_id`);
    // 2^32 − 1 is how an unsigned −1, "no such token", is stored.
    return typeof value === 'number' && value >= 0 && value < 0xffffffff ? value : undefined;
  };
  const refuse = (key: string, need: string): never => {
    throw new UserError(
      `${file}: ${family}.${key} is ${quote(metadata.get(`${family}.${key}`))}; only ${need} is supported`,
    );
  };
  if ((optional('expert_count') ?? 0) > 0) refuse('expert_count', 'a model without experts');
  if ((optional('attention.sliding_window') ?? 0) > 0) refuse('attention.sliding_window', 'full attention');
  if ((metadata.get(`${family}.rope.scaling.type`) ?? 'none') !== 'none') refuse('rope.scaling.type', 'plain RoPE');
  if ((optional('rope.scale_linear') ?? 1) !== 1) refuse('rope.scale_linear', '1');
  const heads = required('attention.head_count');
  const hiddenSize = required('embedding_length');
  const headDim = optional('attention.key_length') ?? hiddenSize / heads;
  if ((optional('attention.value_length') ?? headDim) !== headDim) refuse('attention.value_length', `${headDim}`);
  if ((optional('rope.dimension_count') ?? headDim) !== headDim) refuse('rope.dimension_count', `${headDim}`);
  return sane(
    {
      family,
      hiddenSize,
      layers: required('block_count'),
      heads,
      kvHeads: optional('attention.head_count_kv') ?? heads,
      headDim,
      ffnSize: required('feed_forward_length'),
      ropeTheta: optional('rope.freq_base') ?? 10000,
      // Stored as f32; its seven digits are the decimal number that was meant.
      rmsEps: Number(required('attention.layer_norm_rms_epsilon').toPrecision(7)),
      maxPositions: required('context_length'),
      bosId: token('bos'),
      eosIds: [...new Set([token('eos'), token('eot')])].filter((id) => id !== undefined),
      padId: token('padding'),
      ...facts,
    },
    file,
  );
}
