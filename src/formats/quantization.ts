/**
 * How the linears of a safetensors model are quantised: `quantization_config` of config.json, or the files that
 * older tools wrote beside it (quantize_config.json of AutoGPTQ, quant_config.json of AutoAWQ).
 */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';
import { check } from './schema.ts';

/** The settings of a 4-bit model that its linears share. */
export type Quantization =
  | {
      readonly method: 'gptq';
      /** Consecutive inputs that share a scale (in act-order: as many, anywhere); −1 means all inputs of a layer. */
      readonly groupSize: number;
      /** What is added to a stored zero: 1 in version 1, 0 in version 2. */
      readonly zeroBias: 0 | 1;
    }
  | { readonly method: 'awq'; readonly groupSize: number };

const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);
const groupSize = z.union(
  [
    z.literal(-1),
    z
      .int()
      .min(1)
      .max(1 << 20),
  ],
  '−1 or a positive whole number is needed',
);

const METHOD = z.looseObject({
  quant_method: optional(z.string()),
  bits: optional(z.number()),
  w_bit: optional(z.number()),
  zero_point: optional(z.boolean()),
});

const GPTQ = z.looseObject({
  bits: z.number(),
  group_size: groupSize,
  desc_act: optional(z.boolean()),
  sym: optional(z.boolean()),
  checkpoint_format: optional(z.string()),
  format: optional(z.string()),
  is_marlin_format: optional(z.boolean()),
  pack_dtype: optional(z.string()),
  dynamic: optional(z.record(z.string(), z.unknown())),
});

const AWQ = z.looseObject({
  bits: optional(z.number()),
  w_bit: optional(z.number()),
  group_size: optional(groupSize),
  q_group_size: optional(groupSize),
  zero_point: optional(z.boolean()),
  version: optional(z.string()),
});

/** Reads a quantization config; `file` opens every error. UserError for all but 4-bit GPTQ and AWQ GEMM. */
export function readQuantization(json: unknown, file: string): Quantization {
  const { quant_method, bits, w_bit, zero_point } = check(METHOD, json, file);
  // AutoGPTQ and AutoAWQ did not name themselves in their own files.
  const method = quant_method ?? (w_bit !== undefined || zero_point !== undefined ? 'awq' : bits ? 'gptq' : undefined);
  if (method === 'gptq') return gptq(check(GPTQ, json, file), file);
  if (method === 'awq') return awq(check(AWQ, json, file), file);
  throw new UserError(
    `${file}: quantisation by ${quote(method ?? null)} is not supported; supported are gptq and awq, 4 bit, or an unquantised model`,
  );
}

function gptq(config: z.output<typeof GPTQ>, file: string): Quantization {
  if (config.bits !== 4) throw new UserError(`${file}: GPTQ of ${config.bits} bits is not supported; only 4 bit is`);
  const format = config.is_marlin_format ? 'marlin' : (config.checkpoint_format ?? config.format ?? 'gptq');
  if (format !== 'gptq' && format !== 'gptq_v2')
    throw new UserError(`${file}: the GPTQ format ${quote(format)} is not supported; supported are gptq and gptq_v2`);
  if ((config.pack_dtype ?? 'int32') !== 'int32')
    throw new UserError(`${file}: pack_dtype ${quote(config.pack_dtype)} is not supported; only int32 is`);
  const [pattern] = Object.keys(config.dynamic ?? {});
  if (pattern !== undefined)
    throw new UserError(
      `${file}: settings of its own for some layers (dynamic: ${quote(pattern)}) are not supported; use a model quantised alike throughout`,
    );
  return { method: 'gptq', groupSize: config.group_size, zeroBias: format === 'gptq' ? 1 : 0 };
}

function awq(config: z.output<typeof AWQ>, file: string): Quantization {
  const bits = config.bits ?? config.w_bit;
  if (bits !== 4) throw new UserError(`${file}: AWQ of ${quote(bits ?? null)} bits is not supported; only 4 bit is`);
  const version = (config.version ?? 'gemm').toLowerCase();
  if (version !== 'gemm')
    throw new UserError(`${file}: the AWQ version ${quote(version)} is not supported; only GEMM is`);
  if (config.zero_point === false)
    throw new UserError(`${file}: AWQ without zero points is not supported; use zero_point true`);
  const groupSize = config.group_size ?? config.q_group_size;
  if (groupSize === undefined) throw new UserError(`${file}: AWQ without a group_size`);
  return { method: 'awq', groupSize };
}
