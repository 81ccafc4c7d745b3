/**
 * Our token ids beside those of transformers.js, on the golden texts, on Eedi's where they are here, and for
 * SmolLM2's tokenizer where the model is. Where the two differ, golden.json says what the Rust library gives.
 *
 * usage, in test/peers: npm install --ignore-scripts && node compare_tokenizers.mjs [SmolLM2.gguf [EEDI_DIR]]
 * Exits with 1 where ours is not the Rust library's, or where the two differ on Eedi.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { AutoTokenizer, env } from '@huggingface/transformers';
import { parse } from 'csv-parse/sync';
import { runnerImport } from 'vite';

const here = new URL('.', import.meta.url).pathname;
const [smollm2, eedi] = process.argv.slice(2);
const source = async (path) => (await runnerImport(join(here, '../../src', path))).module;
const { tokenizerFromJson } = await source('model/tokenizer.ts');
const { tokenizerFromGguf, tokenizerJsonFromGguf } = await source('model/tokenizer_gguf.ts');
const golden = JSON.parse(await readFile(join(here, '../golden/tokenizer/golden.json'), 'utf8'));

const folder = await mkdtemp(join(tmpdir(), 'lacuna-peers-'));
Object.assign(env, { localModelPath: folder, allowLocalModels: true, allowRemoteModels: false, useFSCache: false });
let failed = false;

/** transformers.js's tokenizer for a tokenizer.json. */
async function peer(name, json) {
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'tokenizer.json'), json);
  await writeFile(join(folder, name, 'tokenizer_config.json'), '{"tokenizer_class": "PreTrainedTokenizerFast"}');
  return AutoTokenizer.from_pretrained(name);
}

/** Prints how many texts have equal ids, and how long each took; `expected` are the Rust library's ids. */
function compare(label, texts, ours, theirs, expected) {
  const run = (encode) => {
    const start = performance.now();
    const ids = texts.map(encode);
    return { ids, ms: performance.now() - start };
  };
  const a = run((text) => [...ours.encode(text)]);
  const b = run((text) => theirs.encode(text, { add_special_tokens: false }));
  const differ = texts.map((_, i) => i).filter((i) => String(a.ids[i]) !== String(b.ids[i]));
  const tokens = a.ids.reduce((n, ids) => n + ids.length, 0);
  console.log(
    `${label}: ${texts.length - differ.length} of ${texts.length} texts equal, ${tokens} tokens; lacuna ${a.ms.toFixed(0)} ms, transformers.js ${b.ms.toFixed(0)} ms`,
  );
  for (const i of differ.slice(0, 8)) {
    const right = expected && (String(expected[i]) === String(a.ids[i]) ? 'lacuna' : 'not lacuna');
    console.log(`  ${JSON.stringify(texts[i].slice(0, 60))}${right ? `: the Rust library agrees with ${right}` : ''}`);
  }
  failed ||= expected ? expected.some((ids, i) => String(ids) !== String(a.ids[i])) : differ.length > 0;
}

try {
  const qwen2 = await readFile(join(here, '../golden/tokenizer/qwen2_style.json'), 'utf8');
  compare('Qwen2-style', golden.texts, tokenizerFromJson(qwen2), await peer('qwen2', qwen2), golden.qwen2Style);
  if (!smollm2) console.log('SmolLM2 and Eedi: skipped, no model given');
  else {
    const { metadata } = await gguf(smollm2, { allowLocalFile: true });
    const ours = tokenizerFromGguf(metadata);
    const theirs = await peer('smollm2', JSON.stringify(tokenizerJsonFromGguf(metadata)));
    compare('SmolLM2', golden.texts, ours, theirs, golden.smollm2);
    if (!eedi) console.log('Eedi: skipped, no folder given');
    else {
      const read = async (name) => parse(await readFile(join(eedi, name)), { columns: true, bom: true });
      const rows = await read('train.csv');
      const fields = [
        'QuestionText',
        'AnswerAText',
        'AnswerBText',
        'AnswerCText',
        'AnswerDText',
        'ConstructName',
        'SubjectName',
      ];
      compare(
        'Eedi, questions',
        rows.map((row) => fields.map((f) => row[f]).join(' ')),
        ours,
        theirs,
      );
      compare(
        'Eedi, rationales',
        (await read('rationales.csv')).map((row) => row.Rationale),
        ours,
        theirs,
      );
      compare(
        'Eedi, names',
        (await read('misconception_mapping.csv')).map((row) => row.MisconceptionName),
        ours,
        theirs,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
