/** config.json as transformers reads it, for a model whose weights are written plain: config.ts the other way round. */
import type { ModelConfig } from '../formats/config.ts';
import type { FloatDtype } from '../formats/narrow.ts';

const DTYPE_NAMES: Readonly<Record<FloatDtype, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };
const ARCHITECTURES = { qwen2: 'Qwen2ForCausalLM', llama: 'LlamaForCausalLM' } as const;

/**
 * The config.json of `config` with weights in `dtype`. `original`, the parsed config.json of the model that the
 * weights come from, keeps what it says beyond our knowledge; what told how its weights were packed is dropped.
 */
export function hfConfig(
  config: ModelConfig,
  dtype: FloatDtype,
  original?: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { quantization_config: _, dtype: __, ...kept } = original ?? fromScratch(config);
  return {
    ...kept,
    architectures: [ARCHITECTURES[config.family]],
    tie_word_embeddings: config.tiedHead,
    // The old name, which every version of transformers reads.
    torch_dtype: DTYPE_NAMES[dtype],
  };
}

function fromScratch(config: ModelConfig): Record<string, unknown> {
  const { family, eosIds } = config;
  return {
    model_type: family,
    hidden_size: config.hiddenSize,
    intermediate_size: config.ffnSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsEps,
    rope_theta: config.ropeTheta,
    vocab_size: config.vocabSize,
    bos_token_id: config.bosId ?? null,
    eos_token_id: eosIds.length > 1 ? eosIds : (eosIds[0] ?? null),
    pad_token_id: config.padId ?? null,
    ...(family === 'llama' ? { attention_bias: config.qkvBias, mlp_bias: false } : { use_sliding_window: false }),
  };
}
