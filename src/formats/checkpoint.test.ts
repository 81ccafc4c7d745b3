import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN, goldenModels, goldenPath, readGolden } from '../../test/golden/golden.ts';
import { UserError } from '../errors.ts';
import { bytesSource } from './bytes_source.ts';
import { type Checkpoint, checkpointFromSources } from './checkpoint.ts';
import { openCheckpoint } from './checkpoint_file.ts';
import { dequantize } from './dequantize.ts';
import {
  AWQ_CONFIG,
  folder,
  GPTQ_CONFIG,
  TINY_QWEN2,
  tinyFolder,
  tinyGguf,
  tinyTensors,
  writeGguf,
} from './fixtures.ts';
import { serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import type { ByteSource } from './source.ts';

const open = (files: ReadonlyMap<string, ByteSource>) => checkpointFromSources('m', files);

/** Opens files that must be refused: one line, which begins with the model's name. */
async function lineOf(opening: Promise<Checkpoint>): Promise<string> {
  const error = await opening.catch((e) => e);
  if (!(error instanceof UserError)) throw new Error(`no UserError but ${error?.stack ?? 'nothing'}`);
  expect(error.message).toMatch(/^[^\n]+$/);
  return error.message;
}

describe('tiny folders', () => {
  for (const packing of ['plain', 'gptq', 'awq'] as const)
    test(packing, async () => {
      const model = await open(tinyFolder(packing));
      expect(model.format).toBe(packing === 'plain' ? 'safetensors' : packing);
      const q = model.linear('layers.1.self_attn.q_proj');
      expect([q.kind, q.N, q.K]).toEqual([packing === 'plain' ? 'dense' : packing, 16, 16]);
      expect(q.bias?.shape).toEqual([16]);
      expect(model.linear('layers.0.mlp.down_proj').bias).toBe(undefined);
      expect([model.linear('layers.0.mlp.down_proj').N, model.linear('layers.0.mlp.down_proj').K]).toEqual([16, 24]);
      expect(model.dense('norm').shape).toEqual([16]);
      expect([model.has('lm_head'), model.has('norm'), model.has('layers.2.mlp.up_proj')]).toEqual([
        false,
        true,
        false,
      ]);
      const layer = 16 * 16 * 2 + 16 * 8 * 2 + 16 * 24 * 3 + (16 + 8 + 8) + 2 * 16;
      expect(model.parameters()).toBe(10 * 16 + 2 * layer + 16);
      expect(() => model.linear('layers.9.mlp.up_proj')).toThrow(UserError);
      expect(() => model.dense('nothing')).toThrow(UserError);
    });

  test('a tied head is the embedding; an untied one its own', async () => {
    const tied = await open(tinyFolder());
    const head = tied.linear('lm_head');
    expect([head.path, head.N, head.K]).toEqual(['lm_head', 10, 16]);
    expect(await dequantize(head)).toEqual(await dequantize(tied.dense('embed_tokens')));
    const config = { ...TINY_QWEN2, tie_word_embeddings: false };
    const untied = await open(
      folder({ 'config.json': config, 'model.safetensors': serializeSafetensors(tinyTensors(config)) }),
    );
    expect(untied.has('lm_head')).toBe(true);
    expect((untied.linear('lm_head') as { data?: { name: string } }).data?.name).toBe('lm_head.weight');
  });

  test('names without "model.", another file name, tokenizer texts, settings in a file of their own', async () => {
    const model = await open(
      folder({
        'config.json': TINY_QWEN2,
        'quantize_config.json': { bits: 4, group_size: 8 },
        'gptq_model-4bit-8g.safetensors': serializeSafetensors(tinyTensors(TINY_QWEN2, 'gptq', '')),
        'tokenizer.json': '{"é":1}',
        'tokenizer_config.json': '{}',
      }),
    );
    expect([model.format, model.tokenizerJson, model.tokenizerConfig]).toEqual(['gptq', '{"é":1}', '{}']);
  });

  test('act-order is kept only where it says something', async () => {
    const files = (change: (gIdx: Int32Array) => void) => {
      const tensors = tinyTensors(TINY_QWEN2, 'gptq');
      change(tensors.find((t) => t.name === 'model.layers.0.mlp.up_proj.g_idx')!.data as Int32Array);
      return folder({
        'config.json': { ...TINY_QWEN2, quantization_config: GPTQ_CONFIG },
        'model.safetensors': serializeSafetensors(tensors),
      });
    };
    const gIdx = async (change: (gIdx: Int32Array) => void) => {
      const linear = (await open(files(change))).linear('layers.0.mlp.up_proj');
      return linear.kind === 'gptq' ? linear.gIdx?.name : linear.kind;
    };
    expect(await gIdx(() => {})).toBe(undefined);
    expect(await gIdx((g) => g.reverse())).toBe('model.layers.0.mlp.up_proj.g_idx');
    expect(await lineOf(open(files((g) => g.fill(2, 3, 4))))).toMatch(/g_idx" puts input 3 into group 2; there are 2/);
    expect(await lineOf(open(files((g) => g.fill(-1, 3, 4))))).toMatch(/into group -1/);
    expect(await lineOf(open(files((g) => g.fill(1, 3, 4))))).toMatch(/puts 7 inputs into group 0, which takes 8/);
  });
});

describe('sharded folders', () => {
  const tensors = tinyTensors(TINY_QWEN2);
  const shards = [tensors.slice(0, 5), tensors.slice(5)];
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const weightMap = Object.fromEntries(shards.flatMap((shard, i) => shard.map((t) => [t.name, names[i]])));
  const files = (index: unknown, missing?: string) => {
    const all = folder({
      'config.json': TINY_QWEN2,
      'model.safetensors.index.json': index as object,
      [names[0]]: serializeSafetensors(shards[0]),
      [names[1]]: serializeSafetensors(shards[1]),
    });
    if (missing) all.delete(missing);
    return all;
  };

  test('all shards together', async () => {
    const whole = await open(tinyFolder());
    const sharded = await open(files({ metadata: { total_size: 1 }, weight_map: weightMap }));
    expect(sharded.parameters()).toBe(whole.parameters());
    const path = 'layers.1.mlp.down_proj';
    expect(await dequantize(sharded.linear(path))).toEqual(await dequantize(whole.linear(path)));
  });

  const refused: [string, unknown, RegExp, string?][] = [
    ['a missing shard', { weight_map: weightMap }, /the shard "model-00002-of-00002.safetensors" is missing/, names[1]],
    [
      'the folder above',
      { weight_map: { ...weightMap, a: '../secret.safetensors' } },
      /outside its folder, "\.\.\/secret/,
    ],
    ['an absolute path', { weight_map: { ...weightMap, a: '/etc/passwd' } }, /outside its folder/],
    ['a Windows path', { weight_map: { ...weightMap, a: 'C:\\x' } }, /outside its folder/],
    ['a folder', { weight_map: { ...weightMap, a: '..' } }, /outside its folder/],
    ['a tensor elsewhere', { weight_map: { ...weightMap, [tensors[9].name]: names[0] } }, /should be in "model-00001/],
    ['no weight_map', {}, /weight_map/],
    ['a weight_map of numbers', { weight_map: { a: 1 } }, /weight_map\.a is 1/],
    ['an array', [], /index\.json: /],
  ];
  for (const [what, index, message, missing] of refused)
    test(what, async () => expect(await lineOf(open(files(index, missing)))).toMatch(message));
});

describe('folders made to break it', () => {
  const plain = (change: (tensors: TensorToWrite[]) => TensorToWrite[], config: object = TINY_QWEN2) =>
    folder({ 'config.json': config, 'model.safetensors': serializeSafetensors(change(tinyTensors(config))) });
  const packed = (packing: 'gptq' | 'awq', change: (tensors: TensorToWrite[]) => TensorToWrite[]) =>
    folder({
      'config.json': { ...TINY_QWEN2, quantization_config: packing === 'gptq' ? GPTQ_CONFIG : AWQ_CONFIG },
      'model.safetensors': serializeSafetensors(change(tinyTensors(TINY_QWEN2, packing))),
    });
  const without = (name: string) => (tensors: TensorToWrite[]) => tensors.filter((t) => t.name !== name);
  const replace = (name: string, tensor: Partial<TensorToWrite>) => (tensors: TensorToWrite[]) =>
    tensors.map((t) => (t.name === name ? { ...t, ...tensor } : t));
  const up = 'model.layers.1.mlp.up_proj';

  const cases: [string, () => Map<string, ByteSource>, RegExp][] = [
    ['nothing', () => new Map(), /has no weights/],
    ['config.json alone', () => folder({ 'config.json': TINY_QWEN2 }), /m: has no weights/],
    ['weights alone', () => folder({ 'model.safetensors': serializeSafetensors([]) }), /no config\.json/],
    [
      'a pickle',
      () => folder({ 'config.json': TINY_QWEN2, 'pytorch_model.bin': 'PK' }),
      /pickle \(pytorch_model\.bin\).*convert/,
    ],
    [
      'an adapter',
      () => folder({ 'adapter_config.json': '{}', 'adapter_model.safetensors': serializeSafetensors([]) }),
      /PEFT adapter.*--adapter/,
    ],
    [
      'two safetensors without an index',
      () => folder({ 'config.json': TINY_QWEN2, 'a.safetensors': '', 'b.safetensors': '' }),
      /several safetensors files but no/,
    ],
    [
      'two GGUFs',
      () => folder({ 'b.gguf': '', 'a.gguf': '' }),
      /several \.gguf files; give one of them: a\.gguf, b\.gguf/,
    ],
    ['an empty config', () => folder({ 'config.json': '', 'model.safetensors': '' }), /config\.json: is empty/],
    [
      'a config that is not JSON',
      () => folder({ 'config.json': '{"a":', 'model.safetensors': '' }),
      /config\.json: is not JSON/,
    ],
    [
      'a config that is not UTF-8',
      () => folder({ 'config.json': Uint8Array.of(0xff, 0xfe), 'model.safetensors': '' }),
      /not UTF-8/,
    ],
    [
      'a tokenizer that is not UTF-8',
      () => new Map([...tinyFolder(), ['tokenizer.json', bytesSource('m/tokenizer.json', Uint8Array.of(0xc0))]]),
      /tokenizer\.json: is not UTF-8/,
    ],
    ['a missing tensor', () => plain(without(`${up}.weight`)), /no tensor "layers\.1\.mlp\.up_proj\.weight"/],
    ['a missing bias', () => plain(without('model.layers.0.self_attn.k_proj.bias')), /k_proj\.bias/],
    [
      'another shape',
      () => plain(replace(`${up}.weight`, { shape: [16, 24] })),
      /up_proj\.weight" is \[16,24\]; .* must be \[24,16\]/,
    ],
    ['another rank', () => plain(replace('model.norm.weight', { shape: [16, 1] })), /norm\.weight" is \[16,1\]/],
    [
      'integers',
      () => plain(replace('model.norm.weight', { dtype: 'I32' })),
      /norm\.weight" is I32; supported are F32/,
    ],
    [
      'packed without settings',
      () =>
        folder({
          'config.json': TINY_QWEN2,
          'model.safetensors': serializeSafetensors(tinyTensors(TINY_QWEN2, 'gptq')),
        }),
      /qweight" is packed, but config\.json has no quantization_config/,
    ],
    [
      'a weight and a qweight',
      () =>
        packed('gptq', (t) => [...t, { name: `${up}.weight`, dtype: 'F32', shape: [1], data: new Float32Array(1) }]),
      /both a weight and a qweight/,
    ],
    ['no scales', () => packed('gptq', without(`${up}.scales`)), /up_proj\.scales/],
    [
      'scales in F32',
      () => packed('gptq', replace(`${up}.scales`, { dtype: 'F32', data: new Float32Array(48) })),
      /scales" is F32; F16 was expected/,
    ],
    [
      'AWQ shapes under GPTQ settings',
      () =>
        folder({
          'config.json': { ...TINY_QWEN2, quantization_config: GPTQ_CONFIG },
          'model.safetensors': serializeSafetensors(tinyTensors(TINY_QWEN2, 'awq')),
        }),
      /qweight" is \[16,2\]/,
    ],
    [
      'zeros of another group size',
      () => packed('awq', replace(`${up}.qzeros`, { shape: [3, 2] })),
      /qzeros" is \[3,2\]; .* must be \[2,3\]/,
    ],
    [
      'g_idx in I64',
      () => packed('gptq', replace(`${up}.g_idx`, { dtype: 'I64', data: new BigInt64Array(16) })),
      /g_idx" is I64; I32/,
    ],
  ];
  for (const [what, files, message] of cases)
    test(what, async () => expect(await lineOf(open(files()))).toMatch(message));

  test('fewer layers in the config than in the file', async () => {
    const files = folder({
      'config.json': { ...TINY_QWEN2, num_hidden_layers: 1 },
      'model.safetensors': serializeSafetensors(tinyTensors(TINY_QWEN2)),
    });
    expect(await lineOf(open(files))).toMatch(/more than the 1 layers/);
  });
});

describe('GGUF', () => {
  const tiny = (change: (tiny: ReturnType<typeof tinyGguf>) => void = () => {}) => {
    const file = tinyGguf();
    change(file);
    return open(new Map([['a.gguf', bytesSource('m/a.gguf', writeGguf(file.fields, file.tensors))]]));
  };

  test('q and k rows come in half-split order for any range; the others as they are', async () => {
    const model = await tiny();
    expect(model.ggufMetadata?.get('tokenizer.ggml.tokens')).toEqual(['<s>', '</s>', 'Ġa', 'b', 'é']);
    expect([model.config.tiedHead, model.config.headDim, model.config.vocabSize]).toEqual([true, 4, 5]);
    const q = model.linear('layers.0.self_attn.q_proj');
    // Row r of the file holds 8r, 8r + 1, …; the converter put rows 0 1 2 3 of a head at 0 2 1 3.
    const rows = [0, 2, 1, 3, 4, 6, 5, 7];
    const expected = rows.flatMap((row) => Array.from({ length: 8 }, (_, i) => 8 * row + i));
    expect([...(await dequantize(q))]).toEqual(expected);
    if (q.kind !== 'dense') throw new Error(q.kind);
    const bytes = new Uint8Array(Float32Array.from(expected).buffer);
    for (const [offset, length] of [
      [0, 256],
      [32, 32],
      [33, 100],
      [95, 2],
      [250, 6],
      [128, 0],
      [3, 250],
    ] as const)
      expect(await q.data.source.read(q.data.offset + offset, length)).toEqual(bytes.slice(offset, offset + length));
    await expect(q.data.source.read(200, 57)).rejects.toThrow(UserError);
    const v = await dequantize(model.linear('layers.0.self_attn.v_proj'));
    expect([...v]).toEqual(Array.from({ length: 32 }, (_, i) => i));
  });

  const drop = (name: string) => (file: ReturnType<typeof tinyGguf>) => {
    file.tensors = file.tensors.filter((t) => t.name !== name);
  };
  const refused: [string, (file: ReturnType<typeof tinyGguf>) => void, RegExp][] = [
    ['no embedding', drop('token_embd.weight'), /no tensor "token_embd\.weight"/],
    ['no norm', drop('blk.0.ffn_norm.weight'), /no tensor "blk\.0\.ffn_norm\.weight"/],
    [
      'more layers than it says',
      (f) => void f.tensors.push({ ...f.tensors[2], name: 'blk.1.attn_norm.weight' }),
      /more than the 1 layers/,
    ],
    ['scaled RoPE', (f) => void f.tensors.push({ ...f.tensors[2], name: 'rope_freqs.weight' }), /rope_freqs/],
    [
      'another shape',
      (f) => void (f.fields['llama.feed_forward_length'] = ['u32', 16]),
      /ffn_gate\.weight" is \[12,8\]/,
    ],
    [
      'qwen2 without biases',
      (f) => {
        for (const [key, value] of Object.entries(f.fields)) f.fields[key.replace('llama.', 'qwen2.')] = value;
        f.fields['general.architecture'] = ['string', 'qwen2'];
      },
      /attn_q\.bias/,
    ],
  ];
  for (const [what, change, message] of refused)
    test(what, async () => expect(await lineOf(tiny(change))).toMatch(message));
});

describe('golden models', () => {
  for (const name of goldenModels().filter((model) => model !== 'tokenizer'))
    test(`${name}: opens, and its embedding is transformers'`, async () => {
      const model = await openCheckpoint(goldenPath(name));
      const golden = await readGolden(name, 'expected.safetensors');
      const table = await dequantize(model.dense('embed_tokens'));
      const { hiddenSize } = model.config;
      const hidden = golden.get('hidden.0')!.values;
      const ids = golden.get('input_ids')!.values;
      for (const [t, id] of ids.entries())
        for (let c = 0; c < hiddenSize; c++)
          if (hidden[t * hiddenSize + c] !== Math.fround(table[id * hiddenSize + c]))
            throw new Error(`token ${t}, column ${c}`);
      await model.close();
    });
});

describe('on disk', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'lacuna-checkpoint-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('a folder that is not there, an empty one, a file that is no model', async () => {
    expect(await lineOf(openCheckpoint(join(root, 'none')))).toMatch(/none: no such file or folder/);
    mkdirSync(join(root, 'empty'));
    expect(await lineOf(openCheckpoint(join(root, 'empty')))).toMatch(/has no weights/);
    const text = join(root, 'notes.txt');
    writeFileSync(text, 'hello');
    expect(await lineOf(openCheckpoint(text))).toMatch(/notes\.txt: is of unknown kind; a model is a \.gguf file/);
    expect(await lineOf(openCheckpoint(join(GOLDEN, 'qwen2-f16', 'model.safetensors')))).toMatch(
      /is a safetensors file/,
    );
  });

  test('a .gguf by another name, and a folder with one', async () => {
    const { fields, tensors } = tinyGguf();
    const bytes = writeGguf(fields, tensors);
    const blob = join(root, 'blob');
    writeFileSync(blob, bytes);
    mkdirSync(join(root, 'one'));
    writeFileSync(join(root, 'one', 'x.gguf'), bytes);
    for (const path of [blob, join(root, 'one')]) {
      const model = await openCheckpoint(path);
      expect([model.name, model.format]).toEqual([path, 'gguf']);
      expect((await dequantize(model.dense('norm'))).length).toBe(8);
      await model.close();
    }
  });
});
