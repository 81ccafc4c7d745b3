/**
 * However a run of `lacuna train` stops — told to, by Ctrl-C, killed, its device lost, its disk full — it keeps a
 * checkpoint, and goes on from it to the bytes of a run that never stopped.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Bundle,
  eventsOf,
  LORA,
  lacuna,
  MODEL,
  makeRoot,
  GPU as ON,
  SHAPE,
  trainArgs,
  useDriver,
} from '../../test/train_command.ts';
import { experimentNamed, settingsOf } from '../exp/index.ts';
import { Gpu } from '../gpu/gpu.ts';
import { RunFolder } from '../train/run_folder.ts';
import { applySettings } from '../train/settings.ts';
import { configOf, openJob, planJob, type Reporter, runTraining } from './train_run.ts';

const KEPT = ['adapter/adapter_model.safetensors', 'adapter-best/adapter_model.safetensors', 'val_pred.parquet'];

/** A disk of 64 KiB, which only root can make. */
function smallDisk(folder: string): boolean {
  const made = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  return made && made.status === 0;
}

describe('a run of lacuna train that stops', () => {
  let root: string;
  let bundle: Bundle;
  const at = (...names: string[]) => join(root, ...names);
  const args = (out: string, ...more: string[]) =>
    trainArgs(at('data'), at(out), LORA, '--fold', '0', '--json', ...more);
  const resume = (out: string, ...more: string[]) => lacuna('train', '--resume', '--out', at(out), '--json', ...more);
  /** It has all that the whole run has, byte for byte, and every step once. */
  const expectWhole = async (out: string) => {
    for (const name of KEPT)
      expect({ name, same: (await readFile(at(out, name))).equals(await readFile(at('whole', name))) }).toEqual({
        name,
        same: true,
      });
    const [{ steps, epochs }, whole] = [await eventsOf(at(out)), await eventsOf(at('whole'))];
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual(whole.steps.map(({ step, loss }) => [step, loss]));
    expect(epochs.map(({ epoch, loss, report }) => [epoch, loss, report])).toEqual(
      whole.epochs.map(({ epoch, loss, report }) => [epoch, loss, report]),
    );
    for (const folder of ['', 'adapter'])
      expect((await readdir(at(out, folder))).sort()).toEqual((await readdir(at('whole', folder))).sort());
  };
  beforeAll(async () => {
    useDriver();
    root = await makeRoot();
    bundle = await Bundle.make();
    expect(await lacuna(...args('whole'))).toMatchObject({ code: 0, err: '' });
  });
  afterAll(async () => {
    await bundle?.remove();
    await rm(root, { recursive: true });
  });

  test('--max-steps says how to go on; a loss of NaN leaves the checkpoint as it was', async () => {
    const stopped = await lacuna(...args('cut', '--max-steps', '3'));
    expect(stopped).toMatchObject({
      code: 0,
      err: `stopped at step 3 of 16, with a checkpoint; to go on:\n  lacuna train --resume --out ${at('cut')}\n`,
    });
    expect(JSON.parse(stopped.out.trimEnd().split('\n').at(-1)!)).toMatchObject({
      type: 'end',
      complete: false,
      step: 3,
    });
    await cp(at('cut'), at('poisoned'), { recursive: true });
    const file = at('poisoned/checkpoint.safetensors');
    const bytes = await readFile(file);
    const header = Number(bytes.readBigUInt64LE());
    const tensors: Record<string, { data_offsets: number[] }> = JSON.parse(bytes.toString('utf8', 8, 8 + header));
    const [, parameter] = Object.entries(tensors).find(([name]) => name.startsWith('value.'))!;
    bytes.writeFloatLE(Number.NaN, 8 + header + parameter.data_offsets[0]);
    await writeFile(file, bytes);
    const broken = await resume('poisoned');
    expect(broken.code).toBe(2);
    expect(broken.err).toBe(
      'lacuna: step 4 of 16: the loss is NaN: train with a smaller lr (--set lr=…), from the last checkpoint\n',
    );
    expect((await readFile(file)).equals(bytes)).toBe(true);
    // In the middle of the first epoch, at its end, in the second one.
    for (const steps of ['8', '11']) expect((await resume('cut', '--max-steps', steps)).code).toBe(0);
    expect((await resume('cut')).code).toBe(0);
    await expectWhole('cut');
    expect(await resume('cut')).toMatchObject({ code: 0, err: '' });
    await expectWhole('cut');
  });

  test('Ctrl-C ends with 130, a checkpoint and the command to go on', async () => {
    let pressed = false;
    const stopped = await bundle.run(args('pressed'), (line, child) => {
      if (pressed || JSON.parse(line).step !== 3) return;
      // Not child.kill: Deno's then takes the child's end for the signal's, whatever code it ends with.
      pressed = process.kill(child.pid!, 'SIGINT');
    });
    expect(stopped.code).toBe(130);
    expect(stopped.err).toMatch(/^stopping after this step \(again: at once, as of the last checkpoint\)$/m);
    expect(stopped.err).toContain(`to go on:\n  lacuna train --resume --out ${at('pressed')}\n`);
    const { steps } = await eventsOf(at('pressed'));
    expect(steps.length).toBeGreaterThanOrEqual(3);
    expect(steps.length).toBeLessThan(16);
    expect((await resume('pressed')).code).toBe(0);
    await expectWhole('pressed');
  });

  test('Ctrl-C before the first step leaves a run that begins', async () => {
    const before = process.listenerCount('SIGINT');
    const stopping = lacuna(...args('early'));
    while (process.listenerCount('SIGINT') === before) await new Promise((done) => setTimeout(done, 5));
    process.emit('SIGINT');
    const stopped = await stopping;
    expect(stopped).toMatchObject({ code: 130, out: expect.stringContaining('"complete":false,"step":0') });
    expect(stopped.err).toContain(
      `\nstopped at step 0 of 16; to go on:\n  lacuna train --resume --out ${at('early')}\n`,
    );
    expect(process.listenerCount('SIGINT')).toBe(before);
    expect((await resume('early')).code).toBe(0);
    await expectWhole('early');
  });

  test('kill -9 loses no more than the steps since the last checkpoint', async () => {
    const killed = await bundle.run(args('killed', '--checkpoint-every', '2'), (line, child) => {
      if (JSON.parse(line).step === 13) child.kill('SIGKILL');
    });
    expect(killed.code).toBe(null);
    // What a kill in the middle of writing leaves.
    await writeFile(at('killed/checkpoint.safetensors.4194304.tmp'), 'half');
    await writeFile(at('killed/adapter/adapter_model.safetensors.4194304.tmp'), 'half');
    const { out, code } = await resume('killed');
    expect(code).toBe(0);
    expect(JSON.parse(out.split('\n')[0]).step).toBeGreaterThan(12);
    await expectWhole('killed');
  });

  /** A run in this process whose reporter is told of every step and may do harm then. */
  async function start(out: string, harm: (gpu: Gpu, step: number) => void, openGpu?: () => Promise<Gpu>) {
    const settings = applySettings(settingsOf(experimentNamed('exp010')!, 'default'), [...SHAPE, ...LORA]);
    const opened = await openJob({
      ...{ experiment: 'exp010', preset: 'default', train: 'lora', model: MODEL, modelPath: MODEL, data: at('data') },
      ...{ fold: 0, withoutRationales: false, tier: ON.tier, settings },
    });
    const open = () => Gpu.open({ tier: ON.tier });
    let gpu = await open();
    const notes: string[] = [];
    const reporter: Reporter = {
      phase: () => {},
      begin: () => {},
      step: ({ step }) => harm(gpu, step),
      epoch: () => {},
      note: (text) => void notes.push(text),
    };
    try {
      const { chunkTokens } = planJob(gpu, opened);
      const folder = await RunFolder.create(at(out), configOf(opened, gpu, chunkTokens, 'a test'));
      const ended = await runTraining(gpu, opened, folder, {
        reporter,
        signal: new AbortController().signal,
        due: (steps) => steps >= 2,
        openGpu: async () => {
          gpu = await (openGpu ?? open)();
          return gpu;
        },
      });
      return { ended, notes };
    } finally {
      await opened.close();
    }
  }

  test('a lost device is opened again', async () => {
    let lost = 0;
    const { ended, notes } = await start('lost', (gpu, step) => {
      if (step !== 6 + 6 * lost || lost === 2) return;
      lost++;
      gpu.device.destroy();
    });
    expect(ended).toEqual({ complete: true, step: 16, steps: 16 });
    expect(notes).toEqual(
      [6, 12].map((n) => `the GPU was lost at step ${n}: opening it again, from the last checkpoint`),
    );
    await expectWhole('lost');
  });

  test('a device that is lost again and again ends the run with a line', async () => {
    const broken = async () => {
      const gpu = await Gpu.open({ tier: ON.tier });
      gpu.device.destroy();
      return gpu;
    };
    const run = start('broken', (gpu, step) => step === 3 && gpu.device.destroy(), broken);
    await expect(run).rejects.toThrow(
      /^the GPU was lost 4 times at step 3: the last checkpoint is kept, and when .* goes on$/,
    );
    expect((await resume('broken')).code).toBe(0);
    await expectWhole('broken');
  });

  test('a full disk ends with a line, and the last checkpoint is kept', async () => {
    await mkdir(at('disk'));
    if (!smallDisk(at('disk'))) {
      console.warn('SKIPPED: a full disk is made by mounting a small one, which this user or container may not');
      return;
    }
    try {
      const full = await lacuna(...args('disk/run', '--checkpoint-every', '1'));
      expect(full.code).toBe(2);
      expect(full.err).toMatch(/^lacuna: .*: no space left on the disk\n$/);
      const left = await readdir(at('disk/run'));
      expect(left).toContain('checkpoint.safetensors');
      expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([]);
      expect(spawnSync('mount', ['-o', 'remount,size=4m', at('disk')]).status).toBe(0);
      const { out, code } = await resume('disk/run');
      expect(code).toBe(0);
      expect(JSON.parse(out.split('\n')[0]).step).toBeGreaterThan(1);
      await expectWhole('disk/run');
    } finally {
      spawnSync('umount', [at('disk')]);
    }
  });
});
