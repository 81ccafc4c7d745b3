/**
 * A run on disk: every parameter with AdamW's moments, and where the run stands, in one safetensors file that replaces
 * the one before in one rename. Whatever kills the process, the file is whole, and a run that goes on from it makes
 * the same bits as one that never stopped.
 */
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { openFile } from '../formats/file_source.ts';
import { readSafetensors, readSafetensorsMetadata } from '../formats/safetensors.ts';
import { writeSafetensors } from '../formats/safetensors_write.ts';
import { check } from '../formats/schema.ts';
import { readTensor } from '../formats/tensor.ts';
import type { TrainState } from './events.ts';
import { KEPT } from './parameters.ts';
import { checkSettings, type Settings } from './settings.ts';
import type { Trainable } from './trainable.ts';

const STATE = z.strictObject({
  epoch: z.int().min(0),
  step: z.int().min(0),
  tried: z.int().min(0),
  updates: z.int().min(0),
  lossScale: z.number().positive(),
  steady: z.int().min(0),
  lossSum: z.number(),
  seconds: z.number().min(0),
  mined: z.array(z.array(z.int().min(0))).optional(),
});

/** Writes the run's checkpoint, streamed from the GPU one tensor after the other. UserError where the disk is full. */
export async function saveCheckpoint(
  path: string,
  trainable: Trainable,
  state: TrainState,
  settings: Settings,
): Promise<void> {
  const { gpu, all } = trainable.parameters;
  const tensors = all.flatMap((p) =>
    KEPT.map((kind) => ({
      name: `${kind}.${p.name}`,
      dtype: 'F32' as const,
      shape: p.shape,
      data: async function* () {
        yield await gpu.read(p[kind]);
      },
    })),
  );
  await writeSafetensors(path, tensors, { state: JSON.stringify(state), settings: JSON.stringify(settings) });
}

/**
 * Reads a checkpoint into the parameters of `trainable`. UserError where the file is damaged, or of a run that trains
 * other parameters: nothing is changed then, unless the file breaks off while it is read.
 */
export async function loadCheckpoint(
  path: string,
  trainable: Trainable,
): Promise<{ state: TrainState; settings: Settings }> {
  const source = await openFile(path);
  try {
    const stored = await readSafetensors(source);
    const metadata = await readSafetensorsMetadata(source);
    const state = check(STATE, parse(metadata.get('state'), path), path);
    const settings = checkSettings(parse(metadata.get('settings'), path), path);
    const { gpu, all } = trainable.parameters;
    if (stored.size !== KEPT.length * all.length)
      throw new UserError(`${path}: holds ${stored.size / KEPT.length} parameters, and this run trains ${all.length}`);
    const found = all.flatMap((p) =>
      KEPT.map((kind) => {
        const info = stored.get(`${kind}.${p.name}`);
        if (info?.dtype !== 'F32' || `${info.shape}` !== `${p.shape}`)
          throw new UserError(`${path}: has no ${kind} of ${p.name} [${p.shape}]: it is of a run that trains others`);
        return { info, to: p[kind] };
      }),
    );
    for (const { info, to } of found) {
      const bytes = await readTensor(info);
      gpu.write(to, new Float32Array(bytes.buffer as ArrayBuffer));
    }
    trainable.refresh.replay();
    await gpu.idle();
    return { state, settings };
  } finally {
    await source.close();
  }
}

function parse(text: string | undefined, path: string): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw new UserError(`${path}: is no checkpoint of lacuna train`);
  }
}
