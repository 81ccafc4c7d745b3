/** The pocket model's tokenizer and weights: learnt and drawn the same each time, and readable as any model's. */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../formats/config.ts';
import { generate } from '../../generate/generate.ts';
import { tokenizerFromJson } from '../tokenizer.ts';
import { BYTE_LETTERS, trainBpe } from './bpe_trainer.ts';
import { configJson, configOf, newWeights, SHAPES, sizesOf } from './new_model.ts';
import { countWords, END, trainTokenizer } from './tokenizer.ts';

describe('trainBpe', () => {
  test('merges the most frequent pair first, worked out by hand', () => {
    // ab 3 + 2, bc 2, then ab c twice.
    const { tokens, merges } = trainBpe(
      new Map([
        ['ab', 3],
        ['abc', 2],
      ]),
      259,
    );
    expect(merges).toEqual([
      ['a', 'b'],
      ['ab', 'c'],
    ]);
    expect(tokens.slice(256)).toEqual(['ab', 'abc']);
  });

  test('stops where no pair comes twice', () => {
    expect(trainBpe(new Map([['xy', 1]]), 300).tokens.length).toBe(256);
  });

  test('joins overlapping pairs from the left', () => {
    const { merges } = trainBpe(new Map([['aaa', 5]]), 258);
    expect(merges).toEqual([
      ['a', 'a'],
      ['aa', 'a'],
    ]);
  });

  test('does not depend on the order of the words', () => {
    const words: [string, number][] = [
      ['hello', 4],
      ['help', 4],
      ['yellow', 3],
      ['low', 7],
      ['lower', 2],
    ];
    expect(trainBpe(new Map(words), 290)).toEqual(trainBpe(new Map(words.toReversed()), 290));
  });

  test('spells bytes as GPT-2 does', () => {
    expect(BYTE_LETTERS.length).toBe(256);
    expect(new Set(BYTE_LETTERS).size).toBe(256);
    expect([BYTE_LETTERS[0x20], BYTE_LETTERS[0x0a], BYTE_LETTERS[0x41]]).toEqual(['Ġ', 'Ċ', 'A']);
  });
});

describe('the tokenizer', () => {
  const questions = generate({ n: 600, seed: 3 });
  const texts = questions.map(({ text, answers }) => `${text} ${Object.values(answers).join(' ')}`);
  const learnt = trainTokenizer(texts, 800);
  const ours = tokenizerFromJson(learnt.tokenizerJson, learnt.tokenizerConfig);
  const library = new Library(JSON.parse(learnt.tokenizerJson), JSON.parse(learnt.tokenizerConfig));
  const unseen = generate({ n: 200, seed: 4, split: 'held-out' }).map(({ text }) => text);
  const awkward = [
    '',
    ' ',
    "It's",
    "IT'S",
    '\n\n x',
    'naïve 日本 🙂',
    '1234.56',
    '\\dfrac{12}{7}',
    'a\tb',
    'é'.normalize('NFD'),
  ];

  test('has as many tokens as asked for, END the last', () => {
    expect(learnt.vocabSize).toBe(800);
    expect(ours.vocabSize).toBe(800);
    expect(ours.tokenId(END)).toBe(799);
    expect(ours.eosIds).toEqual([799]);
  });

  test('gives back what it encoded, of any text', () => {
    for (const text of [...unseen, ...awkward]) expect(ours.decode(ours.encode(text))).toBe(text.normalize('NFC'));
  });

  test('gives the ids of @huggingface/tokenizers', () => {
    for (const text of [...unseen, ...awkward])
      expect(Array.from(ours.encode(text))).toEqual(library.encode(text, { add_special_tokens: false }).ids);
  });

  test('takes digits one by one', () => {
    const digits = new Set(Array.from({ length: 10 }, (_, d) => ours.tokenId(`${d}`)));
    expect(Array.from(ours.encode('40719')).every((id) => digits.has(id))).toBe(true);
    for (const word of countWords(['12 345x6']).keys()) expect(/\d./.test(word)).toBe(false);
  });

  test('is the same for the same texts', () => {
    expect(trainTokenizer(texts, 800)).toEqual(learnt);
  });
});

describe('a new model', () => {
  const config = configOf(SHAPES.tiny, 1023);
  const weights = newWeights(config, 1);

  test('has a config that reads back as what it is', () => {
    expect(configFromHf(JSON.parse(configJson(config)), 'config.json')).toEqual(config);
  });

  test('pocket is at most 7 MB as int4, parameters counted by hand', () => {
    const sizes = sizesOf(configOf(SHAPES.pocket, 2047));
    // A layer: q and o 384 x 384, k and v 128 x 384, three of 1024 x 384.
    expect(sizes.linear).toBe(6 * (2 * 147456 + 2 * 49152 + 3 * 393216));
    expect(sizes.embedding).toBe(2048 * 384);
    expect(sizes.norms).toBe(13 * 384);
    // 5 bits a weight of the linears, 8.5 of the embedding, 32 of the norms.
    expect(sizes.int4Bytes).toBe(5_898_240 + 835_584 + 19_968);
    expect(sizes.int4Bytes).toBeLessThan(7e6);
  });

  test('has every parameter once', () => {
    const total = weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
    expect(total).toBe(sizesOf(config).parameters);
    expect(new Set(weights.map(({ name }) => name)).size).toBe(weights.length);
  });

  test('begins with normal numbers of the deviations named, norms with 1', () => {
    for (const { name, data } of weights) {
      const values = data as Float32Array;
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
      const norm = name.includes('norm');
      // Two layers add two outputs each to the residual stream.
      const wanted = norm ? 0 : /o_proj|down_proj/.test(name) ? 0.02 / 2 : 0.02;
      // The error of a deviation from n normal numbers is about wanted / sqrt(2 n); n is 2048 at least.
      expect([name, Math.abs(deviation - wanted) <= wanted * 0.08]).toEqual([name, true]);
      expect([name, Math.abs(mean - (norm ? 1 : 0)) < 0.002]).toEqual([name, true]);
    }
  });

  test('depends on its seed alone', () => {
    expect(newWeights(config, 1)).toEqual(weights);
    expect(newWeights(config, 2)[0].data).not.toEqual(weights[0].data);
  });
});
