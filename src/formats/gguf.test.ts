import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { bytesSource } from './bytes_source.ts';
import { type GgufField, type GgufTensor, tinyGguf, writeGguf } from './fixtures.ts';
import { readGguf } from './gguf.ts';
import { readTensor } from './tensor.ts';

const read = (bytes: Uint8Array) => readGguf(bytesSource('x.gguf', bytes));
const tensor = (more: Partial<GgufTensor> = {}): GgufTensor => ({
  name: 't',
  type: 0,
  shape: [2, 4],
  data: new Uint8Array(32),
  ...more,
});

describe('reading', () => {
  test('metadata keep their types; shapes are turned round; tensors are where they were put', async () => {
    const fields: Record<string, GgufField> = {
      text: ['string', 'a\n"é"'],
      yes: ['bool', true],
      big: ['u64', 2n ** 60n],
      ratio: ['f32', 0.5],
      numbers: ['array', 'u32', [1, 2, 4_000_000_000]],
      negative: ['array', 'i32', [-1, 1]],
      strings: ['array', 'string', ['', 'Ġt', 'ok']],
      none: ['array', 'string', []],
    };
    const data = new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i + 0.5).buffer);
    for (const version of [2, 3]) {
      const file = await read(writeGguf(fields, [tensor(), tensor({ name: 'u', data })], { version }));
      expect(file.version).toBe(version);
      expect(Object.fromEntries(file.metadata)).toEqual({
        text: 'a\n"é"',
        yes: true,
        big: 2n ** 60n,
        ratio: 0.5,
        numbers: Uint32Array.of(1, 2, 4_000_000_000),
        negative: Int32Array.of(-1, 1),
        strings: ['', 'Ġt', 'ok'],
        none: [],
      });
      const u = file.tensors.get('u')!;
      expect(u.shape).toEqual([2, 4]);
      expect(u.dtype).toBe('F32');
      expect(await readTensor(u)).toEqual(data);
    }
  });

  test('another alignment', async () => {
    const fields: Record<string, GgufField> = { 'general.alignment': ['u32', 128] };
    const data = Uint8Array.from({ length: 32 }, (_, i) => i);
    const file = await read(writeGguf(fields, [tensor(), tensor({ name: 'u', data })], { alignment: 128 }));
    expect(await readTensor(file.tensors.get('u')!)).toEqual(data);
  });

  test('strings across the edges of the read window', async () => {
    const strings = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(0xe9).repeat(i % 700));
    const file = await read(writeGguf({ strings: ['array', 'string', strings] }, []));
    expect(file.metadata.get('strings')).toEqual(strings);
  });
});

describe('files made to break it', () => {
  const good = () => writeGguf(tinyGguf().fields, tinyGguf().tensors);
  /** A copy with a u64 overwritten. */
  const patched = (at: number, value: bigint, bytes = good()) => {
    new DataView(bytes.buffer).setBigUint64(at, value, true);
    return bytes;
  };
  const one = (more: Partial<GgufTensor>, fields: Record<string, GgufField> = {}) => writeGguf(fields, [tensor(more)]);
  const cases: [string, () => Uint8Array, RegExp][] = [
    ['empty', () => new Uint8Array(0), /is empty, not a GGUF/],
    ['safetensors', () => Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), /safetensors file, not a GGUF/],
    ['a pickle', () => Uint8Array.of(0x80, 2, 1, 1, 1, 1, 1, 1), /pickle/],
    ['version 1', () => writeGguf({}, [], { version: 1 }), /version 1; 2 and 3/],
    ['big-endian', () => writeGguf({}, [], { version: 0x03000000 }), /big-endian/],
    ['more tensors than bytes', () => patched(8, 1n << 40n), /tensor count is 1099511627776, more than/],
    ['a count of 2^63', () => patched(16, 1n << 63n), /metadata count is 9223372036854775808: a damaged header/],
    ['a key longer than the file', () => patched(24, 1n << 30n), /length of key 0/],
    [
      'an array longer than the file',
      () => patched(24 + 8 + 1 + 8, 1n << 35n, writeGguf({ a: ['array', 'u32', []] }, [])),
      /length of "a"/,
    ],
    ['rank 5', () => one({ shape: [1, 1, 1, 1, 8] }), /claims 5 dimensions/],
    [
      'Q5_K',
      () => one({ type: 13, shape: [1, 256], data: new Uint8Array(176) }),
      /"t": is stored as Q5_K; supported are F32, F16/,
    ],
    ['an unknown type', () => one({ type: 99 }), /stored as type 99/],
    ['rows of half a block', () => one({ type: 2, shape: [2, 16], data: new Uint8Array(18) }), /whole blocks of 32/],
    ['a shape beyond the file', () => one({ shape: [2 ** 20, 2 ** 20] }), /takes 4398046511104 bytes/],
    ['a shape beyond 2^64', () => one({ shape: [2 ** 40, 2 ** 40, 2 ** 40, 4] }), /takes/],
    ['a size of zero', () => one({ shape: [0, 4] }), /takes 0 bytes/],
    ['an offset off the alignment', () => one({ offset: 8 }), /not a multiple of the alignment, 32/],
    ['an alignment of 3', () => one({}, { 'general.alignment': ['u32', 3] }), /not a power of two/],
    ['an alignment that is text', () => one({}, { 'general.alignment': ['string', 'x'] }), /not a power of two/],
    [
      'overlap',
      () => writeGguf({}, [tensor({ offset: 0 }), tensor({ name: 'u', offset: 0 })]),
      /"u" overlap those of "t"/,
    ],
    ['the same tensor twice', () => writeGguf({}, [tensor(), tensor()]), /"t": is there twice/],
    ['one part of several', () => writeGguf({ 'split.count': ['u32', 4] }, []), /one of 4 parts/],
    ['a cut in the data', () => good().subarray(0, good().length - 1), /partial download/],
  ];
  for (const [what, make, message] of cases)
    test(what, async () => {
      const error = await read(make()).catch((e) => e);
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/^x\.gguf: /);
      expect(error.message.includes('\n')).toBe(false);
    });

  test('the same key twice, a boolean of 2, a key that is not UTF-8, an unknown value type', async () => {
    const twice = writeGguf({ aa: ['u32', 1], ab: ['bool', true] }, []);
    const keyAt = 24 + 8 + 2 + 4 + 4 + 8;
    const change = (at: number, byte: number) => {
      const bytes = twice.slice();
      bytes[at] = byte;
      return read(bytes);
    };
    await expect(change(keyAt + 1, 0x61)).rejects.toThrow('"aa" twice');
    await expect(change(keyAt + 1, 0xff)).rejects.toThrow('not UTF-8');
    await expect(change(keyAt + 2 + 4, 2)).rejects.toThrow('neither true nor false');
    await expect(change(keyAt + 2, 77)).rejects.toThrow('unknown value type 77');
  });

  test('every cut of a good file is refused', async () => {
    const bytes = good();
    for (let length = 0; length < bytes.length; length++)
      await expect(read(bytes.subarray(0, length))).rejects.toThrow(UserError);
  });
});
