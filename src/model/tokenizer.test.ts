/** Tokenizers against transformers and the Rust library: golden/make_tokenizer_golden.py wrote what they give. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { gguf } from '@huggingface/gguf';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { modelCacheDir } from '../formats/hub.ts';
import { type Tokenizer, tokenizerFromJson } from './tokenizer.ts';
import { exactStages, wordSplitter } from './tokenizer_exact.ts';
import { tokenizerFromGguf } from './tokenizer_gguf.ts';

const goldenFile = (name: string) =>
  readFileSync(new URL(`../../test/golden/tokenizer/${name}`, import.meta.url), 'utf8');

interface Golden {
  texts: string[];
  qwen2Style: number[][];
  byteLevel: { metadata: Record<string, unknown>; ids: Record<string, number[][]> };
  sentencePiece: { metadata: Record<string, unknown>; ids: number[][]; decoded: string[] };
  smollm2: number[][];
  eedi: Record<'queries' | 'queriesWithRationale' | 'names', { texts: number; tokens: number; sha256: string }>;
}
const golden: Golden = JSON.parse(goldenFile('golden.json'));
const qwen2Json = goldenFile('qwen2_style.json');

/** Compares text by text, so that a failure shows the text. */
function expectIds(tokenizer: Tokenizer, ids: readonly number[][]): void {
  const ours = golden.texts.map((text) => ({ text, ids: [...tokenizer.encode(text)] }));
  expect(ours).toEqual(golden.texts.map((text, i) => ({ text, ids: ids[i] })));
}

describe('tokenizer.json', () => {
  test('a Qwen2-style tokenizer gives the Rust library’s ids', () => {
    expectIds(tokenizerFromJson(qwen2Json), golden.qwen2Style);
  });

  test('and a second time, out of the cache', () => {
    const tokenizer = tokenizerFromJson(qwen2Json);
    for (const text of golden.texts) tokenizer.encode(text);
    expectIds(tokenizer, golden.qwen2Style);
  });

  test('decodes to the NFC of what was encoded', () => {
    const tokenizer = tokenizerFromJson(qwen2Json);
    for (const text of golden.texts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'));
  });

  test('maxLength drops ids at the end', () => {
    const tokenizer = tokenizerFromJson(qwen2Json);
    for (const text of golden.texts) {
      const all = tokenizer.encode(text);
      for (const length of [0, 1, 2, 7, all.length, all.length + 1])
        expect(tokenizer.encode(text, length)).toEqual(all.slice(0, length));
    }
  });

  test('EOS ids and the chat template come from the files beside it', () => {
    const config = JSON.stringify({
      eos_token: { content: '<|im_end|>' },
      chat_template: [
        { name: 'tool_use', template: 'T' },
        { name: 'default', template: 'D' },
      ],
    });
    const end = tokenizerFromJson(qwen2Json).tokenId('<|im_end|>')!;
    const generationConfig = JSON.stringify({ eos_token_id: [end, end - 2] });
    const tokenizer = tokenizerFromJson(qwen2Json, config, { generationConfig });
    expect(tokenizer.eosIds).toEqual([end, end - 2]);
    expect(tokenizer.chatTemplate).toBe('D');
    expect(tokenizer.vocabSize).toBe(end + 1);
    expect(tokenizerFromJson(qwen2Json).eosIds).toEqual([]);
    expect(tokenizerFromJson(qwen2Json, config, { chatTemplate: 'J' }).chatTemplate).toBe('J');
  });

  test('skips ids without a token, and special tokens on demand', () => {
    const tokenizer = tokenizerFromJson(qwen2Json);
    const ids = [...tokenizer.encode('a<|im_end|>'), tokenizer.vocabSize + 5];
    expect(tokenizer.decode(ids)).toBe('a<|im_end|>');
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('a');
    expect(tokenizer.decode([])).toBe('');
  });

  test('digits, flags of added tokens and whole words as the Rust library reads them', () => {
    const description = JSON.parse(qwen2Json);
    description.normalizer = null;
    description.pre_tokenizer = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    };
    const flags = { special: false, normalized: false, single_word: false, lstrip: false, rstrip: false };
    description.added_tokens = [
      { ...flags, id: 2000, content: 'word', single_word: true },
      { ...flags, id: 2001, content: '<l>', lstrip: true },
      { ...flags, id: 2002, content: '<r>', rstrip: true },
      { ...flags, id: 2003, content: '<r>er' },
    ];
    const tokenizer = tokenizerFromJson(JSON.stringify(description));
    const [x, space] = ['x', 'Ġ'].map((t) => tokenizer.tokenId(t)!);
    // Two spaces before a digit stay together, as they do where digits are cut off first; ½ is a digit too.
    expect(tokenizer.encode('x  ½')).toEqual(
      Uint32Array.from([x, ...tokenizer.encode('  '), ...tokenizer.encode('½')]),
    );
    expect(tokenizer.encode('x  ½')).not.toEqual(
      Uint32Array.from([x, space, ...tokenizer.encode(' '), ...tokenizer.encode('½')]),
    );
    expect([...tokenizer.encode('word word')]).toEqual([2000, space, 2000]);
    expect([...tokenizer.encode('xword')]).not.toContain(2000);
    expect([...tokenizer.encode('x  <l>x')]).toEqual([x, 2001, x]);
    expect([...tokenizer.encode('x<r>  x')]).toEqual([x, 2002, x]);
    expect([...tokenizer.encode('<r>er')]).toEqual([2003]);
  });

  test('white space, digits and case as Oniguruma has them', () => {
    const qwen2 = JSON.parse(qwen2Json).pre_tokenizer.pretokenizers[0];
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
    const digits = { type: 'Digits', individual_digits: true };
    const words = (stage: object, text: string) =>
      wordSplitter(exactStages(stage).filter((s) => s.type === 'Split'))(text);
    // What pre_tokenize_str of the Rust library gives.
    expect(words(qwen2, "it'\u017fx it'LLx")).toEqual(['it', "'\u017f", 'x', ' it', "'LL", 'x']);
    expect(words(byteLevel, '!\u0085?\ufeff !')).toEqual(['!', '\u0085', '?\ufeff', ' !']);
    expect(words(digits, 'x½٣４ 12')).toEqual(['x', '½', '٣', '４', ' ', '1', '2']);
    expect(words({ ...digits, individual_digits: false }, 'x½٣４ 12')).toEqual(['x', '½٣４', ' ', '12']);
  });

  test.each([
    ['{', /^tokenizer\.json: not JSON/],
    ['[]', /^tokenizer\.json: expected a JSON object/],
    ['{}', /^tokenizer\.json: cannot build a tokenizer: no model/],
    ['{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}', /merge 0 "a b" is not two tokens/],
    ['{"model": {"type": "Strange"}}', /Unknown TokenizerModel type: Strange/],
    ['{"model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": 5}', /cannot build a tokenizer/],
    ['{"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": {"type": "Odd"}}', /Normalizer type: Odd/],
    [
      '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": " "}, "behavior": "MergedWithNext"}}',
      /MergedWithNext is not supported/,
    ],
    [
      '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}}',
      /cannot build a tokenizer: Invalid regular expression/,
    ],
  ])('one line for %s', (text, message) => {
    expect(() => tokenizerFromJson(text)).toThrow(UserError);
    expect(() => tokenizerFromJson(text)).toThrow(message);
  });
});

describe('GGUF metadata', () => {
  const { metadata, ids } = golden.byteLevel;
  const withPre = (pre: string) => ({ ...metadata, 'tokenizer.ggml.pre': pre });

  test.each(Object.keys(ids))('byte-level BPE under pre %s gives transformers’ ids', (pre) => {
    expectIds(tokenizerFromGguf(withPre(pre)), ids[pre]);
  });

  test.each([
    ['gpt-2', 'default'],
    ['deepseek-r1-qwen', 'qwen2'],
    ['llama3', 'llama-bpe'],
    ['llama-v3', 'llama-bpe'],
    ['falcon3', 'llama-bpe'],
  ])('pre %s is %s', (pre, same) => {
    expectIds(tokenizerFromGguf(withPre(pre)), ids[same]);
  });

  test('the original reading cuts digits, normalises, takes words whole', () => {
    const original = (pre: string, text: string) => [
      ...tokenizerFromGguf(withPre(pre), { reading: 'original' }).encode(text),
    ];
    const id = (token: string) => tokenizerFromGguf(withPre('default')).tokenId(token)!;
    expect(original('smollm', ' \n\n3')).toEqual([...original('smollm', ' \n\n'), id('3')]);
    expect(original('qwen2', 'e\u0301')).toEqual(original('qwen2', 'é'));
    expect(original('llama-bpe', 'Zähler')).toEqual([id('ZÃ¤hler')]);
    for (const [pre, text] of [
      ['smollm', '   3'],
      ['qwen2', 'e\u0301'],
      ['llama-bpe', 'Zähler'],
    ])
      expect(original(pre, text)).not.toEqual([...tokenizerFromGguf(withPre(pre)).encode(text)]);
  });

  test('SentencePiece from scores alone gives transformers’ ids and text', () => {
    const { metadata, ids, decoded } = golden.sentencePiece;
    const tokenizer = tokenizerFromGguf(metadata);
    expectIds(tokenizer, ids);
    expect(golden.texts.map((_, i) => tokenizer.decode(ids[i]))).toEqual(decoded);
  });

  test('EOS, vocabulary and template', () => {
    const tokenizer = tokenizerFromGguf({ ...withPre('smollm'), 'tokenizer.chat_template': 'T' });
    expect(tokenizer.eosIds).toEqual([2]);
    expect(tokenizer.chatTemplate).toBe('T');
    expect(tokenizer.vocabSize).toBe((metadata['tokenizer.ggml.tokens'] as string[]).length);
  });

  test.each([
    [
      { 'tokenizer.ggml.pre': 'strange' },
      /^x\.gguf: tokenizer\.ggml\.pre "strange" is not known: default, gpt-2, smollm, /,
    ],
    [{ 'tokenizer.ggml.model': undefined }, /holds no tokenizer/],
    [{ 'tokenizer.ggml.model': 't5' }, /"t5" is not supported: gpt2 and llama are/],
    [{ 'tokenizer.ggml.tokens': undefined }, /tokenizer\.ggml\.tokens is missing/],
    [{ 'tokenizer.ggml.tokens': [1, 2] }, /tokenizer\.ggml\.tokens is not an array of strings/],
    [{ 'tokenizer.ggml.token_type': [1] }, /token_type has 1 entries for \d+ tokens/],
    [{ 'tokenizer.ggml.merges': undefined }, /tokenizer\.ggml\.merges is missing/],
    [{ 'tokenizer.ggml.merges': ['a b c'] }, /merge 0 "a b c" is not two tokens/],
    [{ 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.merges': undefined }, /scores has 0 entries for \d+ tokens/],
  ])('one line for %o', (change, message) => {
    const broken = { ...withPre('default'), ...change };
    expect(() => tokenizerFromGguf(broken, { name: 'x.gguf' })).toThrow(UserError);
    expect(() => tokenizerFromGguf(broken, { name: 'x.gguf' })).toThrow(message);
  });
});

describe('long texts', () => {
  const tokenizer = tokenizerFromGguf({ ...golden.byteLevel.metadata, 'tokenizer.ggml.pre': 'qwen2' });
  const pieces = tokenizerFromGguf(golden.sentencePiece.metadata);
  test.each([
    ['one letter', 'a'.repeat(100_000)],
    ['spaces', `x${' '.repeat(99_999)}`],
    ['words', 'the pupil adds '.repeat(6_667)],
    ['emoji', '😀'.repeat(50_000)],
    ['blank lines', `x${'\n '.repeat(50_000)}`],
    ['apostrophes', "'s".repeat(50_000)],
  ])('100,000 characters of %s take seconds at most, both ways', (_, text) => {
    const start = performance.now();
    for (const t of [tokenizer, pieces]) {
      const ids = t.encode(text);
      expect(ids.length).toBeGreaterThan(100);
      expect(t.decode(ids) === text).toBe(true);
      expect(t.encode(text, 288)).toEqual(ids.slice(0, 288));
    }
    // A quadratic merge loop needs minutes here.
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

const smollm2 = [process.env.LACUNA_SMOLLM2, `${modelCacheDir()}/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf`].find(
  (path) => path !== undefined && existsSync(path),
);
const eedi = new URL('../../../shared/data/eedi/', import.meta.url);

describe.skipIf(smollm2 === undefined)(
  `SmolLM2${smollm2 ? '' : ' (skipped: not here; `lacuna pull smollm2-135m`, or set LACUNA_SMOLLM2)'}`,
  () => {
    let tokenizer: Tokenizer;
    beforeAll(async () => {
      const { metadata } = await gguf(smollm2!, { allowLocalFile: true });
      tokenizer = tokenizerFromGguf({ ...metadata });
    });

    test('gives transformers’ ids on our texts', () => {
      expectIds(tokenizer, golden.smollm2);
    });

    const here = existsSync(eedi);
    test.skipIf(!here)(`and on all of Eedi’s${here ? '' : ' (skipped: ../shared/data/eedi is not here)'}`, () => {
      for (const [name, texts] of Object.entries(eediTexts())) {
        const hash = createHash('sha256');
        let tokens = 0;
        for (const text of texts) {
          const ids = tokenizer.encode(text);
          tokens += ids.length;
          hash.update(Uint32Array.of(ids.length)).update(ids);
        }
        const found = { texts: texts.length, tokens, sha256: hash.digest('hex') };
        expect({ [name]: found }).toEqual({ [name]: golden.eedi[name as keyof Golden['eedi']] });
      }
    });
  },
);

/** As eedi_texts in make_tokenizer_golden.py. */
function eediTexts(): Golden['eedi'] extends Record<infer K, unknown> ? Record<K & string, string[]> : never {
  const read = (name: string): Record<string, string>[] =>
    parse(readFileSync(new URL(`${name}.csv`, eedi)), { columns: true, bom: true });
  const rationales = new Map(read('rationales').map((r) => [`${r.QuestionId} ${r.Answer}`, r.Rationale]));
  const task =
    'Given a math problem statement and an incorrect answer as a query, retrieve relevant passages that identify and explain the nature of the error.';
  const queries: string[] = [];
  const queriesWithRationale: string[] = [];
  const train = read('train');
  for (const letter of 'ABCD')
    for (const row of train) {
      if (row[`Misconception${letter}Id`] === '') continue;
      const query = `Instruct: ${task}\nQuery:  <Question> ${row.QuestionText} <Correct Answer> ${row[`Answer${row.CorrectAnswer}Text`]} <Incorrect Answer> ${row[`Answer${letter}Text`]} <Construct> ${row.ConstructName} <Subject> ${row.SubjectName}`;
      queries.push(query);
      queriesWithRationale.push(`${query} <LLMOutput> ${rationales.get(`${row.QuestionId} ${letter}`)}`);
    }
  const names = read('misconception_mapping')
    .sort((a, b) => Number(a.MisconceptionId) - Number(b.MisconceptionId))
    .map((row) => row.MisconceptionName);
  return { queries, queriesWithRationale, names };
}
