/** `lacuna embed`: texts in a JSON-lines file to unit vectors in a .npy file. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import { fileError } from '../formats/file_source.ts';
import { writeNpyFile } from '../formats/npy_file.ts';
import {
  dryRun,
  embedWithProgress,
  locateModel,
  type ModelOptions,
  modelOptions,
  printEstimate,
  readyEmbedder,
} from './options.ts';

interface EmbedOptions extends ModelOptions {
  input: string;
  out?: string;
}

export function embedCommand(program: Command): void {
  modelOptions(
    program
      .command('embed')
      .description('Embed texts: one {"text": …} a line in, a float32 .npy [n, d] out, L2-normalised.'),
  )
    .requiredOption('--input <file>', 'JSON lines, each {"text": "…"}')
    .option('--out <file>', 'the .npy to write')
    .addHelpText(
      'after',
      `
No special tokens are added. Rows are in input order.

Example:
  echo '{"text": "Adds the denominators when adding fractions"}' > texts.jsonl
  lacuna embed --model smollm2-135m --input texts.jsonl --out emb.npy`,
    )
    .action(async (o: EmbedOptions) => {
      if (!o.out && !o.dryRun) throw new UserError('--out is missing: where should the vectors go? (--out emb.npy)');
      const texts = await readTexts(o.input);
      const path = await locateModel(o.model);
      if (o.dryRun) return printEstimate(await dryRun(path, texts, o), o.json);
      const embedder = await readyEmbedder(path, o);
      // Checked with the line's number before anything runs.
      texts.forEach((text, i) => {
        if (embedder.tokenize(text).length === 0)
          throw new UserError(`${o.input}:${i + 1}: the text has no tokens: nothing can be embedded`);
      });
      const began = performance.now();
      const vectors = await embedWithProgress(embedder, texts, 'embed');
      const seconds = (performance.now() - began) / 1000;
      const shape = [texts.length, embedder.dimensions];
      await writeNpyFile(o.out!, vectors, shape);
      const tokens = texts.reduce((n, text) => n + embedder.tokenize(text).length, 0);
      const { tier } = embedder.gpu.caps;
      process.stdout.write(
        o.json
          ? `${JSON.stringify({ model: o.model, tier, adapter: o.adapter ?? null, out: o.out, shape, tokens, seconds })}\n`
          : `${o.out}: float32 [${shape.join(', ')}], ${tokens} tokens in ${seconds.toFixed(2)} s (${Math.round(tokens / seconds)} tokens/s, ${tier})\n`,
      );
    });
}

/** The texts of a JSON-lines file. A blank line at the end is ignored; anything else that is no {"text": string} is an error with its line. */
async function readTexts(path: string): Promise<string[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path}: is not UTF-8: convert it first`);
  }
  const lines = content.split('\n');
  while (lines.length && lines.at(-1)!.trim() === '') lines.pop();
  if (!lines.length) throw new UserError(`${path}: is empty: it should hold one {"text": "…"} a line`);
  return lines.map((line, i) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new UserError(`${path}:${i + 1}: is not JSON: expected {"text": "…"}`);
    }
    const text = (value as { text?: unknown } | null)?.text;
    if (typeof text !== 'string')
      throw new UserError(`${path}:${i + 1}: has no "text" that is a string: expected {"text": "…"}`);
    return text;
  });
}
