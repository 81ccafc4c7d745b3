/**
 * Where `@huggingface/tokenizers` reads a tokenizer.json otherwise than the Rust library behind transformers, this
 * file restates the description so that both give the same ids: regex classes (`\s`, `\p{N}`, case folding), and
 * added tokens, which the Rust library matches leftmost-longest before anything else looks at the text.
 */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { UserError } from '../errors.ts';

/** GPT-2's split, which ByteLevel applies by itself unless told not to. */
export const GPT2_SPLIT = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** One stage of a tokenizer.json's pre_tokenizer. */
export type Stage = { type: string; [key: string]: unknown };

/** An isolating Split by a regex, as tokenizer.json spells it. */
export function splitStage(regex: string): Stage {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

/**
 * The pre_tokenizer of a tokenizer.json as a flat list of stages that the JavaScript library runs exactly as the Rust
 * library runs the original. Throws a UserError for a stage that it would run differently.
 */
export function exactStages(preTokenizer: unknown): Stage[] {
  if (preTokenizer === null || preTokenizer === undefined) return [];
  const stage = preTokenizer as Stage;
  switch (stage.type) {
    case 'Sequence':
      return (stage.pretokenizers as unknown[]).flatMap(exactStages);
    case 'ByteLevel':
      // Its built-in regex says \s, which JavaScript reads with U+FEFF and without U+0085; Split translates it.
      if (stage.use_regex === false || stage.add_prefix_space === true) return [stage];
      return [splitStage(GPT2_SPLIT), { ...stage, use_regex: false }];
    case 'Digits':
      // The library's own Digits knows 0 to 9 only; Rust asks char::is_numeric, which is \p{N}.
      return [splitStage(stage.individual_digits === true ? String.raw`\p{N}` : String.raw`\p{N}+`)];
    case 'Split': {
      const behaviour = String(stage.behavior).toLowerCase();
      if (behaviour !== 'isolated' && behaviour !== 'removed')
        throw new UserError(
          `pre_tokenizer Split with behavior ${stage.behavior} is not supported: Isolated and Removed are`,
        );
      const pattern = stage.pattern as { Regex?: string };
      return [pattern.Regex === undefined ? stage : { ...stage, pattern: { Regex: unicodeFold(pattern.Regex) } }];
    }
    default:
      return [stage];
  }
}

/** Oniguruma folds s with U+017F and k with U+212A under (?i:…); the library folds ASCII alone. */
function unicodeFold(regex: string): string {
  return regex.replace(
    /\(\?i:[^()[\]\\]*\)/g,
    (group) => group.slice(0, 4) + group.slice(4).replace(/[sS]/g, '[s\u017f]').replace(/[kK]/g, '[k\u212a]'),
  );
}

/** Cuts text into words by Split stages, one after another. */
export function wordSplitter(stages: readonly Stage[]): (text: string) => string[] {
  type Config = ConstructorParameters<typeof SplitPreTokenizer>[0];
  const splits = stages.map((stage) => {
    const split = new SplitPreTokenizer(stage as unknown as Config);
    if (split.pattern === null) throw new UserError('pre_tokenizer Split without a pattern');
    const pattern = split.pattern;
    return (text: string) => {
      // A model's regex nearly always covers the whole text: then its matches, far cheaper to get, are the words.
      if (stage.behavior !== 'Isolated' || stage.invert === true) return split.pre_tokenize_text(text);
      const matches = text.match(pattern) ?? [];
      let covered = 0;
      for (const match of matches) covered += match.length;
      return covered === text.length ? matches : split.pre_tokenize_text(text);
    };
  });
  return (text) => splits.reduce((words, split) => words.flatMap(split), [text]);
}

/** A token that is matched in the text before the model sees it, with tokenizer.json's flags. */
export interface AddedToken {
  id: number;
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
  special?: boolean;
}

/** A stretch of text, or the id of an added token that was found in it. */
export type Section = string | number;

/**
 * A function that cuts text at the added tokens in it: leftmost first, longest of those that start there, with the
 * flags `single_word`, `lstrip` and `rstrip` as the Rust library applies them.
 */
export function sectionSplitter(tokens: readonly AddedToken[]): (text: string) => Section[] {
  const byContent = new Map(tokens.filter((t) => t.content !== '').map((t) => [t.content, t]));
  if (byContent.size === 0) return (text) => (text === '' ? [] : [text]);
  const longestFirst = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map((c) => c.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'gu');
  return (text) => {
    const sections: Section[] = [];
    let start = 0;
    for (const match of text.matchAll(pattern)) {
      const token = byContent.get(match[0])!;
      let from = match.index;
      let to = from + match[0].length;
      if (token.single_word && (/[\p{L}\p{N}_]$/u.test(text.slice(0, from)) || /^[\p{L}\p{N}_]/u.test(text.slice(to))))
        continue;
      if (token.lstrip) from = Math.max(start, text.slice(0, from).replace(/\p{White_Space}+$/u, '').length);
      if (token.rstrip) to += /^\p{White_Space}*/u.exec(text.slice(to))![0].length;
      if (from > start) sections.push(text.slice(start, from));
      sections.push(token.id);
      start = to;
    }
    if (start < text.length) sections.push(text.slice(start));
    return sections;
  };
}
