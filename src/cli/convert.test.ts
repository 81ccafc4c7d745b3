/** merge, quantize and export as commands: what they print, what they refuse, what they leave behind. */
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN } from '../../test/golden/golden.ts';
import { GPU, useDriver } from '../../test/train_command.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { exportCommand } from './export.ts';
import { mergeCommand } from './merge.ts';
import { quantizeCommand } from './quantize.ts';

/** What a command line writes to stdout. */
async function run(...args: string[]): Promise<string> {
  const program = new Command('lacuna').exitOverride().configureOutput({ writeErr: () => {} });
  for (const add of [mergeCommand, quantizeCommand, exportCommand]) add(program);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
  const { write } = process.stdout;
  let out = '';
  process.stdout.write = ((text: string) => {
    out += text;
    return true;
  }) as typeof write;
  try {
    await program.parseAsync(args, { from: 'user' });
  } finally {
    process.stdout.write = write;
    process.removeAllListeners('SIGINT');
    process.removeAllListeners('SIGTERM');
  }
  return out;
}

const MODEL = `${GOLDEN}qwen2-f32`;
const ADAPTER = `${MODEL}/adapters/r4`;
const SAMPLE = fileURLToPath(new URL('../../data/sample', import.meta.url));
const RSLORA = `${MODEL}/adapters/rslora`;

describe('commands that write models', () => {
  let root: string;
  const at = (name: string) => join(root, name);
  beforeAll(async () => {
    useDriver();
    root = await mkdtemp(join(tmpdir(), 'lacuna-convert-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  test('a model merged, made int4 and exported opens again', async () => {
    const merged = JSON.parse(await run('merge', MODEL, '--adapter', ADAPTER, '--out', at('merged'), '--json'));
    expect(merged).toEqual({
      out: at('merged'),
      kind: 'model',
      from: [MODEL, ADAPTER],
      dtype: 'f16',
      parameters: 149504,
    });
    const said = await run('quantize', at('merged'), '--to', 'q4', '--out', at('m.gguf'), '--embedding', 'f16');
    expect(said).toMatch(/^tensor +type +count +weights +MiB +rms error\n/);
    expect(said).toMatch(/\nembed_tokens +F16 +1 +19648 .*\n/);
    expect(said).toMatch(/\nq_proj +Q4_1 +3 +12288 +0\.01 +6\.\d\d %\n/);
    const { bytes } = JSON.parse(
      await run('quantize', MODEL, '--adapter', ADAPTER, '--to', 'q4', '--out', at('direct.gguf'), '--json'),
    );
    expect(bytes).toBeGreaterThan(100_000);
    const wide = JSON.parse(await run('quantize', at('merged'), '--to', 'q8', '--out', at('m8.gguf'), '--json'));
    expect(wide.classes.q_proj).toMatchObject({ type: 'Q8_0', tensors: 3 });
    expect(wide.classes.q_proj.relativeRms).toBeLessThan(0.01);
    expect(wide.rounding).toBe(undefined);
    await run('quantize', at('m.gguf'), '--to', 'bf16', '--out', at('wide'));
    await run('export', '--sentence-transformers', '--model', at('m.gguf'), '--out', at('st'));
    await run('merge', '--slerp', MODEL, at('m.gguf'), '--t', '.25', '--out', at('between'), '--dtype', 'f32');
    const soup = ['merge', '--soup', MODEL, at('m.gguf'), at('wide'), '--weights', '2', '1', '1', '--out', at('soup')];
    expect(JSON.parse(await run(...soup, '--json'))).toMatchObject({
      kind: 'model',
      from: { length: 3 },
      dtype: 'f16',
    });
    for (const name of ['merged', 'm.gguf', 'direct.gguf', 'wide', 'st', 'between', 'soup']) {
      const checkpoint = await openCheckpoint(at(name));
      expect(checkpoint.parameters()).toBe(149504);
      await checkpoint.close();
    }
    const average = JSON.parse(await run('merge', '--average', ADAPTER, RSLORA, '--out', at('avg'), '--json'));
    expect(average).toMatchObject({ kind: 'adapter', method: 'concat', rank: 7, modules: 21 });
    await run('merge', MODEL, '--adapter', at('avg'), '--out', at('merged-average'));
    expect((await readdir(root)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('weights that left an int4 file by less than a step are rounded by chance', async () => {
    const quantized = async (...args: string[]) => JSON.parse(await run('quantize', ...args, '--force', '--json'));
    await quantized(MODEL, '--to', 'q4', '--out', at('base.gguf'));
    const adapted = [at('base.gguf'), '--adapter', at('small'), '--out', at('back.gguf')];
    await mkdir(at('small'));
    const config = JSON.parse(await readFile(`${ADAPTER}/adapter_config.json`, 'utf8'));
    // The update scaled down: what training changes is small beside a level.
    await writeFile(at('small/adapter_config.json'), JSON.stringify({ ...config, lora_alpha: config.lora_alpha / 20 }));
    await copyFile(`${ADAPTER}/adapter_model.safetensors`, at('small/adapter_model.safetensors'));
    expect((await quantized(at('base.gguf'), '--to', 'q4', '--out', at('again.gguf'))).rounding).toBe('nearest');
    expect((await quantized(...adapted, '--to', 'q8')).rounding).toBe(undefined);
    expect((await quantized(...adapted, '--to', 'q4', '--rounding', 'nearest')).rounding).toBe('nearest');
    const chance = async () => {
      expect((await quantized(...adapted, '--to', 'q4')).rounding).toBe('stochastic');
      return readFile(at('back.gguf'));
    };
    expect(await chance()).toEqual(await chance());
    const texts = ['--calibrate', SAMPLE, '--fold', '1', '--calibration-tokens', '300', '--tier', GPU.tier];
    const calibrated = async () => {
      const said = await quantized(...adapted, '--to', 'q4', ...texts);
      expect(said).toMatchObject({ rounding: 'calibrated', classes: { q_proj: { type: 'Q4_1' } } });
      return readFile(at('back.gguf'));
    };
    expect(await calibrated()).toEqual(await calibrated());
  });

  test('what is there stays unless --force says otherwise, and never what is read', async () => {
    const out = at('occupied');
    await mkdir(out);
    await run('merge', MODEL, '--adapter', ADAPTER, '--out', out);
    await expect(run('merge', MODEL, '--adapter', ADAPTER, '--out', out)).rejects.toThrow('--force writes over it');
    await run('merge', MODEL, '--adapter', ADAPTER, '--out', out, '--force');
    await expect(run('quantize', out, '--to', 'f16', '--out', out, '--force')).rejects.toThrow('is read from');
    await writeFile(at('file'), '');
    await expect(run('merge', MODEL, '--adapter', ADAPTER, '--out', at('file'))).rejects.toThrow('is a file');
  });

  test.each([
    [['merge', '--out', 'x'], /say what to merge with one of/],
    [['merge', MODEL, '--adapter', ADAPTER, '--slerp', MODEL, MODEL, '--out', 'x'], /say what to merge with one of/],
    [['merge', '--adapter', ADAPTER, '--out', 'x'], /the base model is missing/],
    [['merge', MODEL, '--average', ADAPTER, RSLORA, '--out', 'x'], /says nothing without --adapter/],
    [['merge', MODEL, '--adapter', ADAPTER, '--t', '.5', '--out', 'x'], /--t says nothing without --slerp/],
    [['merge', '--average', ADAPTER, '--out', 'x'], /takes two or more adapters/],
    [['merge', '--average', ADAPTER, RSLORA, '--weights', '1', '--out', 'x'], /1 numbers for 2 adapters/],
    [['merge', '--average', ADAPTER, RSLORA, '--weights', '0', '0', '--out', 'x'], /are all 0/],
    [['merge', '--average', ADAPTER, RSLORA, '--weights', 'a', '--out', 'x'], /must be numbers/],
    [['merge', '--average', ADAPTER, RSLORA, '--method', 'mean', '--out', 'x'], /adapted by only one/],
    [['merge', '--soup', MODEL, '--out', 'x'], /--soup takes two or more models; one is given/],
    [['merge', '--soup', MODEL, MODEL, '--weights', '1', '--out', 'x'], /1 numbers for 2 models/],
    [['merge', '--soup', MODEL, MODEL, '--t', '.5', '--out', 'x'], /--t says nothing without --slerp/],
    [['merge', '--soup', MODEL, `${GOLDEN}llama-f32`, '--out', 'x'], /llama-f32 has the tensor "lm_head"/],
    [['merge', '--slerp', MODEL, '--out', 'x'], /takes two models; 1 are given/],
    [['merge', '--slerp', MODEL, MODEL, '--t', '2', '--out', 'x'], /must be from 0 to 1/],
    [
      ['merge', '--slerp', MODEL, `${GOLDEN}llama-f32`, '--out', 'x'],
      /llama-f32 has the tensor "lm_head", .* has none/,
    ],
    [
      ['merge', `${GOLDEN}llama-f32`, '--adapter', ADAPTER, '--out', 'x'],
      /layers\.0\.mlp\.down_proj is for 160 inputs and 64 outputs; the model has 224/,
    ],
    [['quantize', MODEL, '--to', 'q4', '--out', 'x'], /give it that ending/],
    [
      ['quantize', MODEL, '--to', 'q8', '--out', 'x.gguf', '--calibrate', SAMPLE],
      /--calibrate is for --to q4: q8 needs none/,
    ],
    [['quantize', MODEL, '--to', 'f16', '--out', 'x', '--rounding', 'nearest'], /--rounding is for --to q4/],
    [['quantize', MODEL, '--to', 'q4', '--out', 'x.gguf', '--fold', '1'], /--fold is for --calibrate/],
    [['quantize', MODEL, '--to', 'q4', '--out', 'x.gguf', '--calibrate', SAMPLE, '--fold', '9'], /fold 9/],
    [['quantize', MODEL, '--to', 'q4', '--out', 'x.gguf', '--calibrate', 'nowhere'], /nowhere/],
    [['quantize', MODEL, '--to', 'q5', '--out', 'x.gguf'], /Allowed choices are q4, q8, f16, bf16/],
    [['export', '--model', MODEL, '--out', 'x'], /say what to export for/],
    [
      ['export', '--sentence-transformers', '--model', `${GOLDEN}qwen2-f16`, '--out', 'x'],
      /tokenizer\.json is missing/,
    ],
  ])('%s', async (args, message) => {
    const target = at('refused');
    const line = args.map((arg) => (arg === 'x' || arg === 'x.gguf' ? arg.replace('x', target) : arg));
    const error = await run(...line).then(
      () => new Error('not refused'),
      (error: Error) => error,
    );
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    for (const path of [target, `${target}.gguf`]) await expect(access(path)).rejects.toThrow();
  });
});
