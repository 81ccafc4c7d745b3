/** The weights that a Qwen2/Llama decoder consists of, by the canonical paths of the bare model, with their shapes. */
import type { ModelConfig } from './config.ts';

/** The seven linears of a layer, by their paths inside it. */
export const LAYER_LINEARS = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;

/** Linears by path: N outputs, K inputs. 'lm_head' is among them unless the embedding serves as one. */
export function linearShapes(config: ModelConfig): Map<string, { readonly N: number; readonly K: number }> {
  const { hiddenSize: hidden, ffnSize: ffn } = config;
  const q = config.heads * config.headDim;
  const kv = config.kvHeads * config.headDim;
  const layer: Record<(typeof LAYER_LINEARS)[number], { N: number; K: number }> = {
    'self_attn.q_proj': { N: q, K: hidden },
    'self_attn.k_proj': { N: kv, K: hidden },
    'self_attn.v_proj': { N: kv, K: hidden },
    'self_attn.o_proj': { N: hidden, K: q },
    'mlp.gate_proj': { N: ffn, K: hidden },
    'mlp.up_proj': { N: ffn, K: hidden },
    'mlp.down_proj': { N: hidden, K: ffn },
  };
  const shapes = new Map<string, { N: number; K: number }>();
  for (let i = 0; i < config.layers; i++)
    for (const path of LAYER_LINEARS) shapes.set(`layers.${i}.${path}`, layer[path]);
  if (!config.tiedHead) shapes.set('lm_head', { N: config.vocabSize, K: hidden });
  return shapes;
}

/** Embedding and norms by path, with their shapes. */
export function denseShapes(config: ModelConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  shapes.set('embed_tokens', [config.vocabSize, config.hiddenSize]);
  for (let i = 0; i < config.layers; i++) {
    shapes.set(`layers.${i}.input_layernorm`, [config.hiddenSize]);
    shapes.set(`layers.${i}.post_attention_layernorm`, [config.hiddenSize]);
  }
  shapes.set('norm', [config.hiddenSize]);
  return shapes;
}

/** Whether the model's own form puts a bias on this linear, so that a file without one is damaged. */
export function needsBias(config: ModelConfig, path: string): boolean {
  return config.qkvBias && /\.self_attn\.[qkv]_proj$/.test(path);
}
