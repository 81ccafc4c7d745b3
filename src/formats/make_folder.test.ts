/** Folders made as needed. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from './make_folder.ts';

test('makes what is missing and says where it began', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lacuna-'));
  try {
    expect(await makeFolder(join(root, 'a/b/c'))).toEqual(['a', 'a/b', 'a/b/c'].map((name) => join(root, name)));
    expect(await makeFolder(join(root, 'a/b/d'))).toEqual([join(root, 'a/b/d')]);
    expect(await makeFolder(join(root, 'a/b'))).toEqual([]);
    expect(await readdir(join(root, 'a/b'))).toEqual(['c', 'd']);
    // Two at a time.
    const both = await Promise.all([makeFolder(join(root, 'x/y')), makeFolder(join(root, 'x/z'))]);
    expect(both.flat()).toEqual(expect.arrayContaining(['x', 'x/y', 'x/z'].map((name) => join(root, name))));
    await writeFile(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file/below'))).rejects.toThrow('ENOTDIR');
  } finally {
    await rm(root, { recursive: true });
  }
});

test.skipIf(process.platform !== 'linux')('ends where nothing can be made', async () => {
  await expect(makeFolder('/proc/lacuna/below')).rejects.toThrow('ENOENT');
});
