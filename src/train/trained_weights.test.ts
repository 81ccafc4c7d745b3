/** Trained weights as they are written: each with its own rows of its parameter, in f32 and as the GPU rounded them. */
import { Buffer } from 'node:buffer';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { goldenPath } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { writeModelFolder } from '../convert/hf_folder.ts';
import { openModelSource } from '../convert/model_source.ts';
import { weightsOf } from '../convert/weights.ts';
import { Recorder } from '../gpu/recorder.ts';
import { toHalf } from '../half.ts';
import { allWeights } from './all_weights.ts';
import { Parameters } from './parameters.ts';
import type { Trainable } from './trainable.ts';
import { trainedWeights } from './trained_weights.ts';

/** A GPU may flush a subnormal half to zero. */
const halfOf = (x: number) => (Math.abs(x) < 2 ** -14 ? 0 : toHalf(x));

type Trained = Awaited<ReturnType<typeof trainedWeights>>;

async function expectRows(t: Trained, path: string, begin: number, end: number, expected: Float32Array): Promise<void> {
  const values = await (await t.weights.get(path)!.open()).read(begin, end);
  const same = Buffer.from(values.buffer).equals(Buffer.from(expected.slice().buffer));
  expect({ path, same }).toEqual({ path, same: true });
  const halves = await t.halves?.(path, begin, end);
  if (!halves) return;
  expect(halves.length).toBe(values.length);
  for (let i = 0; i < values.length; i++)
    if (halfOf(values[i]) !== ((halves[i] & 0x7c00) === 0 ? 0 : halves[i]))
      throw new Error(`${path}: ${values[i]} is ${halves[i].toString(16)} in f16`);
}

describeGpus('trained weights', (gpu) => {
  test.each(['qwen2-f32', 'llama-f32', 'gguf-q4_1'])('of %s are those it began with', async (name) => {
    const g = gpu();
    const { checkpoint } = await openModelSource(goldenPath(name));
    const base = await weightsOf(checkpoint);
    const trainable = await allWeights(g, checkpoint);
    const trained = await trainedWeights(trainable, checkpoint);
    expect(trained.halves !== undefined).toBe(g.activation === 'f16');
    expect(await trained.halves?.('lm_head', 0, 1)).toBe(undefined);
    for (const [path, { shape, open }] of base)
      await expectRows(trained, path, 0, shape[0], await (await open()).read(0, shape[0]));
    trainable.free();
    await checkpoint.close();
  });

  test('any rows of a weight, also where a table is several parameters, or two are one', async () => {
    const g = gpu();
    const { checkpoint } = await openModelSource(goldenPath('qwen2-f32'));
    const [q, k, v] = ['q', 'k', 'v'].map((letter) => `layers.1.self_attn.${letter}_proj`);
    const specs = [
      { name: 'embed_tokens 0', shape: [201, 64] },
      { name: 'embed_tokens 1', shape: [106, 64] },
      { name: `${q} + ${k} + ${v} bias`, shape: [128] },
    ];
    const parameters = new Parameters(g, specs, { halves: g.activation === 'f16' });
    const [table, bias] = [307 * 64, 128].map((size, i) =>
      Float32Array.from({ length: size }, (_, at) => Math.sin(1 + at + i)),
    );
    const cut = 201 * 64;
    for (const [i, values] of [table.subarray(0, cut), table.subarray(cut), bias].entries())
      g.write(parameters.all[i].value, values);
    const r = new Recorder(g);
    parameters.recordHalves(r);
    const refresh = await r.finish();
    refresh.replay();
    const trained = await trainedWeights({ parameters } as Trainable, checkpoint);
    for (const [begin, end] of [
      [0, 307],
      [7, 8],
      [200, 202],
      [201, 306],
    ])
      await expectRows(trained, 'embed_tokens', begin, end, table.subarray(begin * 64, end * 64));
    for (const [begin, end] of [
      [0, 32],
      [3, 6],
      [4, 31],
    ])
      await expectRows(trained, `${k}.bias`, begin, end, bias.subarray(64 + begin, 64 + end));
    refresh.free();
    parameters.free();
    await checkpoint.close();
  });

  test('what f16 cannot hold is refused by its value, and nothing written', async () => {
    const g = gpu();
    const source = await openModelSource(goldenPath('qwen2-f32'));
    const trainable = await allWeights(g, source.checkpoint);
    const folder = await mkdtemp(join(tmpdir(), 'lacuna-trained-'));
    const { weights, halves } = await trainedWeights(trainable, source.checkpoint);
    await writeModelFolder(join(folder, 'fits'), source, weights, { dtype: 'F16', halves });
    g.write(trainable.parameters.all.find(({ name }) => name === 'norm')!.value, Float32Array.of(1, 7e4));
    trainable.refresh.replay();
    await expect(writeModelFolder(join(folder, 'large'), source, weights, { dtype: 'F16', halves })).rejects.toThrow(
      'model.norm.weight: value 1 is 70000, which F16 cannot hold',
    );
    expect(await readdir(folder)).toEqual(['fits']);
    await rm(folder, { recursive: true });
    trainable.free();
    await source.checkpoint.close();
  });
});
