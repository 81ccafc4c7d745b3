import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { configFromGguf, configFromHf } from './config.ts';
import { TINY_QWEN2 } from './fixtures.ts';
import { readQuantization } from './quantization.ts';
import type { GgufValue } from './stored.ts';

/** What a call throws, which must be one UserError line that begins with the file. */
function lineOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as Error;
    expect(message).toMatch(/^f: [^\n]+$/);
    return message;
  }
  throw new Error('nothing was thrown');
}

describe('config.json', () => {
  test('Qwen2.5-0.5B as published', () => {
    const config = configFromHf(
      {
        architectures: ['Qwen2ForCausalLM'],
        attention_dropout: 0.0,
        bos_token_id: 151643,
        eos_token_id: 151645,
        hidden_act: 'silu',
        hidden_size: 896,
        intermediate_size: 4864,
        max_position_embeddings: 32768,
        max_window_layers: 21,
        model_type: 'qwen2',
        num_attention_heads: 14,
        num_hidden_layers: 24,
        num_key_value_heads: 2,
        rms_norm_eps: 1e-6,
        rope_theta: 1000000.0,
        sliding_window: 32768,
        tie_word_embeddings: true,
        torch_dtype: 'bfloat16',
        use_sliding_window: false,
        vocab_size: 151936,
      },
      'f',
    );
    expect(config).toEqual({
      family: 'qwen2',
      hiddenSize: 896,
      layers: 24,
      heads: 14,
      kvHeads: 2,
      headDim: 64,
      ffnSize: 4864,
      vocabSize: 151936,
      ropeTheta: 1e6,
      rmsEps: 1e-6,
      tiedHead: true,
      qkvBias: true,
      maxPositions: 32768,
      bosId: 151643,
      eosIds: [151645],
      padId: undefined,
    });
  });

  test('llama as transformers 5 writes it: rope_parameters, explicit head_dim, attention_bias', () => {
    const config = configFromHf(
      {
        architectures: ['LlamaModel'],
        attention_bias: true,
        dtype: 'float32',
        eos_token_id: [2, 5],
        head_dim: 32,
        hidden_act: 'silu',
        hidden_size: 96,
        intermediate_size: 224,
        model_type: 'llama',
        num_attention_heads: 4,
        num_hidden_layers: 1,
        pad_token_id: -1,
        rope_parameters: { rope_theta: 100000.0, rope_type: 'default' },
        vocab_size: 131,
      },
      'f',
    );
    expect([config.headDim, config.kvHeads, config.qkvBias, config.ropeTheta]).toEqual([32, 4, true, 1e5]);
    expect([config.tiedHead, config.maxPositions, config.rmsEps]).toEqual([false, 2048, 1e-6]);
    expect([config.eosIds, config.padId, config.bosId]).toEqual([[2, 5], undefined, undefined]);
  });

  const refused: [string, object, RegExp][] = [
    [
      'an unknown architecture',
      { architectures: ['BertModel'] },
      /"BertModel" is not supported; supported are Qwen2For/,
    ],
    ['an unknown model type', { architectures: null, model_type: 'gpt2' }, /"gpt2" is not supported/],
    ['no model type', { model_type: undefined }, /null is not supported/],
    ['linear RoPE scaling', { rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling of type "linear"/],
    ['llama3 RoPE', { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5 } }, /rope_parameters of type "llama3"/],
    ['partial RoPE', { partial_rotary_factor: 0.5 }, /partial_rotary_factor 0.5/],
    ['interleaved RoPE', { rope_interleaved: true }, /rope_interleaved/],
    ['a sliding window', { use_sliding_window: true }, /use_sliding_window/],
    ['a sliding layer', { layer_types: ['full_attention', 'sliding_attention'] }, /"sliding_attention"/],
    ['another activation', { hidden_act: 'gelu' }, /hidden_act "gelu"/],
    ['no hidden size', { hidden_size: undefined }, /hidden_size/],
    ['a hidden size that is text', { hidden_size: '16' }, /hidden_size is "16"/],
    ['a negative hidden size', { hidden_size: -16 }, /hiddenSize is -16/],
    ['a huge hidden size', { hidden_size: 2 ** 17, head_dim: 8 }, /hiddenSize is 131072/],
    ['fractional layers', { num_hidden_layers: 1.5 }, /layers is 1.5/],
    ['no layers', { num_hidden_layers: 0 }, /layers is 0/],
    ['too many layers', { num_hidden_layers: 1e9 }, /layers is 1000000000/],
    ['a head size that is no integer', { hidden_size: 17 }, /headDim is 8.5/],
    ['an odd head size', { head_dim: 7 }, /headDim is 7: RoPE needs an even head size/],
    [
      'heads that do not share evenly',
      { num_attention_heads: 3, head_dim: 8, num_key_value_heads: 2 },
      /3 attention heads/,
    ],
    ['theta zero', { rope_theta: 0 }, /ropeTheta is 0/],
    ['a negative eps', { rms_norm_eps: -1 }, /rmsEps is -1/],
    ['eos that is text', { eos_token_id: 'x' }, /eos_token_id is "x"/],
  ];
  for (const [what, change, message] of refused)
    test(what, () => expect(lineOf(() => configFromHf({ ...TINY_QWEN2, ...change }, 'f'))).toMatch(message));

  test('a value that is nested too deeply to be shown', () => {
    const json = JSON.parse(`{"hidden_size":${'['.repeat(1e6)}${']'.repeat(1e6)}}`);
    expect(lineOf(() => configFromHf({ ...TINY_QWEN2, ...json }, 'f'))).toMatch(
      /hidden_size is something nested very deeply/,
    );
  });

  test('what is not an object', () => {
    for (const json of [null, 3, 'x', [], [{}]]) lineOf(() => configFromHf(json, 'f'));
  });
});

describe('GGUF metadata', () => {
  const facts = { vocabSize: 100, tiedHead: true, qkvBias: false };
  const metadata = (more: Record<string, GgufValue | undefined> = {}) => {
    const entries: [string, GgufValue | undefined][] = Object.entries({
      'general.architecture': 'llama',
      'llama.block_count': 2,
      'llama.context_length': 64,
      'llama.embedding_length': 48,
      'llama.feed_forward_length': 96,
      'llama.attention.head_count': 3,
      'llama.attention.head_count_kv': 1,
      'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
      'llama.rope.freq_base': 1e5,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.eot_token_id': 7,
      'tokenizer.ggml.padding_token_id': 0xffffffff,
      ...more,
    });
    return new Map(entries.filter((entry): entry is [string, GgufValue] => entry[1] !== undefined));
  };

  test('a llama; eps is the decimal that was meant, not its f32', () => {
    const config = configFromGguf(metadata(), facts, 'f');
    expect(config).toEqual({
      family: 'llama',
      hiddenSize: 48,
      layers: 2,
      heads: 3,
      kvHeads: 1,
      headDim: 16,
      ffnSize: 96,
      vocabSize: 100,
      ropeTheta: 1e5,
      rmsEps: 1e-5,
      tiedHead: true,
      qkvBias: false,
      maxPositions: 64,
      bosId: undefined,
      eosIds: [2, 7],
      padId: undefined,
    });
  });

  test('an explicit head size', () => {
    const wide = metadata({ 'llama.attention.key_length': 32, 'llama.attention.value_length': 32 });
    expect(configFromGguf(wide, facts, 'f').headDim).toBe(32);
  });

  const refused: [string, Record<string, GgufValue | undefined>, RegExp][] = [
    ['an unknown architecture', { 'general.architecture': 'gemma' }, /"gemma" is not supported/],
    ['no architecture', { 'general.architecture': undefined }, /null is not supported/],
    ['experts', { 'llama.expert_count': 8 }, /expert_count is 8/],
    ['RoPE scaling', { 'llama.rope.scaling.type': 'yarn' }, /rope.scaling.type is "yarn"/],
    ['heads per layer', { 'llama.attention.head_count': Uint32Array.of(3, 3) }, /head_count is not one number/],
    ['no block count', { 'llama.block_count': undefined }, /has no llama.block_count/],
    ['values of another size', { 'llama.attention.value_length': 8 }, /value_length is 8/],
    ['partial RoPE', { 'llama.rope.dimension_count': 8 }, /dimension_count is 8/],
    ['a sliding window', { 'llama.attention.sliding_window': 4096 }, /sliding_window/],
    ['NaN', { 'llama.attention.layer_norm_rms_epsilon': Number.NaN }, /rmsEps/],
    ['a 64-bit lie', { 'llama.block_count': 2n ** 63n }, /layers is/],
  ];
  for (const [what, change, message] of refused)
    test(what, () => expect(lineOf(() => configFromGguf(metadata(change), facts, 'f'))).toMatch(message));
});

describe('quantisation settings', () => {
  const gptq = { quant_method: 'gptq', bits: 4, group_size: 128, desc_act: false, sym: true };
  const awq = { quant_method: 'awq', bits: 4, group_size: 128, version: 'gemm', zero_point: true };

  test('what is read', () => {
    expect(readQuantization(gptq, 'f')).toEqual({ method: 'gptq', groupSize: 128, zeroBias: 1 });
    expect(readQuantization({ ...gptq, group_size: -1, checkpoint_format: 'gptq_v2', dynamic: {} }, 'f')).toEqual({
      method: 'gptq',
      groupSize: -1,
      zeroBias: 0,
    });
    expect(readQuantization({ bits: 4, group_size: 32, dynamic: null }, 'f')).toEqual({
      method: 'gptq',
      groupSize: 32,
      zeroBias: 1,
    });
    expect(readQuantization(awq, 'f')).toEqual({ method: 'awq', groupSize: 128 });
    expect(readQuantization({ zero_point: true, q_group_size: 64, w_bit: 4, version: 'GEMM' }, 'f')).toEqual({
      method: 'awq',
      groupSize: 64,
    });
  });

  const refused: [string, unknown, RegExp][] = [
    ['3 bits', { ...gptq, bits: 3 }, /GPTQ of 3 bits/],
    ['a group of 0', { ...gptq, group_size: 0 }, /group_size is 0/],
    ['marlin', { ...gptq, checkpoint_format: 'marlin' }, /format "marlin"/],
    ['marlin by its flag', { ...gptq, is_marlin_format: true }, /format "marlin"/],
    ['dynamic', { ...gptq, dynamic: { '-:.*': {} } }, /dynamic: "-:\.\*"/],
    ['other words', { ...gptq, pack_dtype: 'int8' }, /pack_dtype "int8"/],
    ['AWQ of 8 bits', { ...awq, bits: 8 }, /AWQ of 8 bits/],
    ['gemv', { ...awq, version: 'gemv' }, /version "gemv"/],
    ['no zero points', { ...awq, zero_point: false }, /without zero points/],
    ['no group', { ...awq, group_size: undefined }, /without a group_size/],
    ['bitsandbytes', { quant_method: 'bitsandbytes', load_in_4bit: true }, /"bitsandbytes" is not supported/],
    ['nothing', {}, /null is not supported/],
    ['no object', 'gptq', /f: /],
  ];
  for (const [what, json, message] of refused)
    test(what, () => expect(lineOf(() => readQuantization(json, 'f'))).toMatch(message));
});
