/**
 * The pocket model's own tokenizer: a small byte-level BPE learnt from texts, with Qwen2's cut into words, which takes
 * digits one by one. Written as tokenizer.json, it is read by this repository, by @huggingface/tokenizers and by the
 * Rust library alike.
 */
import { PRE_TOKENIZERS } from '../tokenizer_gguf.ts';
import { trainBpe } from './bpe_trainer.ts';

/** Ends a text that is generated, and pads: the one special token. It has the last id. */
export const END = '<|endoftext|>';

const SPLIT = PRE_TOKENIZERS.get('qwen2')!.split;

/** The words of texts with their counts, cut as the tokenizer will cut them. */
export function countWords(texts: Iterable<string>): Map<string, number> {
  // JavaScript has no inline flags; only the contractions stand in an ignore-case group.
  const split = new RegExp(
    SPLIT.replace(/^\(\?i:(.*?)\)\|/, (_, words: string) => `${bothCases(words)}|`),
    'gu',
  );
  const words = new Map<string, number>();
  for (const text of texts)
    for (const [word] of text.normalize('NFC').matchAll(split)) words.set(word, (words.get(word) ?? 0) + 1);
  return words;
}

const bothCases = (words: string): string => words.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

export interface TokenizerTexts {
  readonly tokenizerJson: string;
  readonly tokenizerConfig: string;
  readonly vocabSize: number;
  /** Of END. */
  readonly endId: number;
}

/** A tokenizer of `size` tokens, END among them, learnt from `texts`. The same texts give the same bytes. */
export function trainTokenizer(texts: Iterable<string>, size: number): TokenizerTexts {
  const { tokens, merges } = trainBpe(countWords(texts), size - 1);
  const endId = tokens.length;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  const description = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      { id: endId, content: END, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
    ],
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: SPLIT }, behavior: 'Isolated', invert: false }, byteLevel],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries([...tokens, END].map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    eos_token: END,
    pad_token: END,
    model_max_length: 2048,
  };
  return {
    tokenizerJson: `${JSON.stringify(description, null, 1)}\n`,
    tokenizerConfig: `${JSON.stringify(settings, null, 2)}\n`,
    vocabSize: endId + 1,
    endId,
  };
}
