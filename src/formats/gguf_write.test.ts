/** A GGUF file that was written says the same when it is read. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeFiles } from './atomic_file.ts';
import { bytesSource } from './bytes_source.ts';
import { readGguf } from './gguf.ts';
import { type GgufField, ggufFile } from './gguf_write.ts';
import { readTensor } from './tensor.ts';

test('metadata of every type and tensors of every layout come back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lacuna-gguf-'));
  try {
    const path = join(folder, 'x.gguf');
    // More than the first buffer holds, so that it grows in the middle.
    const tokens = Array.from({ length: 9000 }, (_, i) => `Ġtoken ${i} é`);
    const metadata = new Map<string, GgufField>([
      ['general.architecture', ['string', 'llama']],
      ['a.count', ['u32', 0xfffffffe]],
      ['a.eps', ['f32', 1e-5]],
      ['a.yes', ['bool', true]],
      ['a.no', ['bool', false]],
      ['a.tokens', ['strings', tokens]],
      ['a.types', ['i32s', [3, -1, 1]]],
      ['a.scores', ['f32s', [0.5, -2]]],
    ]);
    const bytes = (n: number, seed: number) => Uint8Array.from({ length: n }, (_, i) => i * seed);
    const inTwo = (all: Uint8Array) =>
      async function* () {
        yield all.subarray(0, 7);
        yield all.subarray(7);
      };
    const tensors = [
      { name: 'q4', type: 'Q4_1', shape: [2, 64], data: inTwo(bytes(80, 3)) },
      { name: 'q8', type: 'Q8_0', shape: [3, 32], data: inTwo(bytes(102, 5)) },
      { name: 'norm', type: 'F32', shape: [5], data: inTwo(bytes(20, 7)) },
      { name: 'half', type: 'F16', shape: [2, 3], data: inTwo(bytes(12, 9)) },
    ] as const;
    await writeFiles([ggufFile(path, metadata, tensors)]);
    const { version, metadata: read, tensors: found } = await readGguf(bytesSource(path, await readFile(path)));
    expect(version).toBe(3);
    expect([...read.keys()]).toEqual([...metadata.keys()]);
    expect(read.get('a.count')).toBe(0xfffffffe);
    expect(read.get('a.eps')).toBe(Math.fround(1e-5));
    expect([read.get('a.yes'), read.get('a.no')]).toEqual([true, false]);
    expect(read.get('a.tokens')).toEqual(tokens);
    expect(read.get('a.types')).toEqual(Int32Array.of(3, -1, 1));
    expect(read.get('a.scores')).toEqual(Float32Array.of(0.5, -2));
    for (const { name, type, shape } of tensors)
      expect(found.get(name)).toMatchObject({ dtype: type, shape: [...shape] });
    expect(await readTensor(found.get('q8')!)).toEqual(bytes(102, 5));
    expect(await readTensor(found.get('half')!)).toEqual(bytes(12, 9));
    for (const tensor of found.values()) expect(tensor.offset % 32).toBe(0);

    const short = { name: 's', type: 'Q8_0', shape: [2, 32], data: inTwo(bytes(34, 1)) } as const;
    await expect(writeFiles([ggufFile(path, metadata, [short])])).rejects.toThrow('s: 34 bytes for Q8_0 [2,32]');
  } finally {
    await rm(folder, { recursive: true });
  }
});
