/** Streaming a safetensors file: the same bytes as in memory, and nothing left behind where it fails. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeUnfinished } from './atomic_file.ts';
import { openFile } from './file_source.ts';
import { readSafetensors, readSafetensorsMetadata, serializeSafetensors } from './safetensors.ts';
import { type TensorToStream, writeSafetensors } from './safetensors_write.ts';
import { readTensor } from './tensor.ts';

const DATA = Float32Array.of(1, -2, 3, 4.5, 5, 6);
const HALVES = Uint16Array.of(0x3c00, 0xc000, 1);

async function* inTwo(view: Float32Array<ArrayBuffer>) {
  yield view.subarray(0, 1);
  await Promise.resolve();
  yield view.subarray(1);
}

const TENSORS: TensorToStream[] = [
  { name: 'z', dtype: 'F16', shape: [3], data: HALVES },
  { name: 'streamed', dtype: 'F32', shape: [2, 3], data: () => inTwo(DATA) },
  { name: 'empty', dtype: 'BF16', shape: [0, 4], data: new Uint16Array(0) },
  { name: 'a', dtype: 'F32', shape: [], data: Float32Array.of(7) },
];

describe('writeSafetensors', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacuna-safetensors-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('writes what the reader reads, the same bytes in any order and as in memory', async () => {
    const path = join(folder, 'one.safetensors');
    await writeSafetensors(path, TENSORS, { format: 'pt' });
    const bytes = await readFile(path);
    await writeSafetensors(join(folder, 'two.safetensors'), [...TENSORS].reverse(), { format: 'pt' });
    expect((await readFile(join(folder, 'two.safetensors'))).equals(bytes)).toBe(true);
    const whole = TENSORS.map((t) => ({ ...t, data: ArrayBuffer.isView(t.data) ? t.data : DATA }));
    expect(bytes.equals(serializeSafetensors(whole, { format: 'pt' }))).toBe(true);
    expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);

    const source = await openFile(path);
    const tensors = await readSafetensors(source);
    expect(await readSafetensorsMetadata(source)).toEqual(new Map([['format', 'pt']]));
    expect(tensors.get('streamed')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect(new Float32Array((await readTensor(tensors.get('streamed')!)).buffer)).toEqual(DATA);
    expect(new Uint16Array((await readTensor(tensors.get('z')!)).buffer)).toEqual(HALVES);
    await source.close();
  });

  test('leaves neither file nor folder where a tensor is too short or its maker fails', async () => {
    const short = { name: 's', dtype: 'F32', shape: [7], data: () => inTwo(DATA) } as const;
    const path = join(folder, 'new', 'deep', 'x.safetensors');
    await expect(writeSafetensors(path, [short])).rejects.toThrow('s: 24 bytes for F32 [7]');
    const failing = () => {
      throw new Error('no weights today');
    };
    await expect(writeSafetensors(path, [{ ...short, data: failing }])).rejects.toThrow('no weights today');
    expect((await readdir(folder)).sort()).toEqual(['one.safetensors', 'two.safetensors']);
  });

  test('removes what it has begun when the process is to end', async () => {
    let seen: string[] = [];
    async function* interrupted() {
      seen = await readdir(join(folder, 'cut'));
      removeUnfinished();
      yield DATA;
      throw new Error('the process would have ended here');
    }
    const tensors = [{ name: 'x', dtype: 'F32', shape: [6], data: interrupted }] as const;
    await expect(writeSafetensors(join(folder, 'cut', 'x.safetensors'), tensors)).rejects.toThrow();
    expect(seen).toEqual([expect.stringMatching(/^x\.safetensors\.\d+\.tmp$/)]);
    expect((await readdir(folder)).sort()).toEqual(['one.safetensors', 'two.safetensors']);
  });
});
