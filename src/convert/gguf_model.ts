/** A model as a GGUF file, int4 or int8 for the linears, after the names and conventions of llama.cpp's converter. */
import { basename } from 'node:path';
import { uniform } from '../data/random.ts';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import type { ModelConfig } from '../formats/config.ts';
import { encodeQ4_1, encodeQ8_0, type Q4Options, type RoundingError } from '../formats/ggml_encode.ts';
import { type GgufField, type GgufTensorToStream, ggufFile } from '../formats/gguf_write.ts';
import { narrow } from '../formats/narrow.ts';
import { permuteRows } from '../formats/permuted_rows.ts';
import { rowChunks } from '../formats/weight_rows.ts';
import { ggufName } from '../formats/weights_gguf.ts';
import { fromHalf } from '../half.ts';
import type { Calibration } from './calibration.ts';
import { ggufTokenizer } from './gguf_tokenizer.ts';
import { roundRows } from './gptq.ts';
import type { ModelSource } from './model_source.ts';
import type { LazyWeight, ModelWeights } from './weights.ts';

type WrittenType = 'Q4_1' | 'Q8_0' | 'F16' | 'F32';

export interface QuantizeOptions {
  /** How linears are stored. Default Q4_1. */
  readonly linears?: 'Q4_1' | 'Q8_0';
  /** How Q4_1 rounds: to the nearest level, or up as often as a weight lies high between two, seeded. Default nearest. */
  readonly rounding?: 'nearest' | 'stochastic';
  /** What the linears read: Q4_1 then rounds with regard to it, and `rounding` has no say. */
  readonly calibration?: Calibration;
  /** How embedding and head are stored; F16 where 32 does not divide the hidden size. Default Q8_0. */
  readonly embedding?: 'Q8_0' | 'F16';
  /** Weights written so far of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What one kind of tensor became: 'q_proj', 'embed_tokens'. */
export interface QuantizedClass {
  readonly type: WrittenType;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  /** √(Σ (w − ŵ)² / Σ w²) over all tensors of the kind. */
  readonly relativeRms: number;
}

/**
 * Writes `weights` as a model of `source`'s config and tokenizer: linears in Q4_1 or Q8_0, embedding and head in Q8_0 or
 * F16, norms and biases in F32. Gives what rounding cost, by kind of tensor. UserError where a weight does not fit.
 */
export async function writeGgufModel(
  path: string,
  source: ModelSource,
  weights: ModelWeights,
  options: QuantizeOptions = {},
): Promise<Map<string, QuantizedClass>> {
  const { config } = source.checkpoint;
  const classes = new Map<string, QuantizedClass & { error: RoundingError }>();
  const sizes = [...weights.values()].map(({ shape }) => product(shape));
  const total = sizes.reduce((a, b) => a + b, 0);
  let done = 0;
  const tensors = [...weights].map(([path, weight]) => {
    const type = typeFor(path, weight, options);
    const kind = path
      .split('.')
      .slice(path.endsWith('.bias') ? -2 : -1)
      .join('.');
    const known = classes.get(kind) ?? {
      type,
      tensors: 0,
      parameters: 0,
      bytes: 0,
      relativeRms: 0,
      error: { squared: 0, norm: 0, uniform: 0 },
    };
    const parameters = known.parameters + product(weight.shape);
    const { error } = known;
    classes.set(kind, { ...known, tensors: known.tensors + 1, parameters, bytes: bytesOf(type, parameters) });
    return stream(path, type, weight, config, options, error, (count) => {
      done += count;
      options.onProgress?.(done, total);
    });
  });
  const metadata = new Map([...modelFields(source, options), ...ggufTokenizer(source)]);
  await writeFiles([ggufFile(path, metadata, tensors)]);
  return new Map(
    [...classes].map(([kind, { error, ...rest }]) => [
      kind,
      { ...rest, relativeRms: error.norm > 0 ? Math.sqrt(error.squared / error.norm) : 0 },
    ]),
  );
}

/** Shares of Σ d² / 12 (normal weights: .72) between which weights have left an int4 file's levels, and by less than a step. */
const NEAR_LEVELS = [1e-3, 0.6] as const;
/** Rows of a linear that are looked at. */
const PROBED_ROWS = 64;

/**
 * Whether weights lie close to an int4 file's levels without lying on them, as those of a model that was trained from
 * one: the nearest Q4_1 levels are then the old ones. Told from some rows of the first, middle and last linear.
 */
export async function nearLevels(weights: ModelWeights): Promise<boolean> {
  const linears = [...weights].filter(([path, weight]) => typeFor(path, weight, {}) === 'Q4_1');
  const error: RoundingError = { squared: 0, norm: 0, uniform: 0 };
  for (const i of new Set([0, linears.length >> 1, linears.length - 1])) {
    const [path, weight] = linears[i] ?? [];
    if (!path || !weight) continue;
    const rows = await weight.open();
    encodeQ4_1(await rows.read(0, Math.min(PROBED_ROWS, weight.shape[0])), error, path);
  }
  const share = error.squared / error.uniform;
  return share > NEAR_LEVELS[0] && share < NEAR_LEVELS[1];
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

const bytesOf = (type: WrittenType, parameters: number) =>
  parameters * { Q4_1: 20 / 32, Q8_0: 34 / 32, F16: 2, F32: 4 }[type];

function typeFor(
  path: string,
  { shape }: LazyWeight,
  { embedding = 'Q8_0', linears = 'Q4_1' }: QuantizeOptions,
): WrittenType {
  if (shape.length === 1) return 'F32';
  if (shape[1] % 32 !== 0) return 'F16';
  return path === 'embed_tokens' || path === 'lm_head' ? embedding : linears;
}

function stream(
  path: string,
  type: WrittenType,
  weight: LazyWeight,
  config: ModelConfig,
  options: QuantizeOptions,
  error: RoundingError,
  onWritten: (count: number) => void,
): GgufTensorToStream {
  const isBias = path.endsWith('.bias');
  const name = `${ggufName(isBias ? path.slice(0, -'.bias'.length) : path)}.${isBias ? 'bias' : 'weight'}`;
  return {
    name,
    type,
    shape: weight.shape,
    async *data() {
      const opened = await weight.open();
      const interleaved = config.family === 'llama' && /\.[qk]_proj(\.bias)?$/.test(path);
      const rows = interleaved ? permuteRows(opened, config.headDim) : opened;
      const q4 = type === 'Q4_1' ? await roundingOf(path, options) : {};
      for (const { first, count } of rowChunks(rows)) {
        const values = await rows.read(first, first + count);
        yield encode(type, values, error, name, q4);
        onWritten(values.length);
      }
    },
  };
}

/** How a linear in Q4_1 is rounded. */
async function roundingOf(path: string, { calibration, rounding }: QuantizeOptions): Promise<Q4Options> {
  if (!calibration) return { random: rounding === 'stochastic' ? uniform(seedOf(path)) : undefined };
  const inputs = await calibration.of(path);
  return { importance: inputs.importance, visit: (values, level) => roundRows(inputs, values, level) };
}

/** The same numbers for a tensor wherever it stands in the file. */
const seedOf = (path: string) => [...path].reduce((hash, c) => (Math.imul(hash, 31) + c.charCodeAt(0)) | 0, 0);

function encode(
  type: WrittenType,
  values: Float32Array,
  error: RoundingError,
  name: string,
  q4: Q4Options,
): Uint8Array {
  if (type === 'Q4_1') return encodeQ4_1(values, error, name, q4);
  if (type === 'Q8_0') return encodeQ8_0(values, error, name);
  const stored = narrow(values, type, name);
  for (let i = 0; i < values.length; i++) {
    const kept = type === 'F16' ? fromHalf(stored[i]) : stored[i];
    error.squared += (values[i] - kept) ** 2;
    error.norm += values[i] ** 2;
  }
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** `general.*` and the architecture's own entries. */
function modelFields({ checkpoint }: ModelSource, { linears }: QuantizeOptions): Map<string, GgufField> {
  const { config } = checkpoint;
  const { family } = config;
  // llama.cpp's qwen2 takes q, k and v biases for granted, and its llama knows none on o.
  if (family === 'llama' && config.qkvBias)
    throw new UserError(`${checkpoint.name}: is a Llama model with biases, which GGUF readers do not know`);
  const fields: Record<string, GgufField> = {
    'general.architecture': ['string', family],
    'general.type': ['string', 'model'],
    'general.name': ['string', basename(checkpoint.name).replace(/\.gguf$/, '')],
    // "Mostly Q4_1", "mostly Q8_0" in llama.cpp's list.
    'general.file_type': ['u32', linears === 'Q8_0' ? 7 : 3],
    'general.quantization_version': ['u32', 2],
    [`${family}.block_count`]: ['u32', config.layers],
    [`${family}.context_length`]: ['u32', config.maxPositions],
    [`${family}.embedding_length`]: ['u32', config.hiddenSize],
    [`${family}.feed_forward_length`]: ['u32', config.ffnSize],
    [`${family}.attention.head_count`]: ['u32', config.heads],
    [`${family}.attention.head_count_kv`]: ['u32', config.kvHeads],
    [`${family}.attention.layer_norm_rms_epsilon`]: ['f32', config.rmsEps],
    [`${family}.attention.key_length`]: ['u32', config.headDim],
    [`${family}.attention.value_length`]: ['u32', config.headDim],
    [`${family}.rope.dimension_count`]: ['u32', config.headDim],
    [`${family}.rope.freq_base`]: ['f32', config.ropeTheta],
    [`${family}.vocab_size`]: ['u32', config.vocabSize],
  };
  return new Map(Object.entries(fields));
}
