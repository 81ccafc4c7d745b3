/** The weights of a model in a GGUF file, under the canonical paths, in the row order of Hugging Face's models. */
import { UserError } from '../errors.ts';
import { configFromGguf, type ModelConfig } from './config.ts';
import { denseShapes, linearShapes, needsBias } from './decoder_paths.ts';
import type { GgufFile } from './gguf.ts';
import { unpermuteRows } from './permuted_rows.ts';
import { quote } from './quote.ts';
import type { StoredDense, StoredLinear } from './stored.ts';
import type { TensorInfo } from './tensor.ts';
import { storedDense, storedLinear, type Weights } from './weights.ts';

const NAMES: Readonly<Record<string, string>> = {
  embed_tokens: 'token_embd',
  norm: 'output_norm',
  lm_head: 'output',
};

const LAYER_NAMES: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** 'layers.3.mlp.up_proj' is 'blk.3.ffn_up' in a GGUF file. */
export function ggufName(path: string): string {
  const layer = /^layers\.(\d+)\.(.+)$/.exec(path);
  return layer ? `blk.${layer[1]}.${LAYER_NAMES[layer[2]]}` : NAMES[path];
}

/** The model in a GGUF file, every shape checked. `name` is the file's, for messages. */
export function ggufModel(name: string, file: GgufFile): { config: ModelConfig; weights: Weights } {
  const { tensors, metadata } = file;
  const find = (tensor: string) => tensors.get(tensor);
  const need = (tensor: string): TensorInfo => {
    const found = find(tensor);
    if (!found) throw new UserError(`${name}: has no tensor ${quote(tensor)}`);
    return found;
  };
  const embedding = need('token_embd.weight');
  if (find('rope_freqs.weight'))
    throw new UserError(
      `${name}: scaled RoPE ("rope_freqs.weight", as in Llama 3.1) is not supported; only plain RoPE is`,
    );
  const config = configFromGguf(
    metadata,
    {
      vocabSize: embedding.shape[0],
      tiedHead: !find('output.weight'),
      qkvBias: find('blk.0.attn_q.bias') !== undefined,
    },
    name,
  );
  if (config.family === 'qwen2' && !config.qkvBias) need('blk.0.attn_q.bias');
  if (find(`blk.${config.layers}.attn_norm.weight`))
    throw new UserError(`${name}: has more than the ${config.layers} layers that ${config.family}.block_count names`);

  const dense = new Map<string, StoredDense>();
  for (const [path, shape] of denseShapes(config))
    dense.set(path, storedDense(path, need(`${ggufName(path)}.weight`), shape));
  const linears = new Map<string, StoredLinear>();
  for (const [path, { N, K }] of linearShapes(config)) {
    // Shapes are checked on the stored tensor: its rows must be whole heads before they can be put in order.
    const inOrder = (tensor: TensorInfo) =>
      config.family === 'llama' && /\.[qk]_proj$/.test(path) ? unpermuteRows(tensor, config.headDim) : tensor;
    const ordered = <T extends StoredDense | StoredLinear>(stored: T): T =>
      'data' in stored ? { ...stored, data: inOrder(stored.data) } : stored;
    const weight = need(`${ggufName(path)}.weight`);
    const biasName = `${ggufName(path)}.bias`;
    const biasTensor = needsBias(config, path) ? need(biasName) : find(biasName);
    const bias = biasTensor && ordered(storedDense(`${path}.bias`, biasTensor, [N]));
    linears.set(path, ordered(storedLinear(path, weight, N, K, bias)));
  }
  return { config, weights: { linears, dense } };
}
