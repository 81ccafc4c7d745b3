/**
 * A retriever as a sentence-transformers folder: `SentenceTransformer(path)` loads it and gives the vectors that
 * `lacuna embed` gives. Besides the model that takes a list of modules, the pooling's settings, and a tokenizer that
 * adds no tokens of its own.
 */
import { TASK } from '../data/prompt.ts';
import { UserError } from '../errors.ts';
import type { FloatDtype } from '../formats/narrow.ts';
import { defaultTemplate, parseObject, tokenContent } from '../model/tokenizer.ts';
import { writeModelFolder } from './hf_folder.ts';
import type { ModelSource } from './model_source.ts';
import { tokenizerFiles } from './tokenizer_files.ts';
import type { ModelWeights } from './weights.ts';

export interface SentenceTransformersOptions {
  readonly dtype: FloatDtype;
  readonly pooling: 'last' | 'mean';
  /** Tokens beyond this are dropped at a text's end. */
  readonly maxLength: number;
  /** Weights written so far of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Writes the folder; all files appear when all are written. UserError where the model has no tokenizer. */
export async function writeSentenceTransformers(
  folder: string,
  source: ModelSource,
  weights: ModelWeights,
  options: SentenceTransformersOptions,
): Promise<void> {
  const files = new Map<string, unknown>([
    ['modules.json', MODULES],
    ['sentence_bert_config.json', { max_seq_length: options.maxLength, do_lower_case: false }],
    ['config_sentence_transformers.json', SETTINGS],
    ['1_Pooling/config.json', poolingConfig(source.checkpoint.config.hiddenSize, options.pooling)],
    // The module has no settings, but a file keeps its folder alive in archives and repositories.
    ['2_Normalize/config.json', {}],
    ...bareTokenizer(source, options.maxLength),
  ]);
  const encoder = new TextEncoder();
  const bytes = [...files].map(
    ([name, value]) => [name, encoder.encode(`${JSON.stringify(value, null, 2)}\n`)] as const,
  );
  // Nothing of the model's own beside its weights: each of its files could add a token or change a step.
  const bare = { ...source, files: new Map([...source.files].filter(([name]) => name === 'config.json')) };
  // The head plays no part in an embedding.
  const body = new Map([...weights].filter(([path]) => path !== 'lm_head'));
  await writeModelFolder(folder, bare, body, { ...options, files: new Map(bytes) });
}

const MODULES = ['Transformer', 'Pooling', 'Normalize'].map((type, idx) => ({
  idx,
  name: `${idx}`,
  path: idx === 0 ? '' : `${idx}_${type}`,
  type: `sentence_transformers.models.${type}`,
}));

/** With prompt_name="query" the text is what follows "Query: " in data/prompt.ts, its leading space included. */
const SETTINGS = {
  prompts: { query: `Instruct: ${TASK}\nQuery: `, document: '' },
  default_prompt_name: null,
  similarity_fn_name: 'cosine',
};

function poolingConfig(dimensions: number, pooling: 'last' | 'mean') {
  return {
    word_embedding_dimension: dimensions,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: pooling === 'mean',
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
    pooling_mode_weightedmean_tokens: false,
    pooling_mode_lasttoken: pooling === 'last',
    include_prompt: true,
  };
}

/** tokenizer.json and tokenizer_config.json without anything that puts a token before or behind a text. */
function bareTokenizer(source: ModelSource, maxLength: number): [string, unknown][] {
  const { name } = source.checkpoint;
  const files = tokenizerFiles(source);
  const read = (file: string) => {
    const bytes = files.get(file);
    return bytes && parseObject(new TextDecoder().decode(bytes), `${name}/${file}`);
  };
  const json = read('tokenizer.json');
  if (!json)
    throw new UserError(
      `${name}: tokenizer.json is missing beside the weights: download it from where the model came from`,
    );
  const config = read('tokenizer_config.json') ?? {};
  const added = (json.added_tokens ?? []) as { content: string; special?: boolean }[];
  const special = added.find((token) => token.special)?.content;
  const vocab = (json.model as { vocab?: Record<string, number> } | undefined)?.vocab ?? {};
  // Padding is masked, so any token of the vocabulary serves where none has the role.
  const pad = tokenContent(config.pad_token) ?? tokenContent(config.eos_token) ?? special ?? Object.keys(vocab)[0];
  const template = defaultTemplate(config.chat_template);
  return [
    ['tokenizer.json', { ...json, post_processor: null, truncation: null, padding: null }],
    [
      'tokenizer_config.json',
      {
        tokenizer_class: 'PreTrainedTokenizerFast',
        bos_token: tokenContent(config.bos_token) ?? null,
        eos_token: tokenContent(config.eos_token) ?? null,
        unk_token: tokenContent(config.unk_token) ?? null,
        pad_token: pad,
        padding_side: 'right',
        truncation_side: 'right',
        model_max_length: maxLength,
        clean_up_tokenization_spaces: false,
        ...(template === undefined ? {} : { chat_template: template }),
      },
    ],
  ];
}
