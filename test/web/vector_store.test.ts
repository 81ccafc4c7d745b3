/** Vectors that were kept, and those that come with a model. */
import { expect, test } from 'vitest';
import { MemoryDisk } from '../../web/storage/memory_disk.ts';
import { sha256Bytes } from '../../web/storage/sha256.ts';
import { VectorStore } from '../../web/storage/vector_store.ts';

const row = async (text: string, vector: number[]) => [
  (await sha256Bytes(text)) as Uint8Array<ArrayBuffer>,
  new Float32Array(vector),
];

test('rows that come with a model are not embedded, are not kept again, and outlive clearing', async () => {
  const disk = new MemoryDisk();
  const known = new Blob([...(await row('a', [1, 2])), ...(await row('b', [3, 4]))]);
  const asked: string[] = [];
  const embed = async (missing: string[]) => {
    asked.push(...missing);
    return Float32Array.from(missing.flatMap(() => [5, 6]));
  };
  const store = await VectorStore.open(disk, 'key', 2, known);
  const { vectors, embedded } = await store.vectors(['b', 'c', 'a'], 8, embed);
  expect([[...vectors], embedded, asked]).toEqual([[3, 4, 5, 6, 1, 2], 1, ['c']]);
  expect(await VectorStore.bytes(disk)).toBe(40);
  await VectorStore.clear(disk);
  store.forget();
  expect((await store.vectors(['a', 'c'], 8, embed)).embedded).toBe(1);
  const again = await VectorStore.open(disk, 'key', 2, known);
  expect((await again.vectors(['a', 'b', 'c'], 8, embed)).embedded).toBe(0);
});

test('a file of torn rows counts as none', async () => {
  const store = await VectorStore.open(new MemoryDisk(), 'key', 2, new Blob([new Uint8Array(41)]));
  expect((await store.vectors(['a'], 8, async () => Float32Array.of(1, 2))).embedded).toBe(1);
});
