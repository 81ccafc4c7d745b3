/**
 * A tokenizer as GGUF metadata, after llama.cpp's converter: tokens by id, merges, token types, the name of the
 * pre-tokenizer, and tokens with a role. The tokenizer.json goes along whole (a key of the specification that other
 * programs pass over), so that lacuna gives the very same ids as before.
 */
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import type { GgufField } from '../formats/gguf_write.ts';
import { quote } from '../formats/quote.ts';
import type { GgufValue } from '../formats/stored.ts';
import { defaultTemplate, parseObject, tokenContent } from '../model/tokenizer.ts';
import type { BpeModel } from '../model/tokenizer_bpe.ts';
import { type AddedToken, GPT2_SPLIT } from '../model/tokenizer_exact.ts';
import { PRE_TOKENIZERS, WHOLE_JSON } from '../model/tokenizer_gguf.ts';
import type { ModelSource } from './model_source.ts';

const TYPE = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/**
 * Every `tokenizer.*` entry for the model; none where it has no tokenizer. UserError where its tokenizer.json is not
 * byte-level BPE with words cut as one of the pre-tokenizers that GGUF has a name for.
 */
export function ggufTokenizer({ checkpoint, files }: ModelSource): Map<string, GgufField> {
  const { config, ggufMetadata, tokenizerJson, tokenizerConfig } = checkpoint;
  if (ggufMetadata) return copied(ggufMetadata);
  if (tokenizerJson === undefined) return new Map();
  const name = `${checkpoint.name}/tokenizer.json`;
  const json = parseObject(tokenizerJson, name);
  const model = json.model as (BpeModel & { type?: string }) | undefined;
  const added = (json.added_tokens ?? []) as AddedToken[];
  const stages = flatten(json.pre_tokenizer);
  if (!model?.vocab || !model.merges || model.byte_fallback || !stages.some(({ type }) => type === 'ByteLevel'))
    throw new UserError(`${name}: is not byte-level BPE; only that is written into a GGUF file`);

  const { tokens, types } = vocabulary(model.vocab, added, config.vocabSize, name);
  const settings = tokenizerConfig === undefined ? {} : parseObject(tokenizerConfig, 'tokenizer_config.json');
  const fields = new Map<string, GgufField>([
    ['tokenizer.ggml.model', ['string', 'gpt2']],
    ['tokenizer.ggml.pre', ['string', preTokenizerName(stages, name)]],
    ['tokenizer.ggml.tokens', ['strings', tokens]],
    ['tokenizer.ggml.token_type', ['i32s', types]],
    ['tokenizer.ggml.merges', ['strings', model.merges.map((m) => (typeof m === 'string' ? m : m.join(' ')))]],
  ]);
  const ids = new Map(tokens.map((token, id) => [token, id]));
  for (const [role, id] of Object.entries(roles(config, settings, ids)))
    if (id !== undefined) fields.set(`tokenizer.ggml.${role}_token_id`, ['u32', id]);
  fields.set('tokenizer.ggml.add_bos_token', ['bool', settings.add_bos_token === true]);
  const jinja = files.get('chat_template.jinja');
  const template = jinja ? new TextDecoder().decode(jinja) : defaultTemplate(settings.chat_template);
  if (template !== undefined) fields.set('tokenizer.chat_template', ['string', template]);
  fields.set(WHOLE_JSON, ['string', tokenizerJson]);
  return fields;
}

/** What a GGUF file says of its tokenizer, as it is. */
function copied(metadata: ReadonlyMap<string, GgufValue>): Map<string, GgufField> {
  const fields = new Map<string, GgufField>();
  for (const [key, value] of metadata) {
    if (!key.startsWith('tokenizer.')) continue;
    if (typeof value === 'string') fields.set(key, ['string', value]);
    else if (typeof value === 'boolean') fields.set(key, ['bool', value]);
    else if (typeof value === 'number') fields.set(key, ['u32', value]);
    else if (value instanceof Int32Array) fields.set(key, ['i32s', value]);
    else if (value instanceof Float32Array) fields.set(key, ['f32s', value]);
    else if (Array.isArray(value) && value.every((text) => typeof text === 'string'))
      fields.set(key, ['strings', value]);
  }
  return fields;
}

/** Tokens by id and their types, padded to the rows of the embedding as llama.cpp's converter does. */
function vocabulary(
  vocab: Readonly<Record<string, number>>,
  added: readonly AddedToken[],
  size: number,
  name: string,
): { tokens: string[]; types: Int32Array } {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(TYPE.unused);
  const put = (token: string, id: number, type: number) => {
    if (!(id < size))
      throw new UserError(`${name}: ${quote(token)} has id ${id}; the model's embedding has ${size} rows`);
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(vocab)) put(token, id, TYPE.normal);
  for (const { content, id, special } of added) put(content, id, special ? TYPE.control : TYPE.userDefined);
  return { tokens, types };
}

/** The ids of tokens with a role: by tokenizer_config.json, else by config.json. */
function roles(
  config: ModelConfig,
  settings: Readonly<Record<string, unknown>>,
  ids: ReadonlyMap<string, number>,
): Record<string, number | undefined> {
  const named = (key: string) => {
    const token = tokenContent(settings[key]);
    return token === undefined ? undefined : ids.get(token);
  };
  return {
    bos: named('bos_token') ?? config.bosId,
    eos: named('eos_token') ?? config.eosIds[0],
    unknown: named('unk_token'),
    padding: named('pad_token') ?? config.padId,
  };
}

interface Stage {
  readonly type?: string;
  readonly pattern?: { readonly Regex?: string };
  readonly individual_digits?: boolean;
  readonly use_regex?: boolean;
  readonly pretokenizers?: readonly Stage[];
}

function flatten(stage: unknown): Stage[] {
  const { type, pretokenizers } = (stage ?? {}) as Stage;
  return type === 'Sequence' ? (pretokenizers ?? []).flatMap(flatten) : [(stage ?? {}) as Stage];
}

/** `tokenizer.ggml.pre` for the stages that cut text into words. */
function preTokenizerName(stages: readonly Stage[], name: string): string {
  const cuts = stages.filter(({ type, use_regex }) => type !== 'ByteLevel' || use_regex !== false);
  const regexes = cuts.map(({ type, pattern, individual_digits }) => {
    if (type === 'ByteLevel') return GPT2_SPLIT;
    if (type === 'Digits' && individual_digits) return 'digits';
    return type === 'Split' ? pattern?.Regex : undefined;
  });
  const digitsFirst = regexes.length === 2 && regexes[0] === 'digits';
  const found = [...PRE_TOKENIZERS].find(
    ([, { split, original }]) =>
      split === regexes.at(-1) &&
      regexes.length === (digitsFirst ? 2 : 1) &&
      (original?.digitsFirst ?? false) === digitsFirst,
  );
  if (!found)
    throw new UserError(
      `${name}: its pre_tokenizer has no name that GGUF readers know; ${[...PRE_TOKENIZERS.keys()].join(', ')} have`,
    );
  return found[0];
}
