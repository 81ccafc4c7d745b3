/** What a sentence-transformers folder holds; test/peers/check_sentence_transformers.py loads one in the library itself. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goldenPath } from '../../test/golden/golden.ts';
import { queryText } from '../data/prompt.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { openFile } from '../formats/file_source.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { openModelSource } from './model_source.ts';
import { writeSentenceTransformers } from './sentence_transformers.ts';
import { weightsOf } from './weights.ts';

describe('a sentence-transformers folder', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lacuna-export-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const write = async (model: string, pooling: 'last' | 'mean' = 'last') => {
    const folder = join(root, `${model}-${pooling}`);
    const source = await openModelSource(goldenPath(model));
    try {
      const weights = await weightsOf(source.checkpoint);
      await writeSentenceTransformers(folder, source, weights, { dtype: 'F16', pooling, maxLength: 144 });
    } finally {
      await source.checkpoint.close();
    }
    return { folder, json: async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8')) };
  };

  test('modules, pooling and prompts', async () => {
    const { folder, json } = await write('qwen2-bf16');
    expect((await readdir(folder)).sort()).toEqual([
      '1_Pooling',
      '2_Normalize',
      'config.json',
      'config_sentence_transformers.json',
      'model.safetensors',
      'modules.json',
      'sentence_bert_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const modules = await json('modules.json');
    expect(modules.map(({ type }: { type: string }) => type)).toEqual(
      ['Transformer', 'Pooling', 'Normalize'].map((name) => `sentence_transformers.models.${name}`),
    );
    expect(modules.map(({ path }: { path: string }) => path)).toEqual(['', '1_Pooling', '2_Normalize']);
    expect(await json('1_Pooling/config.json')).toMatchObject({
      word_embedding_dimension: 64,
      pooling_mode_lasttoken: true,
      pooling_mode_mean_tokens: false,
    });
    expect((await json('sentence_bert_config.json')).max_seq_length).toBe(144);
    const { query } = (await json('config_sentence_transformers.json')).prompts;
    const text = queryText({ question: 'What is 1/2?', correct: '.5', incorrect: '2' });
    expect(text).toBe(`${query} <Question> What is 1/2? <Correct Answer> .5 <Incorrect Answer> 2`);
    // An untied head is not part of an embedding model.
    const file = await openFile(join(folder, 'model.safetensors'));
    const tensors = await readSafetensors(file);
    await file.close();
    expect(tensors.has('lm_head.weight')).toBe(false);
    expect(tensors.get('model.embed_tokens.weight')).toMatchObject({ dtype: 'F16', shape: [320, 64] });
    const { folder: mean } = await write('qwen2-f32', 'mean');
    expect(JSON.parse(await readFile(join(mean, '1_Pooling/config.json'), 'utf8'))).toMatchObject({
      pooling_mode_lasttoken: false,
      pooling_mode_mean_tokens: true,
    });
  });

  test.each(['qwen2-f32', 'gguf-q8_0'])('%s: the same ids as before, none added', async (model) => {
    const { folder, json } = await write(model);
    expect((await json('tokenizer.json')).post_processor).toBe(null);
    const { pad_token: pad, tokenizer_class: kind } = await json('tokenizer_config.json');
    expect(pad).toBe('<|endoftext|>');
    expect(kind).toBe('PreTrainedTokenizerFast');
    const [before, after] = [await openCheckpoint(goldenPath(model)), await openCheckpoint(folder)];
    for (const text of ['the fraction 3/4', 'caf\u00e9  <|im_end|> x\n'])
      expect([...tokenizerOf(after).encode(text)]).toEqual([...tokenizerOf(before).encode(text)]);
    for (const checkpoint of [before, after]) await checkpoint.close();
  });

  test('a model without a tokenizer is refused', async () => {
    await expect(write('qwen2-f16')).rejects.toThrow('tokenizer.json is missing beside the weights');
    expect(await readdir(root)).not.toContain('qwen2-f16-last');
  });
});
