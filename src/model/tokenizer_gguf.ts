/**
 * A GGUF file has no tokenizer.json: it holds tokens, merges or scores, token types, and the name of its
 * pre-tokenizer. This file rebuilds the tokenizer.json from them, as transformers does (`AutoTokenizer` with
 * `gguf_file`), so that ids agree with the witness that every golden number here comes from.
 */
import { UserError } from '../errors.ts';
import { buildTokenizer, parseObject, type Tokenizer } from './tokenizer.ts';
import { type AddedToken, GPT2_SPLIT, splitStage } from './tokenizer_exact.ts';

const LLAMA3_SPLIT = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN2_SPLIT = LLAMA3_SPLIT.replace('{1,3}', '');

/**
 * How a byte-level vocabulary cuts text into words, by `tokenizer.ggml.pre`. `original` is what the model was trained
 * with where transformers' reading of a GGUF file leaves something out.
 */
export interface PreTokenizer {
  split: string;
  original?: { digitsFirst?: true; nfc?: true; wholeWordsFirst?: true };
}

const GPT2: PreTokenizer = { split: GPT2_SPLIT };
const GPT2_DIGITS: PreTokenizer = { split: GPT2_SPLIT, original: { digitsFirst: true } };
const LLAMA3: PreTokenizer = { split: LLAMA3_SPLIT, original: { wholeWordsFirst: true } };
const QWEN2: PreTokenizer = { split: QWEN2_SPLIT, original: { nfc: true } };

export const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ['default', GPT2],
  ['gpt-2', GPT2],
  ['smollm', GPT2_DIGITS],
  ['qwen2', QWEN2],
  ['deepseek-r1-qwen', QWEN2],
  ['llama-bpe', LLAMA3],
  ['llama3', LLAMA3],
  ['llama-v3', LLAMA3],
  ['falcon3', LLAMA3],
]);

export interface GgufTokenizerOptions {
  /** What errors call the file. */
  name?: string;
  /**
   * `transformers` (default): ids equal to `AutoTokenizer.from_pretrained(dir, gguf_file=…)`. `original`: as the
   * model's own tokenizer.json does it, where that differs: SmolLM2 cuts digits off before all else, Qwen2 normalises
   * to NFC, Llama 3 takes a word that is a token whole. Seldom a difference: spaces in a row before a digit, say.
   */
  reading?: 'transformers' | 'original';
}

const NAME = 'GGUF metadata';

/** The key of the GGUF specification under which a file may hold its model's tokenizer.json, whole. */
export const WHOLE_JSON = 'tokenizer.huggingface.json';

/** `tokenizer.ggml.token_type`. */
const CONTROL = 3;
const USER_DEFINED = 4;

/**
 * The tokenizer inside a GGUF file, from its metadata by key: byte-level BPE (`tokenizer.ggml.model` = `gpt2`) or
 * SentencePiece's BPE (`llama`). Throws a UserError that names the key where something is missing or unknown.
 */
export function tokenizerFromGguf(
  metadata: Readonly<Record<string, unknown>>,
  options: GgufTokenizerOptions = {},
): Tokenizer {
  const description = tokenizerJsonFromGguf(metadata, options);
  const template = metadata['tokenizer.chat_template'];
  return buildTokenizer(description, {
    name: options.name ?? NAME,
    eosIds: ['eos', 'eot', 'eom']
      .map((role) => metadata[`tokenizer.ggml.${role}_token_id`])
      .filter((id) => id !== undefined)
      .map(Number),
    chatTemplate: typeof template === 'string' ? template : undefined,
  });
}

/**
 * The same tokenizer as an object with tokenizer.json's structure, for programs that read that. A file that holds the
 * tokenizer.json itself, as `lacuna quantize` writes it, is taken at its word whatever the reading.
 */
export function tokenizerJsonFromGguf(
  metadata: Readonly<Record<string, unknown>>,
  { name = NAME, reading = 'transformers' }: GgufTokenizerOptions = {},
): Record<string, unknown> {
  const whole = metadata[WHOLE_JSON];
  if (typeof whole === 'string') return parseObject(whole, `${name}: ${WHOLE_JSON}`);
  const vocabulary = readVocabulary(metadata, name);
  switch (vocabulary.kind) {
    case 'gpt2':
      return byteLevel(vocabulary, metadata, name, reading === 'original');
    case 'llama':
      return sentencePiece(vocabulary, metadata, name, reading === 'original');
    default:
      throw new UserError(
        `${name}: tokenizer.ggml.model ${JSON.stringify(vocabulary.kind)} is not supported: gpt2 and llama are; use the model's safetensors with its tokenizer.json`,
      );
  }
}

interface Vocabulary {
  kind: unknown;
  tokens: readonly string[];
  types: ArrayLike<number>;
}

function readVocabulary(metadata: Readonly<Record<string, unknown>>, name: string): Vocabulary {
  const kind = metadata['tokenizer.ggml.model'];
  if (kind === undefined) throw new UserError(`${name}: no tokenizer.ggml.model: the file holds no tokenizer`);
  const tokens = strings(metadata, 'tokenizer.ggml.tokens', name);
  if (tokens === undefined || tokens.length === 0) throw new UserError(`${name}: tokenizer.ggml.tokens is missing`);
  const types = numbers(metadata, 'tokenizer.ggml.token_type', name) ?? [];
  if (types.length !== 0 && types.length !== tokens.length)
    throw new UserError(`${name}: tokenizer.ggml.token_type has ${types.length} entries for ${tokens.length} tokens`);
  return { kind, tokens, types };
}

function byteLevel(
  vocabulary: Vocabulary,
  metadata: Readonly<Record<string, unknown>>,
  name: string,
  original: boolean,
): Record<string, unknown> {
  const { tokens } = vocabulary;
  const pre = metadata['tokenizer.ggml.pre'] ?? 'default';
  const words = PRE_TOKENIZERS.get(String(pre));
  if (words === undefined)
    throw new UserError(
      `${name}: tokenizer.ggml.pre ${JSON.stringify(pre)} is not known: ${[...PRE_TOKENIZERS.keys()].join(', ')} are`,
    );
  const merges = strings(metadata, 'tokenizer.ggml.merges', name);
  if (merges === undefined) throw new UserError(`${name}: tokenizer.ggml.merges is missing, byte-level BPE needs it`);

  // Every real token is spelt in GPT-2's alphabet of 256 characters; a few files spell added tokens plainly.
  const alphabet = byteAlphabet();
  const letters = new Set(alphabet);
  const spelt = (token: string) => [...token].every((c) => letters.has(c));
  const utf8 = new TextEncoder();
  const spell = (token: string) => (spelt(token) ? token : Array.from(utf8.encode(token), (b) => alphabet[b]).join(''));
  const vocab = indexed(tokens.map(spell));

  // Without the model's own say transformers leaves these steps out, and so do the goldens.
  const extra = original ? words.original : undefined;
  return {
    version: '1.0',
    normalizer: extra?.nfc ? { type: 'NFC' } : null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...(extra?.digitsFirst ? [{ type: 'Digits', individual_digits: true }] : []),
        splitStage(words.split),
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    added_tokens: addedTokens(vocabulary, vocab, metadata, ['<|endoftext|>'], spelt),
    model: {
      type: 'BPE',
      vocab,
      merges,
      ignore_merges: extra?.wholeWordsFirst ?? false,
    },
  };
}

function sentencePiece(
  vocabulary: Vocabulary,
  metadata: Readonly<Record<string, unknown>>,
  name: string,
  original: boolean,
): Record<string, unknown> {
  const { tokens } = vocabulary;
  const vocab = indexed(tokens);
  const merges = strings(metadata, 'tokenizer.ggml.merges', name);
  const scores = numbers(metadata, 'tokenizer.ggml.scores', name);
  if (merges === undefined && scores?.length !== tokens.length)
    throw new UserError(
      `${name}: tokenizer.ggml.scores has ${scores?.length ?? 0} entries for ${tokens.length} tokens`,
    );
  const prefix = !(original && metadata['tokenizer.ggml.add_space_prefix'] === false);
  return {
    version: '1.0',
    normalizer: null,
    post_processor: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: prefix ? 'first' : 'never', split: false },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    added_tokens: addedTokens(vocabulary, vocab, metadata, ['<unk>', '<s>', '</s>']),
    model: {
      type: 'BPE',
      vocab,
      merges: merges ?? mergesFromScores(tokens, scores!, vocab),
      byte_fallback: true,
    },
  };
}

/**
 * The merges that a SentencePiece vocabulary implies: every way to cut a token into two tokens, best score first. Of
 * equal scores the longer left part, then the longer right part, then the lower ids come first.
 */
function mergesFromScores(
  tokens: readonly string[],
  scores: ArrayLike<number>,
  vocab: Readonly<Record<string, number>>,
): [string, string][] {
  const scoreOf = new Map(tokens.map((token, i) => [token, scores[i]]));
  const merges: { left: string; right: string; score: number; leftLength: number; rightLength: number }[] = [];
  for (const [token, score] of scoreOf) {
    const letters = [...token];
    const cuts: typeof merges = [];
    let left = '';
    for (let i = 1; i < letters.length; i++) {
      left += letters[i - 1];
      const right = token.slice(left.length);
      if (vocab[left] !== undefined && vocab[right] !== undefined)
        cuts.push({ left, right, score, leftLength: i, rightLength: letters.length - i });
    }
    cuts.sort((a, b) => vocab[a.left] - vocab[b.left] || vocab[a.right] - vocab[b.right]);
    for (const merge of cuts) merges.push(merge);
  }
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength);
  return merges.map(({ left, right }) => [left, right]);
}

/**
 * Tokens matched in the text before BPE: control tokens, user-defined ones, those with a role in the metadata, and
 * `usual`, the family's own. `isReal` rejects what the file marks as control but spells outside its own alphabet,
 * which is a converter's mistake.
 */
function addedTokens(
  { tokens, types }: Vocabulary,
  vocab: Readonly<Record<string, number>>,
  metadata: Readonly<Record<string, unknown>>,
  usual: readonly string[],
  isReal: (token: string) => boolean = () => true,
): AddedToken[] {
  const roles = new Set(usual.map((token) => vocab[token]));
  for (const role of ['bos', 'eos', 'unknown', 'padding']) {
    const id = metadata[`tokenizer.ggml.${role}_token_id`];
    if (id !== undefined) roles.add(Number(id));
  }
  const added = new Map<number, AddedToken>();
  tokens.forEach((content, i) => {
    const special = (types[i] === CONTROL && isReal(content)) || roles.has(i);
    const id = vocab[content];
    if (id !== undefined && (special || types[i] === USER_DEFINED))
      added.set(id, { id, content, special, normalized: false, single_word: false, lstrip: false, rstrip: false });
  });
  return [...added.values()];
}

/** GPT-2's spelling of the 256 bytes: printable Latin-1 as itself, the rest from U+0100 on, in order. */
function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/** Token to id; of equal tokens the last counts. Without a prototype, `__proto__` is a token like any other. */
function indexed(tokens: readonly string[]): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  tokens.forEach((token, i) => {
    vocab[token] = i;
  });
  return vocab;
}

function strings(metadata: Readonly<Record<string, unknown>>, key: string, name: string): string[] | undefined {
  const value = metadata[key];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.some((x) => typeof x !== 'string'))
    throw new UserError(`${name}: ${key} is not an array of strings`);
  return value;
}

function numbers(
  metadata: Readonly<Record<string, unknown>>,
  key: string,
  name: string,
): ArrayLike<number> | undefined {
  const value = metadata[key];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) && !ArrayBuffer.isView(value))
    throw new UserError(`${name}: ${key} is not an array of numbers`);
  return value as ArrayLike<number>;
}
