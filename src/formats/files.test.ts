/** Sources of bytes, files written whole or not at all, and .npy. */
import { Buffer } from 'node:buffer';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { writeFiles } from './atomic_file.ts';
import { blobSource } from './blob_source.ts';
import { bytesSource, parseJson, readText } from './bytes_source.ts';
import { openFile } from './file_source.ts';
import { readNpy, writeNpy } from './npy.ts';
import { readNpyFile, writeNpyFile } from './npy_file.ts';
import { seemsToBe } from './sniff.ts';
import type { ByteSource } from './source.ts';

/** A folder that lives as long as the suite it is asked for in. */
function temporaryFolder(): { path: string } {
  const folder = { path: '' };
  beforeAll(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'lacuna-files-'));
  });
  afterAll(() => rmSync(folder.path, { recursive: true }));
  return folder;
}

describe('sources', () => {
  const root = temporaryFolder();
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
  const check = async (source: ByteSource) => {
    expect(source.size).toBe(1000);
    expect(await source.read(0, 1000)).toEqual(bytes);
    expect(await source.read(990, 10)).toEqual(bytes.slice(990));
    expect((await source.read(1000, 0)).length).toBe(0);
    for (const [offset, length] of [
      [991, 10],
      [-1, 5],
      [0, 1001],
      [5, -1],
      [2 ** 53, 1],
      [0, 2 ** 52],
      [Number.NaN, 1],
    ])
      await expect(source.read(offset, length)).rejects.toThrow(UserError);
  };

  test('bytes, a Blob and a file give the same', async () => {
    await check(bytesSource('x', bytes));
    await check(blobSource('x', new Blob([bytes])));
    const path = join(root.path, 'bytes');
    writeFileSync(path, bytes);
    const file = await openFile(path);
    await check(file);
    await file.close();
  });

  test('what is read may be changed without harm', async () => {
    const source = bytesSource('x', bytes);
    (await source.read(0, 10)).fill(0xaa);
    expect((await source.read(0, 10))[1]).toBe(7);
  });

  test('errors of files: missing, a folder, below a file, cut while open', async () => {
    await expect(openFile(join(root.path, 'none'))).rejects.toThrow(
      `${join(root.path, 'none')}: no such file or folder`,
    );
    await expect(openFile(root.path)).rejects.toThrow(': is a folder; give a file');
    const path = join(root.path, 'cut');
    writeFileSync(path, bytes);
    await expect(openFile(join(path, 'below'))).rejects.toThrow('a part of this path is a file');
    await expect(openFile('a\0b')).rejects.toThrow('is not a usable path');
    const file = await openFile(path);
    truncateSync(path, 10);
    await expect(file.read(0, 100)).rejects.toThrow('ended at byte 10 while it was read');
    await file.close();
  });

  // root may read everything, so that there is nothing to refuse.
  test.skipIf(process.getuid?.() === 0)('permission denied', async () => {
    const path = join(root.path, 'secret');
    writeFileSync(path, bytes);
    chmodSync(path, 0);
    await expect(openFile(path)).rejects.toThrow('permission denied');
  });

  test('text and JSON', async () => {
    await expect(readText(bytesSource('x', Uint8Array.of(0x61, 0xff)))).rejects.toThrow('x: is not UTF-8 text');
    await expect(readText(bytesSource('x', bytes), 10)).rejects.toThrow('too large');
    expect(() => parseJson('', 'x')).toThrow('x: is empty');
    expect(() => parseJson('{\n"a":\n\n!', 'x')).toThrow(/^x: is not JSON \([^\n]*\)$/);
  });

  test('what files seem to be', () => {
    const of = (text: string) => seemsToBe(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    expect(of('')).toBe('empty');
    expect(of('\n <!DOCTYPE HTML>')).toMatch(/HTML/);
    expect(of('\x80\x04\x95')).toMatch(/pickle/);
    expect(of('\x10\0\0\0\0\0\0\0{"a"')).toBe('a safetensors file');
    expect(of('\x1f\x8b\x08')).toMatch(/gzip/);
    expect(of('anything')).toBe(undefined);
  });
});

describe('writing files', () => {
  const root = temporaryFolder();
  test('in folders that are made, in chunks', async () => {
    const path = join(root.path, 'deep', 'er', 'file');
    await writeFiles([{ path, chunks: ['one ', Uint8Array.of(0x32)] }]);
    expect(readFileSync(path, 'utf8')).toBe('one 2');
    expect(readdirSync(join(root.path, 'deep', 'er'))).toEqual(['file']);
  });

  test('a failure leaves what was there, and nothing new', async () => {
    const at = join(root.path, 'failing');
    mkdirSync(at);
    writeFileSync(join(at, 'a'), 'old');
    const broken = function* () {
      yield 'half';
      throw new Error('out of ideas');
    };
    const writing = writeFiles([
      { path: join(at, 'a'), chunks: ['new'] },
      { path: join(at, 'b'), chunks: broken() },
    ]);
    await expect(writing).rejects.toThrow('out of ideas');
    expect(readdirSync(at)).toEqual(['a']);
    expect(readFileSync(join(at, 'a'), 'utf8')).toBe('old');
    await expect(writeFiles([{ path: join(at, 'a', 'b'), chunks: ['x'] }])).rejects.toThrow(UserError);
  });

  test('pieces in their order, large and small', async () => {
    const path = join(root.path, 'pieces');
    const sizes = [3, 1 << 22, 1, 0, 1 << 20, 7];
    const pieces = function* () {
      for (const [i, size] of sizes.entries()) yield new Uint8Array(size).fill(i);
    };
    await writeFiles([{ path, chunks: pieces() }]);
    const whole = Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, i)));
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  test('the bytes of another file, which stay when that is replaced', async () => {
    const [first, second] = [join(root.path, 'same', 'first'), join(root.path, 'same', 'other', 'second')];
    await writeFiles([{ path: first, chunks: ['one'] }]);
    for (const text of ['two', 'three']) {
      await writeFiles([{ path: second, sameAs: first }]);
      // Once more, where it is the same file already.
      await writeFiles([{ path: second, sameAs: first }]);
      const before = readFileSync(first, 'utf8');
      await writeFiles([{ path: first, chunks: [text] }]);
      expect(readFileSync(second, 'utf8')).toBe(before);
      expect(readFileSync(first, 'utf8')).toBe(text);
    }
    expect(readdirSync(join(root.path, 'same')).sort()).toEqual(['first', 'other']);
    expect(readdirSync(join(root.path, 'same', 'other'))).toEqual(['second']);
    const missing = writeFiles([{ path: second, sameAs: join(root.path, 'none') }]);
    await expect(missing).rejects.toThrow('no such file');
    expect(readFileSync(second, 'utf8')).toBe('two');
    expect(readdirSync(join(root.path, 'same', 'other'))).toEqual(['second']);
  });

  test('what a killed process of the same number left is not written into', async () => {
    const [kept, path] = [join(root.path, 'kept'), join(root.path, 'again')];
    writeFileSync(kept, 'kept');
    linkSync(kept, `${path}.${process.pid}.tmp`);
    await writeFiles([{ path, chunks: ['new'] }]);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readFileSync(kept, 'utf8')).toBe('kept');
  });

  // Another file system, where no link leads to.
  test.skipIf(!existsSync('/dev/shm'))('the bytes of a file elsewhere', async () => {
    const elsewhere = mkdtempSync('/dev/shm/lacuna-files-');
    const [first, second] = [join(root.path, 'here'), join(elsewhere, 'there')];
    writeFileSync(first, 'here');
    await writeFiles([{ path: second, sameAs: first }]);
    expect(readFileSync(second, 'utf8')).toBe('here');
    expect(readdirSync(elsewhere)).toEqual(['there']);
    rmSync(elsewhere, { recursive: true });
  });
});

describe('.npy', () => {
  const root = temporaryFolder();
  const values = Float32Array.of(1, -2.5, 3e-9, 0, 5, 6);

  test('byte for byte as numpy.save writes it', () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const expected = `\x93NUMPY\x01\x00\x76\x00${header.padEnd(117)}\n`;
    const file = writeNpy(values, [2, 3]);
    expect(String.fromCharCode(...file.subarray(0, 128))).toBe(expected);
    expect(file.length).toBe(128 + 24);
  });

  test('round trips of several ranks, and through a file', async () => {
    for (const shape of [[6], [2, 3], [1, 6, 1], [3, 2]])
      expect(readNpy(writeNpy(values, shape), 'x')).toEqual({ values, shape });
    expect(readNpy(writeNpy(new Float32Array(0), [0, 4]), 'x').shape).toEqual([0, 4]);
    expect(readNpy(writeNpy(Float32Array.of(7), []), 'x')).toEqual({ values: Float32Array.of(7), shape: [] });
    const path = join(root.path, 'x.npy');
    await writeNpyFile(path, values.subarray(1, 5), [2, 2]);
    expect(await readNpyFile(path)).toEqual({ values: values.slice(1, 5), shape: [2, 2] });
    await expect(writeNpyFile(path, values, [5])).rejects.toThrow('do not make');
  });

  const edit = (from: string, to: string) => {
    const file = writeNpy(values, [2, 3]);
    const text = String.fromCharCode(...file).replace(from, to);
    return Uint8Array.from(text, (c) => c.charCodeAt(0));
  };
  const refused: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /is not a \.npy file/],
    ['float64', edit('<f4', '<f8'), /is "<f8"; float32/],
    ['Fortran order', edit('False, ', 'True,  '), /Fortran order/],
    ['a shape of another size', edit('(2, 3)', '(9, 3)'), /\[9,3\] takes 108 bytes, but 24 follow/],
    ['no shape', edit('shape', 'shade'), /not understood/],
    ['cut', writeNpy(values, [6]).subarray(0, 100), /ends inside its header/],
    ['version 9', edit('\x93NUMPY\x01', '\x93NUMPY\x09'), /version 9/],
  ];
  for (const [what, file, message] of refused)
    test(what, () => {
      expect(() => readNpy(file, 'x.npy')).toThrow(UserError);
      expect(() => readNpy(file, 'x.npy')).toThrow(message);
    });
});
