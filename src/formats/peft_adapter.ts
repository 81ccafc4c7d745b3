/**
 * PEFT's LoRA adapters (adapter_config.json and adapter_model.safetensors), from and to bytes: y = W x + s·B(A x).
 * Only the tensors in the file count; the config is checked against them, and a setting that would make PEFT compute
 * something else is refused. peft.ts reads and writes the folder.
 */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { readJson } from './bytes_source.ts';
import type { ModelConfig } from './config.ts';
import { LAYER_LINEARS, linearShapes } from './decoder_paths.ts';
import { type FloatDtype, narrow } from './narrow.ts';
import { alphaOf, rankOf, type ScaleConfig } from './peft_scale.ts';
import { quote } from './quote.ts';
import { readSafetensors, serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import { check } from './schema.ts';
import { seemsToBe } from './sniff.ts';
import type { ByteSource } from './source.ts';
import type { TensorInfo } from './tensor.ts';

export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
export const ADAPTER_PICKLE = 'adapter_model.bin';

/** adapter_config.json as it is in the file, keys unknown to us included, so that they survive a round trip. */
export interface AdapterConfig extends ScaleConfig {
  readonly peft_type: 'LORA';
  readonly target_modules?: string | readonly string[] | null;
  readonly lora_dropout?: number | null;
  readonly task_type?: string | null;
  readonly base_model_name_or_path?: string | null;
  readonly [key: string]: unknown;
}

/** One adapted linear. */
export interface LoraTensors {
  /** [r, K] and [N, r]; F32, F16 or BF16. */
  readonly A: TensorInfo;
  readonly B: TensorInfo;
  readonly r: number;
  /** s in y = W x + s·B(A x): alpha/r, or alpha/√r with use_rslora. */
  readonly scale: number;
}

/** An adapter whose tensors can be read until it is closed. */
export interface Adapter {
  readonly name: string;
  readonly config: AdapterConfig;
  /** The scale of modules without a pattern of their own. */
  readonly scale: number;
  /** By canonical path: 'layers.3.self_attn.q_proj', 'lm_head'. */
  readonly modules: ReadonlyMap<string, LoraTensors>;
  close(): Promise<void>;
}

const patterns = z.record(z.string(), z.number()).nullish();
const schema = z.looseObject({
  peft_type: z.string(),
  r: z.int().min(1).max(65536).nullish(),
  lora_alpha: z.number().nullish(),
  lora_dropout: z.number().min(0).max(1).nullish(),
  use_rslora: z.boolean().nullish(),
  target_modules: z
    .union([z.string(), z.array(z.string())], 'a list of names, a pattern or "all-linear" is needed')
    .nullish(),
  rank_pattern: patterns,
  alpha_pattern: patterns,
  bias: z.string().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  task_type: z.string().nullish(),
  base_model_name_or_path: z.string().nullish(),
});

/** Variants of LoRA that compute something else than W x + s·B(A x), by the key that turns them on. */
const VARIANTS: Readonly<Record<string, string>> = {
  use_dora: 'DoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'BD-LoRA',
  lora_bias: 'a bias of the adapter',
  fan_in_fan_out: 'fan_in_fan_out',
  modules_to_save: 'modules trained whole',
  layer_replication: 'layer replication',
  trainable_token_indices: 'trained tokens',
  target_parameters: 'target_parameters',
  alora_invocation_tokens: 'activated LoRA',
  arrow_config: 'arrow routing',
  kasa_config: 'KaSA',
  monteclora_config: 'Monteclora',
};

/** Ways of initialising an adapter that change the base model's weights as well. */
const BASE_CHANGING_INIT = /^(pissa|olora|corda|loftq|lora_ga)/;

/**
 * An adapter from the files of its folder. With `base`, modules and shapes are checked against that model. UserError
 * where a tensor or setting is damaged, missing or not supported.
 */
export async function adapterFromSources(
  name: string,
  files: ReadonlyMap<string, ByteSource>,
  base?: ModelConfig,
): Promise<Omit<Adapter, 'close'>> {
  const configFile = files.get(ADAPTER_CONFIG);
  if (!configFile) throw new UserError(`${name}: has no ${ADAPTER_CONFIG}; is it a PEFT adapter?`);
  const json = await readJson(configFile);
  check(schema, json, configFile.name);
  const config = json as AdapterConfig;
  refuseVariants(config, configFile.name);

  const weightsFile = files.get(ADAPTER_WEIGHTS);
  if (!weightsFile) {
    const pickle = files.get(ADAPTER_PICKLE);
    if (!pickle) throw new UserError(`${name}: has no ${ADAPTER_WEIGHTS}`);
    const found = seemsToBe(await pickle.read(0, Math.min(pickle.size, 64)));
    throw new UserError(
      `${pickle.name}: is ${found ?? 'of unknown kind'}, which is not read; load it in PEFT and save_pretrained(…, safe_serialization=True)`,
    );
  }
  const tensors = await readSafetensors(weightsFile);
  const modules = pairUp(tensors, config, weightsFile.name, configFile.name);
  if (base) checkBase(modules, base, weightsFile.name);
  checkTargets(config, modules, name);
  const r = config.r ?? 8;
  return { name, config, scale: scaleOf(config, config.lora_alpha ?? 8, r), modules };
}

function refuseVariants(config: AdapterConfig, file: string): void {
  if (config.peft_type !== 'LORA')
    throw new UserError(`${file}: peft_type ${quote(config.peft_type)} is not supported; only LORA is`);
  for (const [key, what] of Object.entries(VARIANTS)) {
    const value = config[key];
    const isOff =
      value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
    if (!isOff) throw new UserError(`${file}: ${what} (${key}) is not supported; only plain LoRA is`);
  }
  if ((config.bias ?? 'none') !== 'none')
    throw new UserError(`${file}: bias ${quote(config.bias)} is not supported; only "none" is`);
  const init = config.init_lora_weights;
  if (typeof init === 'string' && BASE_CHANGING_INIT.test(init.toLowerCase()))
    throw new UserError(
      `${file}: init_lora_weights ${quote(init)} changes the base model too; save the adapter with path_initial_model_for_weight_conversion`,
    );
}

const KEY = /^base_model\.model\.(?:model\.)?(.+)\.lora_([AB])\.weight$/;
const KNOWN = new RegExp(
  `^(?:layers\\.(?:0|[1-9]\\d{0,3})\\.(?:${LAYER_LINEARS.join('|').replaceAll('.', '\\.')})|lm_head)$`,
);

function pairUp(
  tensors: ReadonlyMap<string, TensorInfo>,
  config: AdapterConfig,
  file: string,
  configFile: string,
): Map<string, LoraTensors> {
  const halves = new Map<string, { name: string; A?: TensorInfo; B?: TensorInfo }>();
  for (const [name, tensor] of tensors) {
    const match = KEY.exec(name);
    if (!match || !KNOWN.test(match[1]))
      throw new UserError(`${file}: ${quote(name)} belongs to no linear of a Qwen2 or Llama model`);
    const path = match[1];
    // PEFT's patterns see the module as the base model names it, "model." included.
    const half = halves.get(path) ?? { name: name.slice('base_model.model.'.length, name.indexOf('.lora_')) };
    const side = match[2] as 'A' | 'B';
    if (half[side]) throw new UserError(`${file}: ${path} is there twice, with and without "model."`);
    if (!['F32', 'F16', 'BF16'].includes(tensor.dtype) || tensor.shape.length !== 2)
      throw new UserError(
        `${file}: ${quote(name)} is ${tensor.dtype} ${quote(tensor.shape)}; a matrix of F32, F16 or BF16 was expected`,
      );
    half[side] = tensor;
    halves.set(path, half);
  }
  const modules = new Map<string, LoraTensors>();
  for (const [path, { name, A, B }] of halves) {
    if (!A || !B) throw new UserError(`${file}: ${path} has lora_${A ? 'A' : 'B'} but no lora_${A ? 'B' : 'A'}`);
    const r = rankOf(config, name, configFile);
    if (r < 1 || A.shape[0] !== r || B.shape[1] !== r)
      throw new UserError(
        `${file}: ${path} has A ${quote(A.shape)} and B ${quote(B.shape)}; with rank ${r} from ${ADAPTER_CONFIG} they are [${r}, in] and [out, ${r}]`,
      );
    modules.set(path, { A, B, r, scale: scaleOf(config, alphaOf(config, name, configFile), r) });
  }
  return modules;
}

function scaleOf(config: AdapterConfig, alpha: number, r: number): number {
  return alpha / (config.use_rslora ? Math.sqrt(r) : r);
}

/** A target that the config lists and no layer has: the file is not the one that the config describes. */
function checkTargets(
  { target_modules: targets }: AdapterConfig,
  modules: ReadonlyMap<string, LoraTensors>,
  name: string,
): void {
  if (modules.size === 0) throw new UserError(`${name}: ${ADAPTER_WEIGHTS} has no tensors`);
  // A pattern is not evaluated: only the keys in the file count, and a regex from a file may never return.
  const names = targets === 'all-linear' ? LAYER_LINEARS : typeof targets === 'string' ? [] : (targets ?? []);
  const paths = [...modules.keys()].map((path) => `.model.${path}`);
  for (const target of names)
    if (!paths.some((path) => path.endsWith(`.${target}`)))
      throw new UserError(
        `${name}: ${ADAPTER_CONFIG} targets ${quote(target)}, but ${ADAPTER_WEIGHTS} has no tensors for it`,
      );
}

function checkBase(modules: ReadonlyMap<string, LoraTensors>, base: ModelConfig, file: string): void {
  const shapes = linearShapes(base);
  for (const [path, { A, B }] of modules) {
    const shape = path === 'lm_head' ? { N: base.vocabSize, K: base.hiddenSize } : shapes.get(path);
    if (!shape) throw new UserError(`${file}: ${path} is not in the model, which has ${base.layers} layers`);
    if (A.shape[1] !== shape.K || B.shape[0] !== shape.N)
      throw new UserError(
        `${file}: ${path} is for ${A.shape[1]} inputs and ${B.shape[0]} outputs; the model has ${shape.K} and ${shape.N}: it was trained on another model`,
      );
  }
}

/** An adapter to be written: f32 matrices by canonical path, row-major. */
export interface AdapterToWrite {
  readonly config: AdapterConfig;
  /** A [r, in], B [out, r]. */
  readonly modules: ReadonlyMap<string, { readonly A: Float32Array; readonly B: Float32Array; readonly r: number }>;
  readonly dtype?: FloatDtype;
  /** Whether keys are those of a causal LM ('model.layers…') or of its bare model; by default as task_type says. */
  readonly causalLm?: boolean;
}

/** The two files of an adapter. UserError where a number is not finite in the dtype. */
export function serializeAdapter(adapter: AdapterToWrite): { config: string; weights: Uint8Array<ArrayBuffer> } {
  const { config, dtype = 'F32', causalLm = config.task_type === 'CAUSAL_LM' } = adapter;
  const tensors: TensorToWrite[] = [];
  for (const [path, { A, B, r }] of adapter.modules) {
    const prefix = `base_model.model.${causalLm && path !== 'lm_head' ? 'model.' : ''}${path}`;
    for (const [side, values, shape] of [
      ['A', A, [r, A.length / r]],
      ['B', B, [B.length / r, r]],
    ] as const) {
      const name = `${prefix}.lora_${side}.weight`;
      tensors.push({ name, dtype, shape, data: narrow(values, dtype, name) });
    }
  }
  return { config: `${JSON.stringify(config, null, 2)}\n`, weights: serializeSafetensors(tensors, { format: 'pt' }) };
}
