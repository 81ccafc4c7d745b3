/** Rank and alpha of a LoRA module: the config's, or those of the first pattern that its name matches, as in PEFT. */
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';

/** The part of adapter_config.json that decides rank and scale. */
export interface ScaleConfig {
  readonly r?: number | null;
  readonly lora_alpha?: number | null;
  readonly use_rslora?: boolean | null;
  /** Module name, its end, or a regular expression for its end → rank, alpha. */
  readonly rank_pattern?: Readonly<Record<string, number>> | null;
  readonly alpha_pattern?: Readonly<Record<string, number>> | null;
}

/** The rank of a module ('model.layers.0.self_attn.q_proj'); `file` opens every error. */
export function rankOf(config: ScaleConfig, module: string, file: string): number {
  return lookUp(config.rank_pattern, module, `${file}: rank_pattern`) ?? config.r ?? 8;
}

/** The alpha of a module; `file` opens every error. */
export function alphaOf(config: ScaleConfig, module: string, file: string): number {
  return lookUp(config.alpha_pattern, module, `${file}: alpha_pattern`) ?? config.lora_alpha ?? 8;
}

const MAX_PATTERNS = 10_000;

function lookUp(
  patterns: Readonly<Record<string, number>> | null | undefined,
  module: string,
  where: string,
): number | undefined {
  const entries = Object.entries(patterns ?? {});
  if (entries.length > MAX_PATTERNS)
    throw new UserError(`${where}: has ${entries.length} entries; at most ${MAX_PATTERNS} are read`);
  return entries.find(([pattern]) => matches(pattern, module, where))?.[1];
}

/** PEFT's rule: the pattern, as a regular expression, is all of the name or what follows one of its dots. */
function matches(pattern: string, module: string, where: string): boolean {
  if (/^[\w.]+$/.test(pattern)) return module === pattern || module.endsWith(`.${pattern}`);
  // The pattern is from a file: a quantified group or many quantifiers may make matching take for ever.
  const quantifiers = pattern.match(/[*+?{]/g)?.length ?? 0;
  if (/\)[*+{]/.test(pattern) || quantifiers > 3 || pattern.length > 300)
    throw new UserError(`${where}: the pattern ${quote(pattern)} is too complicated; name the modules instead`);
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(module);
  } catch {
    throw new UserError(`${where}: ${quote(pattern)} is not a regular expression`);
  }
}
