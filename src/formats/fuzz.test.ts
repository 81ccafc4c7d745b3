/**
 * Damages good files at random and reads them: whatever comes in, a parser either succeeds or throws a UserError of
 * one line, soon and in little memory. LACUNA_FUZZ_SECONDS (5) is shared by the targets; each input depends on
 * LACUNA_FUZZ_SEED (1) and its number alone, which a failure names.
 */
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { uniform } from '../../test/numeric.ts';
import { UserError } from '../errors.ts';
import { bytesSource } from './bytes_source.ts';
import { checkpointFromSources } from './checkpoint.ts';
import { linearShapes } from './decoder_paths.ts';
import { dequantize, packQ4 } from './dequantize.ts';
import {
  AWQ_CONFIG,
  type GgufField,
  GPTQ_CONFIG,
  TINY_QWEN2,
  tinyFolder,
  tinyGguf,
  tinyTensors,
  writeGguf,
} from './fixtures.ts';
import { readGguf } from './gguf.ts';
import { readNpy, writeNpy } from './npy.ts';
import { adapterFromSources } from './peft_adapter.ts';
import { readSafetensors, serializeSafetensors } from './safetensors.ts';
import { readTensor, type TensorInfo } from './tensor.ts';

const SECONDS = Number(process.env.LACUNA_FUZZ_SECONDS ?? 5);
const SEED = Number(process.env.LACUNA_FUZZ_SEED ?? 1);
/** Far more than any of these small files needs, on a busy machine too. */
const SLOW_MS = 5000;
const MEMORY_BYTES = 512 * 2 ** 20;

type Random = () => number;
const below = (next: Random, n: number) => Math.floor(next() * n);
const pick = <T>(next: Random, from: readonly T[]): T => from[below(next, from.length)];

const NUMBERS = [
  0n,
  1n,
  7n,
  0x7fn,
  0xffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const TOKENS = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '-1',
  '1e999',
  '0.5',
  'null',
  'true',
  '"__proto__"',
  '"\\u0000"',
  '"\\ud800"',
  '9007199254740993',
  '\0',
  '\xff',
  '../',
  ' ',
  '\n',
  '"a":',
];

/** A copy with a few bytes flipped, overwritten, cut out, put in or doubled. */
function damage(next: Random, original: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = Uint8Array.from(original);
  // Headers are where the lies are: half of the changes go into the first bytes.
  const place = () => below(next, next() < 0.5 ? Math.min(bytes.length, 4096) : bytes.length);
  const splice = (at: number, remove: number, insert: Uint8Array) => {
    bytes = Uint8Array.from([...bytes.subarray(0, at), ...insert, ...bytes.subarray(at + remove)]);
  };
  for (let i = 1 + below(next, 4); i > 0 && bytes.length > 0; i--) {
    const at = place();
    const kind = below(next, 7);
    if (kind === 0) bytes[at] ^= 1 << below(next, 8);
    else if (kind === 1) bytes[at] = below(next, 256);
    else if (kind === 2) {
      const wide = new Uint8Array(BigUint64Array.of(pick(next, NUMBERS)).buffer).subarray(0, pick(next, [4, 8]));
      bytes.set(wide.subarray(0, bytes.length - at), at);
    } else if (kind === 3)
      splice(
        at,
        0,
        Uint8Array.from(pick(next, TOKENS), (c) => c.charCodeAt(0)),
      );
    else if (kind === 4) splice(at, 1 + below(next, 16), new Uint8Array(0));
    else if (kind === 5) splice(at, 0, bytes.slice(at, at + 1 + below(next, 64)));
    else if (next() < 0.3) bytes = bytes.slice(0, at);
  }
  return bytes;
}

const JUNK: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1,
  3,
  1e9,
  2 ** 53,
  -(2 ** 31),
  '',
  'x',
  '../x',
  'gptq',
  'gptq_v2',
  'awq',
  '\u0000\ud800',
  [],
  {},
  [[]],
  [1, 2],
  { a: 1 },
  '(a+)+$',
  '.*.*.*.*.*x',
  '9'.repeat(400),
  new Array(50).fill(0),
];

/** A deep copy with a few values replaced, removed, or added. */
function damageJson(next: Random, original: unknown): unknown {
  const json = structuredClone(original);
  for (let i = 1 + below(next, 3); i > 0; i--) {
    let at = json as Record<string, unknown>;
    for (;;) {
      const keys = Object.keys(at);
      const key =
        keys.length > 0 && next() < 0.95
          ? pick(next, keys)
          : pick(next, ['x', '0', '__proto__', 'dynamic', 'use_dora']);
      const value = at[key];
      if (typeof value === 'object' && value !== null && next() < 0.7) {
        at = value as Record<string, unknown>;
        continue;
      }
      if (next() < 0.2) delete at[key];
      else
        Object.defineProperty(at, key, {
          value: structuredClone(pick(next, JUNK)),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      break;
    }
  }
  return next() < 0.02 ? pick(next, JUNK) : json;
}

const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));

/** A reader accepted the damaged file: then every tensor must be readable to its last byte. */
async function readAll(tensors: Iterable<TensorInfo>) {
  for (const tensor of tensors) if (tensor.length < 1 << 20) await readTensor(tensor);
}

async function readModel(files: Map<string, Uint8Array>) {
  const sources = new Map([...files].map(([name, bytes]) => [name, bytesSource(`m/${name}`, bytes)]));
  const model = await checkpointFromSources('m', sources);
  for (const path of linearShapes(model.config).keys()) {
    const stored = model.linear(path);
    await dequantize(stored);
    if (stored.kind === 'gptq' || stored.kind === 'awq') await packQ4(stored);
  }
  for (const path of ['embed_tokens', 'norm', 'layers.0.input_layernorm']) await dequantize(model.dense(path));
}

async function contents(packing: 'plain' | 'gptq' | 'awq') {
  const files = new Map<string, Uint8Array>();
  for (const [name, source] of tinyFolder(packing)) files.set(name, await source.read(0, source.size));
  return files;
}

const FOLDERS = { plain: await contents('plain'), gptq: await contents('gptq'), awq: await contents('awq') };
const PACKINGS = ['plain', 'gptq', 'awq'] as const;
const SETTINGS = { plain: undefined, gptq: GPTQ_CONFIG, awq: AWQ_CONFIG };
const GGUF = tinyGguf();
const GGUF_BYTES = writeGguf(GGUF.fields, GGUF.tensors);
const TENSORS = tinyTensors(TINY_QWEN2);
const SHARDS = new Map<string, Uint8Array>([
  ['config.json', encode(TINY_QWEN2)],
  ['1.safetensors', serializeSafetensors(TENSORS.slice(0, 6))],
  ['2.safetensors', serializeSafetensors(TENSORS.slice(6))],
]);
const INDEX = {
  weight_map: Object.fromEntries(TENSORS.map(({ name }, i) => [name, i < 6 ? '1.safetensors' : '2.safetensors'])),
};
const ADAPTER_CONFIG = {
  peft_type: 'LORA',
  r: 2,
  lora_alpha: 4,
  target_modules: ['q_proj'],
  rank_pattern: { q_proj: 2 },
  alpha_pattern: { 'layers.0.self_attn.q_proj': 3, '^x\\d+$': 1 },
  bias: 'none',
  use_rslora: true,
  modules_to_save: null,
};
const ADAPTER = serializeSafetensors([
  {
    name: 'base_model.model.layers.0.self_attn.q_proj.lora_A.weight',
    dtype: 'F32',
    shape: [2, 16],
    data: new Float32Array(32),
  },
  {
    name: 'base_model.model.layers.0.self_attn.q_proj.lora_B.weight',
    dtype: 'F32',
    shape: [16, 2],
    data: new Float32Array(32),
  },
]);
const NPY = writeNpy(new Float32Array(12), [3, 4]);

/** Each damages one input and reads it. */
const TARGETS: Record<string, (next: Random) => Promise<unknown>> = {
  safetensors: async (next) => {
    const bytes = damage(next, FOLDERS[pick(next, PACKINGS)].get('model.safetensors')!);
    await readAll((await readSafetensors(bytesSource('m', bytes))).values());
  },
  'weights of a model': async (next) => {
    const files = new Map(FOLDERS[pick(next, PACKINGS)]);
    await readModel(files.set('model.safetensors', damage(next, files.get('model.safetensors')!)));
  },
  gguf: async (next) => {
    const bytes = damage(next, GGUF_BYTES);
    await readAll((await readGguf(bytesSource('m', bytes))).tensors.values());
    await readModel(new Map([['a.gguf', bytes]]));
  },
  'gguf metadata': async (next) => {
    const fields = { ...GGUF.fields };
    const key = pick(next, Object.keys(fields));
    const field: GgufField = pick(next, [
      ['u32', below(next, 20)],
      ['u64', pick(next, NUMBERS)],
      ['f32', pick(next, [Number.NaN, -1, 0.5, 1e38])],
      ['string', pick(next, ['llama', 'qwen2', 'x', ''])],
      ['array', 'u32', [1, 2]],
    ] as const);
    await readModel(new Map([['a.gguf', writeGguf({ ...fields, [key]: field }, GGUF.tensors)]]));
  },
  'config.json': async (next) => {
    const packing = pick(next, PACKINGS);
    const config = { ...TINY_QWEN2, quantization_config: SETTINGS[packing] };
    const bytes = next() < 0.7 ? encode(damageJson(next, config)) : damage(next, encode(config));
    await readModel(new Map(FOLDERS[packing]).set('config.json', bytes));
  },
  index: async (next) => {
    const bytes = next() < 0.7 ? encode(damageJson(next, INDEX)) : damage(next, encode(INDEX));
    await readModel(new Map(SHARDS).set('model.safetensors.index.json', bytes));
  },
  adapter: async (next) => {
    const whole = next() < 0.5;
    const config = next() < 0.7 ? encode(damageJson(next, ADAPTER_CONFIG)) : damage(next, encode(ADAPTER_CONFIG));
    const files = new Map([
      ['adapter_config.json', bytesSource('m/adapter_config.json', whole ? config : encode(ADAPTER_CONFIG))],
      [
        'adapter_model.safetensors',
        bytesSource('m/adapter_model.safetensors', whole ? ADAPTER : damage(next, ADAPTER)),
      ],
    ]);
    const { modules } = await adapterFromSources('m', files);
    for (const { A, B, scale } of modules.values()) {
      expect(Number.isFinite(scale)).toBe(true);
      await readAll([A, B]);
    }
  },
  npy: async (next) => readNpy(damage(next, NPY), 'm'),
};

describe('damaged files', () => {
  const names = Object.keys(TARGETS);
  for (const [index, name] of names.entries())
    test(
      `${name}: a UserError or a success, for ${(SECONDS / names.length).toFixed(1)} s`,
      async () => {
        const memory = process.memoryUsage().rss;
        const end = performance.now() + (1000 * SECONDS) / names.length;
        let [refused, count] = [0, 0];
        // A slow machine gets through few inputs in its time: it goes on until one of them was accepted.
        for (; performance.now() < end || count < 50 || (refused === count && count < 2000); count++) {
          const input = `LACUNA_FUZZ_SEED=${SEED}, ${name}, input ${count}`;
          const start = performance.now();
          try {
            await TARGETS[name](uniform(SEED * 1_000_003 + index * 10_007 + count * 16));
          } catch (error) {
            if (!(error instanceof UserError)) throw new Error(`${input}: ${(error as Error).stack}`);
            if (!/^m[^\n]*$/.test(error.message) || error.message.length > 1000)
              throw new Error(`${input}: ${error.message}`);
            refused++;
          }
          if (performance.now() - start > SLOW_MS) throw new Error(`${input}: took ${performance.now() - start} ms`);
        }
        // Both outcomes must occur, or the damage is too harsh or too mild to test anything.
        expect(refused).toBeGreaterThan(count / 20);
        expect(refused).toBeLessThan(count);
        expect(process.memoryUsage().rss - memory).toBeLessThan(MEMORY_BYTES);
      },
      60_000 + SECONDS * 2000,
    );
});
