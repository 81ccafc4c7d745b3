import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { bytesSource } from './bytes_source.ts';
import { readSafetensors, readSafetensorsMetadata, serializeSafetensors } from './safetensors.ts';
import { readTensor } from './tensor.ts';

/** A file with this header text (or object) and this many bytes of data. */
function file(header: unknown, dataBytes = 0, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('reading what was written', () => {
  const weights = Float32Array.of(1, -2, 3.5, 0, 5, 6);
  const bytes = serializeSafetensors(
    [
      { name: 'small', dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x4000, 0xbc00) },
      { name: 'layer.weight', dtype: 'F32', shape: [2, 3], data: weights },
      { name: 'nothing', dtype: 'I32', shape: [0, 4], data: new Int32Array(0) },
      { name: 'scalar "é"', dtype: 'U8', shape: [], data: Uint8Array.of(7) },
    ],
    { format: 'pt' },
  );

  test('shapes, dtypes, bytes and metadata', async () => {
    const source = bytesSource('x.safetensors', bytes);
    const tensors = await readSafetensors(source);
    expect([...tensors.keys()].sort()).toEqual(['layer.weight', 'nothing', 'scalar "é"', 'small']);
    const weight = tensors.get('layer.weight')!;
    expect(weight.shape).toEqual([2, 3]);
    expect(new Float32Array((await readTensor(weight)).buffer)).toEqual(weights);
    expect(new Float32Array((await readTensor(weight, 12, 8)).buffer)).toEqual(weights.subarray(3, 5));
    expect(tensors.get('nothing')!.length).toBe(0);
    expect(await readTensor(tensors.get('scalar "é"')!)).toEqual(Uint8Array.of(7));
    expect(await readSafetensorsMetadata(source)).toEqual(new Map([['format', 'pt']]));
  });

  test('every tensor is aligned to its dtype', async () => {
    for (const tensor of (await readSafetensors(bytesSource('x', bytes))).values())
      expect(tensor.offset % (tensor.dtype === 'F32' ? 4 : tensor.dtype === 'F16' ? 2 : 1)).toBe(0);
  });

  test('tensors that are not aligned are read all the same', async () => {
    const data = file({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] }, b: f32(1, 5) }, 5);
    data.set(new Uint8Array(Float32Array.of(42).buffer), data.length - 4);
    const b = (await readSafetensors(bytesSource('x', data))).get('b')!;
    expect(new Float32Array((await readTensor(b)).buffer)[0]).toBe(42);
  });

  test('a header with white space, escapes and no tensors', async () => {
    expect((await readSafetensors(bytesSource('x', file('{ }  ')))).size).toBe(0);
    const escaped = '{"a\\"\\u00e9":\n{"shape" : [ 1 ],"dtype":"U8","data_offsets":[0,1]}}';
    expect([...(await readSafetensors(bytesSource('x', file(escaped, 1)))).keys()]).toEqual(['a"é']);
  });
});

describe('files made to break it', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /is empty/],
    ['seven bytes', Uint8Array.of(1, 2, 3, 4, 5, 6, 7), /too short/],
    ['a pickle', Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9), /pickle/],
    ['a zip', new TextEncoder().encode('PK\x03\x04 and so on and on'), /zip archive/],
    ['HTML', new TextEncoder().encode('<!DOCTYPE html><html>404'), /HTML page/],
    ['a GGUF', new TextEncoder().encode('GGUF\x03\0\0\0 more'), /GGUF/],
    ['a git-lfs pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['JSON', new TextEncoder().encode('{"error": "not found"}'), /JSON text/],
    ['a header beyond the file', file({}, 0, 999n), /claims 999 bytes/],
    ['a header length of 2^63', file({}, 0, 1n << 63n), /claims/],
    ['not JSON', file('{"a": nonsense}'), /damaged/],
    ['JSON of another shape', file('["a"]'), /not a safetensors file/],
    ['nested brackets', file(`{"a":${'['.repeat(100_000)}`), /damaged/],
    ['a control character', file('{"\u0001":{}}'), /damaged/],
    ['bytes that are not UTF-8', file('{"a":{}}').map((byte) => (byte === 0x61 ? 0xff : byte)), /UTF-8/],
    ['rubbish behind the header', file('{}{}'), /nothing more/],
    ['the same name twice', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'), /"a" twice/],
    ['no shape', file('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), /does not give "a" one/],
    ['a negative size', file({ a: f32(0, 4, [-1]) }, 4), /size/],
    ['a fraction', file('{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}', 1), /damaged/],
    ['a size beyond 2^53', file('{"a":{"dtype":"U8","shape":[99999999999999999],"data_offsets":[0,1]}}', 1), /2\^53/],
    ['sizes whose product overflows', file({ a: f32(0, 4, [4294967296, 4294967296]) }, 4), /takes/],
    ['an unknown dtype', file({ a: { ...f32(0, 4), dtype: 'F12' } }, 4), /"a": unknown dtype "F12"/],
    ['a dtype out of Object.prototype', file({ a: { ...f32(0, 4), dtype: 'constructor' } }, 4), /unknown dtype/],
    ['a shape of another size', file({ a: f32(0, 8, [3]) }, 8), /takes 12 bytes, but the header gives 8/],
    ['offsets beyond the file', file({ a: f32(0, 8) }, 4), /partial download/],
    ['offsets backwards', file({ a: f32(4, 0, []) }, 4), /not \[begin, end\]/],
    ['three offsets', file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 8), /not \[begin, end\]/],
    ['overlap', file({ a: f32(0, 8), b: f32(4, 12) }, 12), /"b" overlap those of "a"/],
    ['a hole', file({ a: f32(0, 4), b: f32(8, 12) }, 12), /4 bytes between "a" and "b"/],
    ['bytes at the end', file({ a: f32(0, 4) }, 9), /5 bytes after the last tensor/],
    ['metadata that is no string', file({ __metadata__: { a: 1 } }), /damaged/],
  ];
  for (const [what, bytes, message] of cases)
    test(what, async () => {
      const error = await readSafetensors(bytesSource('bad.safetensors', bytes)).catch((e) => e);
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/^bad\.safetensors: /);
      expect(error.message.includes('\n')).toBe(false);
      expect(error.message.length).toBeLessThan(500);
    });

  test('a header above 100 MB is refused before it is read', async () => {
    const head = new Uint8Array(64);
    new DataView(head.buffer).setBigUint64(0, 100_000_001n, true);
    head[8] = 0x7b;
    const reads: number[] = [];
    const source = {
      name: 'huge',
      size: 1e12,
      read: async (offset: number, length: number) => {
        reads.push(length);
        return head.slice(offset, offset + length);
      },
    };
    await expect(readSafetensors(source)).rejects.toThrow('allows 100000000');
    expect(Math.max(...reads)).toBeLessThan(1000);
  });

  test('every cut of a good file is refused', async () => {
    const good = serializeSafetensors([{ name: 'a', dtype: 'F32', shape: [4], data: new Float32Array(4) }]);
    for (let length = 0; length < good.length; length++)
      await expect(readSafetensors(bytesSource('cut', good.subarray(0, length)))).rejects.toThrow(UserError);
  });

  test('many tensors take linear time', async () => {
    const header = (count: number) => {
      const entries: string[] = [];
      for (let i = 0; i < count; i++) entries.push(`"t${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`);
      return file(`{${entries.join(',')}}`, count);
    };
    const tensors = await readSafetensors(bytesSource('many', header(100_000)));
    expect(tensors.size).toBe(100_000);
    expect(tensors.get('t99999')!.length).toBe(1);
  });
});
