/**
 * Every setting of a training run by name: what it means, what it may be, and `--set name=value` with an answer to
 * whatever is wrong. src/exp/ says what the experiments set it to.
 */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { quote } from '../formats/quote.ts';
import { check } from '../formats/schema.ts';

const atLeast = (n: number) => `must be at least ${n}`;
const atMost = (n: number) => `must be at most ${n}`;
const whole = (least: number, most: number) =>
  z.int('must be a whole number').min(least, atLeast(least)).max(most, atMost(most));
const number = (least: number, most: number) =>
  z.number('must be a number').min(least, atLeast(least)).max(most, atMost(most));
const share = () => z.number('must be a number').min(0, atLeast(0)).lt(1, 'must be below 1');
const oneOf = <T extends string>(...names: T[]) => z.enum(names, `must be one of ${names.join(', ')}`);

const SCHEMA = z.strictObject({
  lr: number(0, 10).describe('the highest learning rate'),
  epochs: whole(1, 10_000).describe('passes over the training rows'),
  batch: whole(1, 4096).describe('queries a step'),
  negatives: z
    .union([z.literal('all'), whole(0, 1_000_000)], 'must be a whole number or all')
    .describe('passages a step beside the positives of its queries, or all'),
  pool: oneOf('positives', 'all').describe("where negatives come from: this fold's positives, or all the taxonomy"),
  hardNegatives: whole(0, 1000).describe(
    'of them, how many a query the current model picks, mined anew every epoch (0: none)',
  ),
  examples: share()
    .default(0)
    .describe(
      'share of a step’s positives that another training question with the label stands for, instead of the name',
    ),
  rank: whole(1, 1024).describe('rank of the LoRA matrices'),
  alpha: number(1e-6, 1e6).describe('LoRA updates are scaled by alpha / rank'),
  rslora: z.boolean('must be true or false').describe('scale them by alpha / sqrt(rank) instead'),
  dropout: share().describe("share of a LoRA module's inputs that a step leaves out"),
  targets: z
    .array(oneOf('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'))
    .min(1, 'must name a linear')
    .refine((names) => new Set(names).size === names.length, 'names a linear twice')
    .describe('linears that get LoRA matrices, separated by commas'),
  queryLength: whole(1, 1 << 20).describe('tokens of a query kept in training'),
  passageLength: whole(1, 1 << 20).describe('tokens of a passage kept in training'),
  evalLength: whole(1, 1 << 20).describe('tokens of either kept when ranking'),
  warmup: number(0, 1).describe('share of the steps over which the learning rate rises from 0'),
  weightDecay: number(0, 1).describe('each step shrinks the trained weights by lr times this'),
  beta1: share().describe("decay of AdamW's mean of gradients"),
  beta2: share().describe("decay of AdamW's mean of squared gradients"),
  eps: number(1e-30, 1).describe("added to the root in AdamW's quotient"),
  clip: number(0, 1e9).describe('the norm that gradients are clipped to (0: not clipped)'),
  scale: number(1e-3, 1e4).describe('what cosines are multiplied by before the softmax'),
  seed: whole(0, Number.MAX_SAFE_INTEGER).describe('of the shuffles, the dropout and new LoRA matrices'),
});

export type Settings = z.infer<typeof SCHEMA>;
export type SettingName = keyof Settings;

/** The names of all settings, in the order of the documentation. */
export const settingNames = Object.keys(SCHEMA.shape) as SettingName[];

/** What a setting means, in half a sentence. */
export const describeSetting = (name: SettingName): string => SCHEMA.shape[name].description!;

/**
 * `base` changed by assignments "name=value", the later winning. Throws a UserError of one line for an unknown
 * name (with the one that was meant), a value that is none, or one outside its range.
 */
export function applySettings(base: Settings, assignments: readonly string[]): Settings {
  const changed: Record<string, unknown> = { ...base };
  for (const assignment of assignments) {
    const at = assignment.indexOf('=');
    if (at < 1) throw new UserError(`--set ${quote(assignment)}: must be name=value, such as lr=1e-3`);
    const name = settingNamed(assignment.slice(0, at).trim());
    const text = assignment.slice(at + 1).trim();
    const result = SCHEMA.shape[name].safeParse(parseValue(text, base[name]));
    if (!result.success) throw new UserError(`--set ${name}=${text.slice(0, 100)}: ${result.error.issues[0].message}`);
    changed[name] = result.data;
  }
  return changed as Settings;
}

/** Settings that a run wrote down, checked again; `file` opens every error. */
export function checkSettings(value: unknown, file: string): Settings {
  return check(SCHEMA, value, file);
}

/** A fold that the data has. Throws a UserError that lists those there are. */
export function checkFold(fold: number, folds: readonly number[]): number {
  if (!folds.includes(fold)) throw new UserError(`--fold ${fold}: the data has the folds ${folds.join(', ')}`);
  return fold;
}

function settingNamed(text: string): SettingName {
  const known = settingNames.find((name) => name === text);
  if (known) return known;
  const close = closest(text, settingNames);
  const all = `the settings are ${settingNames.join(', ')}`;
  throw new UserError(`--set ${text.slice(0, 100)}: no such setting; ${close ? `did you mean ${close}?` : all}`);
}

/** The text as the kind of value that it looks like, or a list where there was one; the schema refuses what does not fit. */
function parseValue(text: string, usual: Settings[SettingName]): unknown {
  if (Array.isArray(usual)) return text.split(',').map((part) => part.trim());
  if (text === 'true' || text === 'false') return text === 'true';
  return asNumber(text) ?? text;
}

/** Number() also takes blanks, hexadecimal and Infinity for numbers. */
const asNumber = (text: string): number | undefined =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;

/** The name that is meant: equal but for capitals and dashes, or a few typing errors away. */
function closest(text: string, names: readonly SettingName[]): SettingName | undefined {
  const plain = (name: string) => name.slice(0, 40).toLowerCase().replace(/[-_]/g, '');
  const wanted = plain(text);
  const byDistance = names
    .map((name) => ({ name, distance: editDistance(wanted, plain(name)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = byDistance;
  return best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Insertions, deletions and replacements between two words (Levenshtein 1966). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}
