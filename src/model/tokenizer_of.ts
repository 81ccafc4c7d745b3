/** The tokenizer of a model's own files; apart from open.ts, which needs a disk, since the page asks for it too. */
import { UserError } from '../errors.ts';
import type { Checkpoint } from '../formats/stored.ts';
import { type Tokenizer, tokenizerFromJson } from './tokenizer.ts';
import { tokenizerFromGguf } from './tokenizer_gguf.ts';

/** The tokenizer that a checkpoint brings along. */
export function tokenizerOf(checkpoint: Checkpoint): Tokenizer {
  if (checkpoint.tokenizerJson !== undefined) {
    return tokenizerFromJson(checkpoint.tokenizerJson, checkpoint.tokenizerConfig, {
      name: `${checkpoint.name}/tokenizer.json`,
    });
  }
  if (checkpoint.ggufMetadata)
    return tokenizerFromGguf(Object.fromEntries(checkpoint.ggufMetadata), { name: checkpoint.name });
  throw new UserError(
    `${checkpoint.name}: tokenizer.json is missing beside the weights: download it from where the model came from`,
  );
}
