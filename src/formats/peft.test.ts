import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN, goldenAdapters, goldenModels, goldenPath } from '../../test/golden/golden.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from './checkpoint_file.ts';
import { configFromHf } from './config.ts';
import { folder, TINY_QWEN2 } from './fixtures.ts';
import { readAdapter, writeAdapter } from './peft.ts';
import { type AdapterConfig, adapterFromSources } from './peft_adapter.ts';
import { serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import { readTensor } from './tensor.ts';

const base = configFromHf(TINY_QWEN2, 'tiny');
const CONFIG = {
  peft_type: 'LORA',
  r: 2,
  lora_alpha: 6,
  lora_dropout: 0.05,
  target_modules: ['q_proj', 'mlp.down_proj'],
  bias: 'none',
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: 'someone/tiny',
  a_key_of_the_future: { kept: [1, 2] },
};

/** A and B of one module. */
function lora(path: string, K: number, N: number, r = 2, prefix = 'base_model.model.model.'): TensorToWrite[] {
  const half = (side: 'A' | 'B', shape: number[]): TensorToWrite => ({
    name: `${prefix}${path}.lora_${side}.weight`,
    dtype: 'F32',
    shape,
    data: new Float32Array(shape[0] * shape[1]).map((_, i) => i + 0.5),
  });
  return [half('A', [r, K]), half('B', [N, r])];
}

const TENSORS = [...lora('layers.0.self_attn.q_proj', 16, 16), ...lora('layers.1.mlp.down_proj', 24, 16)];

const open = (config: object = CONFIG, tensors: TensorToWrite[] = TENSORS) =>
  adapterFromSources(
    'a',
    folder({ 'adapter_config.json': config, 'adapter_model.safetensors': serializeSafetensors(tensors) }),
    base,
  );

describe('reading', () => {
  test('modules by canonical path, with rank and scale; unknown keys are kept', async () => {
    const adapter = await open();
    expect([...adapter.modules.keys()].sort()).toEqual(['layers.0.self_attn.q_proj', 'layers.1.mlp.down_proj']);
    const down = adapter.modules.get('layers.1.mlp.down_proj')!;
    expect([down.r, down.scale, down.A.shape, down.B.shape]).toEqual([2, 3, [2, 24], [16, 2]]);
    expect([adapter.scale, adapter.config.a_key_of_the_future]).toEqual([3, { kept: [1, 2] }]);
  });

  test('rsLoRA divides by the root of the rank', async () => {
    expect((await open({ ...CONFIG, use_rslora: true })).scale).toBe(6 / Math.sqrt(2));
  });

  test('names of a bare model, a regex and all-linear as targets, defaults', async () => {
    const bare = lora('layers.0.self_attn.q_proj', 16, 16, 8, 'base_model.model.');
    const adapter = await open({ peft_type: 'LORA', target_modules: '.*\\.(q|v)_proj' }, bare);
    expect(adapter.modules.get('layers.0.self_attn.q_proj')!.scale).toBe(1);
    const kinds = { 'self_attn.q_proj': [16, 16], 'self_attn.k_proj': [16, 8], 'self_attn.v_proj': [16, 8] };
    const rest = {
      'self_attn.o_proj': [16, 16],
      'mlp.gate_proj': [16, 24],
      'mlp.up_proj': [16, 24],
      'mlp.down_proj': [24, 16],
    };
    const all = Object.entries({ ...kinds, ...rest }).flatMap(([path, [K, N]]) => lora(`layers.1.${path}`, K, N));
    expect((await open({ ...CONFIG, target_modules: 'all-linear' }, all)).modules.size).toBe(7);
    await expect(open({ ...CONFIG, target_modules: 'all-linear' }, all.slice(2))).rejects.toThrow(
      'targets "self_attn.q_proj"',
    );
  });

  test('rank_pattern and alpha_pattern: whole names, ends of names, regular expressions, first match', async () => {
    const tensors = [
      ...lora('layers.0.self_attn.q_proj', 16, 16, 4),
      ...lora('layers.1.self_attn.q_proj', 16, 16, 3),
      ...lora('lm_head', 16, 10, 2, 'base_model.model.'),
    ];
    const config = {
      ...CONFIG,
      target_modules: ['q_proj', 'lm_head'],
      rank_pattern: {
        '^model.layers.0.self_attn.q_proj': 9,
        'layers.0.self_attn.q_proj': 4,
        'layers\\.[1-9]\\.self_attn\\.q_proj': 3,
      },
      alpha_pattern: { q_proj: 12, 'model.layers.0.self_attn.q_proj': 1 },
    };
    const { modules } = await open(
      { ...config, rank_pattern: { ...config.rank_pattern, '^model.layers.0.self_attn.q_proj': 4 } },
      tensors,
    );
    expect(modules.get('layers.0.self_attn.q_proj')!.scale).toBe(3);
    expect(modules.get('layers.1.self_attn.q_proj')!.scale).toBe(4);
    expect(modules.get('lm_head')!.scale).toBe(3);
    // With PEFT's rule "(.*\.)?(pattern)$" an anchored pattern matches too, and the first match counts.
    await expect(open(config, tensors)).rejects.toThrow('with rank 9');
  });
});

describe('adapters that PEFT wrote (test/golden)', () => {
  for (const model of goldenModels())
    for (const name of goldenAdapters(model))
      test(`${model} ${name}`, async () => {
        const checkpoint = await openCheckpoint(goldenPath(model));
        const at = join(GOLDEN, model, 'adapters', name);
        const adapter = await readAdapter(at, checkpoint.config);
        const config = JSON.parse(readFileSync(join(at, 'adapter_config.json'), 'utf8'));
        expect(adapter.config).toEqual(config);
        expect(adapter.modules.size).toBeGreaterThan(0);
        const { r, lora_alpha: alpha } = config;
        for (const module of adapter.modules.values())
          expect([module.r, module.scale]).toEqual([r, config.use_rslora ? alpha / Math.sqrt(r) : alpha / r]);
        await adapter.close();
        await checkpoint.close();
      });
});

const shared = fileURLToPath(new URL('../../../shared/models/adapter', import.meta.url));
test.skipIf(!existsSync(shared))(
  `the real adapter${existsSync(shared) ? '' : ` (skipped: ${shared} is not there)`}`,
  async () => {
    const adapter = await readAdapter(shared);
    expect([adapter.modules.size, adapter.scale]).toEqual([210, 2]);
    expect(adapter.modules.get('layers.29.mlp.down_proj')!.A.shape).toEqual([16, 1536]);
    await adapter.close();
  },
);

describe('adapters made to break it', () => {
  const settings: [string, object, RegExp][] = [
    ['another kind', { peft_type: 'IA3' }, /peft_type "IA3"/],
    ['DoRA', { use_dora: true }, /DoRA \(use_dora\)/],
    ['trained biases', { bias: 'all' }, /bias "all"/],
    ['modules trained whole', { modules_to_save: ['lm_head'] }, /modules_to_save/],
    ['fan_in_fan_out', { fan_in_fan_out: true }, /fan_in_fan_out/],
    ['PiSSA', { init_lora_weights: 'pissa_niter_4' }, /changes the base model/],
    ['aLoRA', { alora_invocation_tokens: [1] }, /activated LoRA/],
    ['rank 0', { r: 0 }, /adapter_config\.json: r is 0/],
    ['a fractional rank', { r: 1.5 }, /r is 1\.5/],
    ['alpha as text', { lora_alpha: '16' }, /lora_alpha is "16"/],
    ['targets as a number', { target_modules: 3 }, /target_modules is 3/],
    ['a target that no layer has', { target_modules: ['q_proj', 'v_proj'] }, /targets "v_proj", but adapter_model/],
    ['another rank than the file', { r: 4 }, /with rank 4/],
    ['a rank pattern of text', { rank_pattern: { q_proj: 'x' } }, /rank_pattern\.q_proj/],
    ['a rank pattern that says 0', { rank_pattern: { q_proj: 0 } }, /with rank 0/],
    ['a pattern that never ends', { alpha_pattern: { '(a+)+$': 1 } }, /too complicated/],
    ['a pattern that is no regex', { alpha_pattern: { '(': 1 } }, /not a regular expression/],
  ];
  const tensors: [string, TensorToWrite[], RegExp][] = [
    ['no tensors', [], /has no tensors/],
    ['A without B', TENSORS.slice(0, 1), /has lora_A but no lora_B/],
    [
      'a layer that is not there',
      lora('layers.2.self_attn.q_proj', 16, 16),
      /layers\.2\.self_attn\.q_proj is not in the model/,
    ],
    ['a module that is none', lora('layers.0.self_attn.rotary', 16, 16), /rotary.* belongs to no linear/],
    [
      'an embedding',
      [
        {
          name: 'base_model.model.model.embed_tokens.lora_embedding_A',
          dtype: 'F32',
          shape: [1],
          data: new Float32Array(1),
        },
      ],
      /belongs to no linear/,
    ],
    [
      'inputs of another model',
      [...lora('layers.0.self_attn.q_proj', 32, 16), ...TENSORS.slice(2)],
      /32 inputs and 16 outputs; the model has 16 and 16/,
    ],
    ['ranks that differ', [TENSORS[0], lora('layers.0.self_attn.q_proj', 16, 16, 3)[1]], /B \[16,3\]/],
    ['integers', [{ ...TENSORS[0], dtype: 'I32' }, TENSORS[1]], /is I32 \[2,16\]/],
    ['one module twice', [...TENSORS, ...lora('layers.0.self_attn.q_proj', 16, 16, 2, 'base_model.model.')], /twice/],
    ['A as a vector', [{ ...TENSORS[0], shape: [32] }, TENSORS[1]], /is F32 \[32\]/],
  ];
  const lineOf = async (opening: Promise<unknown>) => {
    const error = await opening.catch((e) => e);
    if (!(error instanceof UserError)) throw new Error(`no UserError but ${error}`);
    expect(error.message).toMatch(/^a(\/|: )|^m\/adapter_(config\.json|model\.(safetensors|bin)): /);
    expect(error.message.includes('\n')).toBe(false);
    return error.message;
  };
  for (const [what, change, message] of settings)
    test(what, async () => expect(await lineOf(open({ ...CONFIG, ...change }))).toMatch(message));
  for (const [what, wrong, message] of tensors)
    test(what, async () => expect(await lineOf(open(CONFIG, wrong))).toMatch(message));

  test('missing files, and a pickle', async () => {
    const weights = serializeSafetensors(TENSORS);
    const from = (files: Parameters<typeof folder>[0]) => lineOf(adapterFromSources('a', folder(files)));
    expect(await from({})).toMatch(/has no adapter_config\.json/);
    expect(await from({ 'adapter_model.safetensors': weights })).toMatch(/has no adapter_config\.json/);
    expect(await from({ 'adapter_config.json': CONFIG })).toMatch(/has no adapter_model\.safetensors/);
    expect(await from({ 'adapter_config.json': CONFIG, 'adapter_model.bin': 'PK\x03\x04' })).toMatch(
      /pickle.*safe_serialization/,
    );
    expect(await from({ 'adapter_config.json': '[]', 'adapter_model.safetensors': weights })).toMatch(/config\.json: /);
  });
});

describe('on disk', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'lacuna-peft-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  for (const dtype of ['F32', 'F16', 'BF16'] as const)
    test(`a round trip in ${dtype}, and nothing else is left behind`, async () => {
      const at = join(root, 'new', dtype);
      const A = Float32Array.from({ length: 32 }, (_, i) => (i - 8) / 4);
      const B = Float32Array.from({ length: 32 }, (_, i) => -i / 2);
      const config = { ...CONFIG, target_modules: ['q_proj'] } as AdapterConfig;
      await writeAdapter(at, { config, modules: new Map([['layers.0.self_attn.q_proj', { A, B, r: 2 }]]), dtype });
      expect(readdirSync(at).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
      expect(JSON.parse(readFileSync(join(at, 'adapter_config.json'), 'utf8'))).toEqual(config);
      const adapter = await readAdapter(at, base);
      const module = adapter.modules.get('layers.0.self_attn.q_proj')!;
      expect(module.A.name).toBe('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight');
      expect([module.A.dtype, module.A.shape, module.B.shape]).toEqual([dtype, [2, 16], [16, 2]]);
      if (dtype === 'F32') expect(new Float32Array((await readTensor(module.B)).buffer)).toEqual(B);
      await adapter.close();
    });

  test('what a dtype cannot hold leaves the old adapter as it was', async () => {
    const at = join(root, 'kept');
    mkdirSync(at);
    writeFileSync(join(at, 'adapter_config.json'), 'old');
    const A = Float32Array.of(1, 1e5);
    const writing = writeAdapter(at, {
      config: CONFIG as AdapterConfig,
      modules: new Map([['lm_head', { A, B: A, r: 1 }]]),
      dtype: 'F16',
    });
    await expect(writing).rejects.toThrow('value 1 is 100000, which F16 cannot hold');
    expect(readdirSync(at)).toEqual(['adapter_config.json']);
    expect(readFileSync(join(at, 'adapter_config.json'), 'utf8')).toBe('old');
  });

  test('no such folder', async () => {
    await expect(readAdapter(join(root, 'none'))).rejects.toThrow('no such folder');
  });
});
