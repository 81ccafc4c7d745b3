/** Small model files made in memory, for the tests of this folder: every part of them can be made wrong. */
import { bytesSource } from './bytes_source.ts';
import { configFromHf } from './config.ts';
import { denseShapes, linearShapes, needsBias } from './decoder_paths.ts';
import { serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import type { ByteSource } from './source.ts';

/** A config.json of a two-layer Qwen2 decoder. */
export const TINY_QWEN2 = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 24,
  vocab_size: 10,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
  hidden_act: 'silu',
  use_sliding_window: false,
  bos_token_id: 1,
  eos_token_id: [2, 3],
};

export const GPTQ_CONFIG = { quant_method: 'gptq', bits: 4, group_size: 8, desc_act: false, sym: true };
export const AWQ_CONFIG = { quant_method: 'awq', bits: 4, group_size: 8, version: 'gemm', zero_point: true };

/** The tensors that a config asks for: plain F32, or with the layers' linears packed. Values are arbitrary. */
export function tinyTensors(
  config: object,
  packing: 'plain' | 'gptq' | 'awq' = 'plain',
  prefix = 'model.',
): TensorToWrite[] {
  const model = configFromHf(config, 'tiny');
  const group = 8;
  const tensors: TensorToWrite[] = [];
  const f32 = (name: string, shape: number[]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => Math.sin(i + shape.length));
    tensors.push({ name: name.startsWith('lm_head') ? name : prefix + name, dtype: 'F32', shape, data });
  };
  for (const [path, shape] of denseShapes(model)) f32(`${path}.weight`, [...shape]);
  for (const [path, { N, K }] of linearShapes(model)) {
    if (needsBias(model, path)) f32(`${path}.bias`, [N]);
    if (packing === 'plain' || path === 'lm_head') {
      f32(`${path}.weight`, [N, K]);
      continue;
    }
    const groups = Math.ceil(K / group);
    const i32 = (suffix: string, shape: number[]) =>
      tensors.push({
        name: `${prefix}${path}.${suffix}`,
        dtype: 'I32',
        shape,
        data: new Int32Array(shape.reduce((a, b) => a * b)).map((_, i) => Math.imul(i + 1, 0x9e3779b1)),
      });
    i32('qweight', packing === 'gptq' ? [K / 8, N] : [K, N / 8]);
    i32('qzeros', [groups, N / 8]);
    const scales = new Uint16Array(groups * N).fill(0x2c00);
    tensors.push({ name: `${prefix}${path}.scales`, dtype: 'F16', shape: [groups, N], data: scales });
    if (packing === 'awq') continue;
    const data = Int32Array.from({ length: K }, (_, k) => Math.floor(k / group));
    tensors.push({ name: `${prefix}${path}.g_idx`, dtype: 'I32', shape: [K], data });
  }
  return tensors;
}

/** A model folder: files given as objects become JSON, tensors a safetensors file. */
export function folder(files: Readonly<Record<string, object | string | Uint8Array>>): Map<string, ByteSource> {
  const sources = new Map<string, ByteSource>();
  for (const [name, content] of Object.entries(files)) {
    const bytes =
      content instanceof Uint8Array
        ? content
        : new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
    sources.set(name, bytesSource(`m/${name}`, bytes));
  }
  return sources;
}

/** A whole model folder of one format. */
export function tinyFolder(packing: 'plain' | 'gptq' | 'awq' = 'plain'): Map<string, ByteSource> {
  const quantization = { plain: undefined, gptq: GPTQ_CONFIG, awq: AWQ_CONFIG }[packing];
  return folder({
    'config.json': { ...TINY_QWEN2, quantization_config: quantization },
    'model.safetensors': serializeSafetensors(tinyTensors(TINY_QWEN2, packing)),
  });
}

type Scalar = number | bigint | boolean | string;
/** A metadata value with its GGUF type. */
export type GgufField =
  | readonly [type: 'u32' | 'f32' | 'bool' | 'string' | 'u64', value: Scalar]
  | readonly [type: 'array', element: 'u32' | 'string' | 'i32', values: readonly Scalar[]];

export interface GgufTensor {
  readonly name: string;
  readonly type: number;
  /** As this project counts: outermost first. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** Relative to the data; by default behind the tensor before, aligned. */
  readonly offset?: number;
}

const TYPE_IDS = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 };

/** A GGUF file. */
export function writeGguf(
  fields: Readonly<Record<string, GgufField>>,
  tensors: readonly GgufTensor[],
  options: { version?: number; alignment?: number } = {},
): Uint8Array<ArrayBuffer> {
  const { version = 3, alignment = 32 } = options;
  const head: number[] = [];
  const u32 = (value: number) => head.push(...new Uint8Array(Uint32Array.of(value).buffer));
  const u64 = (value: number | bigint) => head.push(...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  const string = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    u64(bytes.length);
    head.push(...bytes);
  };
  const scalar = (type: string, value: Scalar) => {
    if (type === 'string') string(value as string);
    else if (type === 'bool') head.push(Number(value));
    else if (type === 'u64') u64(value as bigint);
    else if (type === 'f32') head.push(...new Uint8Array(Float32Array.of(Number(value)).buffer));
    else u32(Number(value));
  };
  head.push(...new TextEncoder().encode('GGUF'));
  u32(version);
  u64(tensors.length);
  u64(Object.keys(fields).length);
  for (const [key, field] of Object.entries(fields)) {
    string(key);
    u32(TYPE_IDS[field[0]]);
    if (field[0] !== 'array') scalar(field[0], field[1]);
    else {
      u32(TYPE_IDS[field[1]]);
      u64(field[2].length);
      for (const value of field[2]) scalar(field[1], value);
    }
  }
  const places: number[] = [];
  let end = 0;
  for (const { name, type, shape, data, offset } of tensors) {
    const at = offset ?? Math.ceil(end / alignment) * alignment;
    string(name);
    u32(shape.length);
    for (const size of [...shape].reverse()) u64(size);
    u32(type);
    u64(at);
    places.push(at);
    end = at + data.length;
  }
  const start = Math.ceil(head.length / alignment) * alignment;
  const size = Math.max(0, ...tensors.map(({ data }, i) => places[i] + data.length));
  const file = new Uint8Array(start + size);
  file.set(head);
  for (const [i, { data }] of tensors.entries()) file.set(data, start + places[i]);
  return file;
}

/** Metadata and tensors of a one-layer llama in F32, two heads of 4. */
export function tinyGguf(): { fields: Record<string, GgufField>; tensors: GgufTensor[] } {
  const fields: Record<string, GgufField> = {
    'general.architecture': ['string', 'llama'],
    'llama.block_count': ['u32', 1],
    'llama.context_length': ['u32', 64],
    'llama.embedding_length': ['u32', 8],
    'llama.feed_forward_length': ['u32', 12],
    'llama.attention.head_count': ['u32', 2],
    'llama.attention.head_count_kv': ['u32', 1],
    'llama.attention.layer_norm_rms_epsilon': ['f32', 1e-5],
    'llama.rope.freq_base': ['f32', 1e4],
    'tokenizer.ggml.tokens': ['array', 'string', ['<s>', '</s>', 'Ġa', 'b', 'é']],
    'tokenizer.ggml.token_type': ['array', 'i32', [3, 3, 1, 1, 1]],
    'tokenizer.ggml.bos_token_id': ['u32', 0],
    'tokenizer.ggml.eos_token_id': ['u32', 1],
  };
  const shapes: Record<string, number[]> = {
    'token_embd.weight': [5, 8],
    'output_norm.weight': [8],
    'blk.0.attn_norm.weight': [8],
    'blk.0.attn_q.weight': [8, 8],
    'blk.0.attn_k.weight': [4, 8],
    'blk.0.attn_v.weight': [4, 8],
    'blk.0.attn_output.weight': [8, 8],
    'blk.0.ffn_norm.weight': [8],
    'blk.0.ffn_gate.weight': [12, 8],
    'blk.0.ffn_up.weight': [12, 8],
    'blk.0.ffn_down.weight': [8, 12],
  };
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => i);
    return { name, type: 0, shape, data: new Uint8Array(values.buffer) };
  });
  return { fields, tensors };
}
