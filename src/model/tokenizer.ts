/**
 * Text to token ids and back, exactly as transformers does it with `add_special_tokens=False`. Normalisers, splits and
 * decoders are those of `@huggingface/tokenizers`; the way through them is ours, so that each distinct word is encoded
 * once and looked up from then on, and so that the ids equal the Rust library's (tokenizer_exact.ts says where the two
 * differ).
 *
 * Known difference: characters younger than one side's Unicode tables. Rust's NFC knows Unicode 10 and its regexes 16,
 * Node's are newer, so a mark such as U+09FE may be ordered otherwise (3 of 12,000 random strings; none of Eedi's).
 */
import { Tokenizer as Library, SequencePreTokenizer } from '@huggingface/tokenizers';
import { UserError } from '../errors.ts';
import { type BpeModel, bytePairEncoder } from './tokenizer_bpe.ts';
import { type AddedToken, exactStages, sectionSplitter, wordSplitter } from './tokenizer_exact.ts';

/** Encodes and decodes text for one model. */
export interface Tokenizer {
  /**
   * Ids of `text`, none added: no BOS, no EOS, no template. A special token's spelling in the text becomes its id. Ids
   * beyond `maxLength` are dropped at the end. Lone surrogates count as U+FFFD.
   */
  encode(text: string, maxLength?: number): Uint32Array;
  /** Text of `ids`; ids without a token (a padded vocabulary) are skipped, special tokens only on `skipSpecial`. */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;
  /** Highest id + 1. The model's own vocabulary may be padded beyond it. */
  readonly vocabSize: number;
  /** The id of a token as the vocabulary spells it, such as `<|im_end|>` or `Ġthe`. */
  tokenId(token: string): number | undefined;
  /** Ids after which generation ends. */
  readonly eosIds: readonly number[];
  /** Jinja source of the chat template, where the model has one. */
  readonly chatTemplate?: string;
}

/** What lies beside a tokenizer.json and completes it; `name` is what errors call it. */
export interface TokenizerExtras {
  name?: string;
  /** Text of generation_config.json: adds its eos_token_id. */
  generationConfig?: string;
  /** Text of chat_template.jinja, which newer models keep apart from tokenizer_config.json. */
  chatTemplate?: string;
}

/**
 * A tokenizer from Hugging Face's files: tokenizer.json, and tokenizer_config.json for the EOS token and the chat
 * template. Throws a UserError that names the file where a text is not JSON or describes something unsupported.
 */
export function tokenizerFromJson(
  tokenizerJson: string,
  tokenizerConfig?: string,
  extras: TokenizerExtras = {},
): Tokenizer {
  const name = extras.name ?? 'tokenizer.json';
  const description = parseObject(tokenizerJson, name);
  const config = tokenizerConfig === undefined ? {} : parseObject(tokenizerConfig, 'tokenizer_config.json');
  const generation =
    extras.generationConfig === undefined ? {} : parseObject(extras.generationConfig, 'generation_config.json');
  return buildTokenizer(description, {
    name,
    eosTokens: [tokenContent(config.eos_token)].filter((t) => t !== undefined),
    eosIds: [generation.eos_token_id].flat().filter((id) => typeof id === 'number'),
    chatTemplate: extras.chatTemplate ?? defaultTemplate(config.chat_template),
    cleanUp: config.clean_up_tokenization_spaces === true,
  });
}

/** What a tokenizer.json object does not say itself. */
export interface TokenizerFacts {
  /** What errors call the source. */
  name: string;
  eosTokens?: readonly string[];
  eosIds?: readonly number[];
  chatTemplate?: string;
  /** Drop the space before punctuation when decoding. */
  cleanUp?: boolean;
}

/** A tokenizer from an object with the structure of tokenizer.json. */
export function buildTokenizer(description: Record<string, unknown>, facts: TokenizerFacts): Tokenizer {
  try {
    return assemble(description, facts);
  } catch (error) {
    // The library throws plain Errors and TypeErrors on a description that it cannot follow.
    throw new UserError(`${facts.name}: cannot build a tokenizer: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Words up to this length are remembered; longer ones hardly come twice. */
const CACHED_LENGTH = 64;
/** So many words are remembered (some 20 MB) before the cache starts afresh. */
const CACHED_WORDS = 100_000;

function assemble(description: Record<string, unknown>, facts: TokenizerFacts): Tokenizer {
  const stages = exactStages(description.pre_tokenizer);
  const added = (description.added_tokens ?? []) as AddedToken[];
  if (!description.model) throw new UserError('no model in it');
  const bpe = isBpe(description.model) ? description.model : undefined;
  const library = new Library(
    {
      normalizer: null,
      post_processor: null,
      decoder: null,
      ...description,
      added_tokens: added,
      pre_tokenizer: { type: 'Sequence', pretokenizers: stages },
      ...(bpe && { model: { ...bpe, merges: [] } }),
    },
    {},
  );
  const { normalizer } = library;
  keepByteOrderMarks(library);
  const model = library.model!;

  const isNormalized = (t: AddedToken) => t.normalized ?? !t.special;
  const splitRaw = sectionSplitter(added.filter((t) => !isNormalized(t)));
  const splitNormalized = sectionSplitter(
    added.filter(isNormalized).map((t) => ({ ...t, content: normalizer?.normalize(t.content) ?? t.content })),
  );

  // A word's ids do not depend on its neighbours as long as every stage looks at one word alone: then the leading
  // splits cut the text into words, and the rest runs once a word. Otherwise (Metaspace) a section is one word.
  const wordwise = stages.every((s) => s.type === 'Split' || (s.type === 'ByteLevel' && s.add_prefix_space !== true));
  const leading = wordwise ? stages.findIndex((s) => s.type !== 'Split') : 0;
  const cut = leading === -1 ? stages.length : leading;
  const toWords = wordSplitter(stages.slice(0, cut));
  type SequenceConfig = ConstructorParameters<typeof SequencePreTokenizer>[0];
  const toSymbols = new SequencePreTokenizer({ type: 'Sequence', pretokenizers: stages.slice(cut) } as SequenceConfig);
  const encodeSymbols = bpe ? bytePairEncoder(bpe) : libraryEncoder(model);
  const cache = new Map<string, number[]>();

  const encodeWord = (word: string, first: boolean): number[] => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    const symbols = toSymbols.pre_tokenize(word, { section_index: first ? 0 : 1 });
    const ids = symbols.length === 1 ? encodeSymbols(symbols[0]) : symbols.flatMap(encodeSymbols);
    if (wordwise && word.length <= CACHED_LENGTH) {
      if (cache.size >= CACHED_WORDS) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  };

  const encode = (text: string, maxLength = Number.POSITIVE_INFINITY): Uint32Array => {
    const out: number[] = [];
    let first = true;
    for (const raw of splitRaw(text.toWellFormed())) {
      const sections = typeof raw === 'string' ? splitNormalized(normalizer?.normalize(raw) ?? raw) : [raw];
      for (const section of sections) {
        if (out.length >= maxLength) break;
        if (typeof section === 'number') out.push(section);
        else
          for (const word of toWords(section)) {
            for (const id of encodeWord(word, first)) out.push(id);
            if (out.length >= maxLength) break;
          }
        first = false;
      }
    }
    return Uint32Array.from(out.length > maxLength ? out.slice(0, maxLength) : out);
  };

  const special = new Set(added.filter((t) => t.special).map((t) => t.id));
  const eosIds = new Set(facts.eosIds?.filter((id) => model.vocab[id] !== undefined));
  for (const token of facts.eosTokens ?? []) {
    const id = model.tokens_to_ids.get(token);
    if (id !== undefined) eosIds.add(id);
  }

  return {
    encode,
    decode(ids, { skipSpecial = false } = {}) {
      const known = Array.from(ids).filter((id) => model.vocab[id] !== undefined && !(skipSpecial && special.has(id)));
      if (known.length === 0) return '';
      return library.decode(known, { clean_up_tokenization_spaces: facts.cleanUp ?? false });
    },
    vocabSize: model.vocab.length,
    tokenId: (token) => model.tokens_to_ids.get(token),
    eosIds: [...eosIds],
    chatTemplate: facts.chatTemplate,
  };
}

/** The library's ByteFallback decoder swallows a U+FEFF at the start of a text; give it a TextDecoder that does not. */
function keepByteOrderMarks(library: Library): void {
  const { decoders = [] } = (library.decoder ?? {}) as { decoders?: { text_decoder?: TextDecoder }[] };
  for (const decoder of decoders)
    if (decoder.text_decoder) decoder.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
}

function isBpe(model: unknown): model is BpeModel & object {
  const { type, vocab, merges } = model as Partial<BpeModel & { type: string }>;
  return (type === undefined || type === 'BPE') && vocab !== undefined && Array.isArray(merges);
}

/** Unigram and WordPiece, as the library has them. */
function libraryEncoder(model: NonNullable<Library['model']>): (word: string) => number[] {
  return (word) =>
    model
      ._call([word])
      .map((token) => model.tokens_to_ids.get(token) ?? model.unk_token_id)
      .filter((id) => id !== undefined);
}

/** A JSON object; UserError, opening with `name`, for anything else. */
export function parseObject(text: string, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${name}: not JSON: ${(error as Error).message.split('\n')[0]}; download it again`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new UserError(`${name}: expected a JSON object; download it again`);
  return value as Record<string, unknown>;
}

/** tokenizer_config.json gives a token as its text or as an object with `content`. */
export function tokenContent(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** A chat template is one text, or several with names, of which `default` counts. */
export function defaultTemplate(template: unknown): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  return template.find((t) => t?.name === 'default')?.template;
}
