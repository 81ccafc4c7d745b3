/** The tokenizer that belongs to a model as files beside safetensors, converted where a GGUF file holds it. */
import type { GgufValue } from '../formats/stored.ts';
import { tokenizerJsonFromGguf } from '../model/tokenizer_gguf.ts';
import type { ModelSource } from './model_source.ts';

const encode = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/**
 * Every file of the tokenizer by name: those of the folder as they are, or tokenizer.json and tokenizer_config.json
 * made from GGUF metadata, with the same ids. Empty where the model has no tokenizer.
 */
export function tokenizerFiles({ checkpoint, files }: ModelSource): Map<string, Uint8Array> {
  const metadata = checkpoint.ggufMetadata;
  if (!metadata) return new Map([...files].filter(([name]) => name !== 'config.json'));
  if (!metadata.has('tokenizer.ggml.model')) return new Map();
  const json = tokenizerJsonFromGguf(Object.fromEntries(metadata), { name: checkpoint.name });
  return new Map([
    ['tokenizer.json', encode(json)],
    ['tokenizer_config.json', encode(tokenizerConfig(metadata))],
  ]);
}

function tokenizerConfig(metadata: ReadonlyMap<string, GgufValue>): Record<string, unknown> {
  const tokens = metadata.get('tokenizer.ggml.tokens') as string[];
  const token = (role: string) => {
    const id = metadata.get(`tokenizer.ggml.${role}_token_id`);
    return typeof id === 'number' ? tokens[id] : undefined;
  };
  const template = metadata.get('tokenizer.chat_template');
  return {
    // Takes tokenizer.json as it is; a family's own class would put its own steps in place of the file's.
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: token('bos'),
    eos_token: token('eos'),
    unk_token: token('unknown'),
    pad_token: token('padding') ?? token('eos'),
    clean_up_tokenization_spaces: false,
    ...(typeof template === 'string' ? { chat_template: template } : {}),
  };
}
