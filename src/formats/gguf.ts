/**
 * The GGUF container, versions 2 and 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 *
 * A reader of our own, although @huggingface/gguf 0.4.6 is at hand: that one takes a URL or a path, not a ByteSource;
 * it pads what it has read with zeros and does not notice the end of the file, so that the first 100 bytes of
 * SmolLM2 pass as a model of 272 tensors without names; tensors are not checked to lie inside the file; and equal
 * keys overwrite each other. Here every count and length is checked against the bytes that are left before
 * anything is allocated for it.
 */
import { UserError } from '../errors.ts';
import { ggmlType } from './ggml.ts';
import { quote } from './quote.ts';
import { seemsToBe } from './sniff.ts';
import type { ByteSource } from './source.ts';
import type { GgufArray, GgufValue } from './stored.ts';
import type { TensorInfo } from './tensor.ts';

/** What a GGUF file says before its tensors' bytes. */
export interface GgufFile {
  readonly version: 2 | 3;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

const MAX_DIMENSIONS = 4;
/** Many times the largest vocabulary; bounds what a large file of empty strings makes us hold. */
const MAX_ARRAY = 1 << 23;
const MAX_ENTRIES = 1 << 16;
const MAX_TENSORS = 1 << 20;
const MAX_HEADER = 128 * 2 ** 20;
/** Bytes of the shortest metadata entry and tensor entry: a count that cannot fit is a lie. */
const MIN_ENTRY = 8 + 4 + 1;
const MIN_TENSOR = 8 + 4 + 4 + 8;

/** Metadata and tensors of a GGUF file, all tensors inside the file and apart. Reads the header only. */
export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const head = await source.read(0, Math.min(source.size, 64));
  if (seemsToBe(head) !== 'a GGUF file')
    throw new UserError(`${source.name}: is ${seemsToBe(head) ?? 'of unknown kind'}, not a GGUF file`);
  const cursor = new Cursor(source, 4);
  const version = await cursor.u32('the version');
  if (version !== 2 && version !== 3)
    throw new UserError(
      version % 65536 === 0
        ? `${source.name}: is a big-endian GGUF; only little-endian files are supported`
        : `${source.name}: is GGUF version ${version}; 2 and 3 are supported`,
    );
  const tensorCount = await cursor.count('the tensor count', MIN_TENSOR);
  const entryCount = await cursor.count('the metadata count', MIN_ENTRY);
  if (tensorCount > MAX_TENSORS || entryCount > MAX_ENTRIES)
    throw new UserError(
      `${source.name}: claims ${tensorCount} tensors and ${entryCount} metadata entries: a damaged header`,
    );
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = await cursor.string(`key ${i} of the metadata`);
    if (metadata.has(key)) throw new UserError(`${source.name}: the metadata has ${quote(key)} twice`);
    metadata.set(key, await readValue(cursor, key));
  }
  const parts = metadata.get('split.count');
  if (typeof parts === 'number' && parts > 1)
    throw new UserError(`${source.name}: is one of ${parts} parts; join them with "llama-gguf-split --merge"`);
  return { version, metadata, tensors: await readTensors(cursor, tensorCount, alignmentOf(source, metadata)) };
}

function alignmentOf(source: ByteSource, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  const log2 = typeof alignment === 'number' ? Math.log2(alignment) : Number.NaN;
  if (!Number.isInteger(log2) || log2 < 0 || log2 > 30)
    throw new UserError(`${source.name}: general.alignment is ${quote(alignment)}, not a power of two`);
  return alignment as number;
}

async function readTensors(cursor: Cursor, count: number, alignment: number): Promise<Map<string, TensorInfo>> {
  const { source } = cursor;
  const entries = new Map<string, { offset: number } & Omit<TensorInfo, 'offset'>>();
  for (let i = 0; i < count; i++) {
    const name = await cursor.string(`the name of tensor ${i}`);
    const where = `${source.name}: ${quote(name)}`;
    if (entries.has(name)) throw new UserError(`${where}: is there twice`);
    const dimensions = await cursor.u32(`the rank of ${quote(name)}`);
    if (dimensions > MAX_DIMENSIONS)
      throw new UserError(`${where}: claims ${dimensions} dimensions; GGUF allows ${MAX_DIMENSIONS}`);
    const shape: number[] = [];
    for (let d = 0; d < dimensions; d++) shape.unshift(await cursor.u64(`the shape of ${quote(name)}`));
    const type = ggmlType(await cursor.u32(`the type of ${quote(name)}`), where);
    const offset = await cursor.u64(`the offset of ${quote(name)}`);
    const rowLength = shape.at(-1) ?? 1;
    if (rowLength % type.block !== 0)
      throw new UserError(
        `${where}: rows of ${rowLength} are not whole blocks of ${type.block}, as ${type.name} needs`,
      );
    const length = (shape.reduce((product, size) => product * size, 1) / type.block) * type.bytes;
    if (!(length > 0 && length <= source.size))
      throw new UserError(`${where}: ${type.name} [${shape}] takes ${length} bytes; the file has ${source.size}`);
    if (offset % alignment !== 0)
      throw new UserError(`${where}: its offset ${offset} is not a multiple of the alignment, ${alignment}`);
    entries.set(name, { name, dtype: type.name, shape, source, offset, length });
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of entries) tensors.set(name, { ...entry, offset: dataStart + entry.offset });
  checkApart(source, [...tensors.values()]);
  return tensors;
}

function checkApart(source: ByteSource, tensors: TensorInfo[]): void {
  tensors.sort((a, b) => a.offset - b.offset);
  let end = 0;
  let previous = '';
  for (const { name, offset, length } of tensors) {
    if (offset < end)
      throw new UserError(`${source.name}: the bytes of ${quote(name)} overlap those of ${quote(previous)}`);
    end = offset + length;
    previous = name;
    if (end > source.size)
      throw new UserError(
        `${source.name}: ${quote(name)} ends at byte ${end} of a file of ${source.size}; is it a partial download?`,
      );
  }
}

const VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;
type ValueType = (typeof VALUE_TYPES)[number];

const NUMBERS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
} as const;

async function readValue(cursor: Cursor, key: string): Promise<GgufValue> {
  const type = await readValueType(cursor, key);
  if (type === 'string') return cursor.string(quote(key));
  if (type === 'array') return readArray(cursor, key);
  if (type === 'bool') return (await readBooleans(cursor, key, 1))[0];
  return (await readNumbers(cursor, key, type, 1))[0];
}

async function readArray(cursor: Cursor, key: string): Promise<GgufArray> {
  const type = await readValueType(cursor, key);
  if (type === 'array') throw new UserError(`${cursor.source.name}: ${quote(key)} is an array of arrays`);
  const bytes = type === 'string' ? 8 : type === 'bool' ? 1 : NUMBERS[type].BYTES_PER_ELEMENT;
  const count = await cursor.count(`the length of ${quote(key)}`, bytes);
  if (count > MAX_ARRAY)
    throw new UserError(`${cursor.source.name}: ${quote(key)} has ${count} elements; at most ${MAX_ARRAY} are read`);
  if (type === 'bool') return readBooleans(cursor, key, count);
  if (type !== 'string') return readNumbers(cursor, key, type, count);
  const strings: string[] = [];
  const what = quote(key);
  for (let i = 0; i < count; i++) strings.push(cursor.bufferedString(what) ?? (await cursor.string(what)));
  return strings;
}

async function readValueType(cursor: Cursor, key: string): Promise<ValueType> {
  const id = await cursor.u32(`the type of ${quote(key)}`);
  const type = VALUE_TYPES[id];
  if (!type) throw new UserError(`${cursor.source.name}: ${quote(key)} has the unknown value type ${id}`);
  return type;
}

async function readNumbers(cursor: Cursor, key: string, type: keyof typeof NUMBERS, count: number) {
  const bytes = await cursor.take(count * NUMBERS[type].BYTES_PER_ELEMENT, quote(key));
  return new NUMBERS[type](bytes.slice().buffer);
}

async function readBooleans(cursor: Cursor, key: string, count: number): Promise<boolean[]> {
  const bytes = await cursor.take(count, quote(key));
  if (bytes.some((byte) => byte > 1))
    throw new UserError(`${cursor.source.name}: ${quote(key)} is neither true nor false`);
  return Array.from(bytes, (byte) => byte === 1);
}

/** Reads forwards through windows of the source, so that a header of a few MB costs a few reads. */
class Cursor {
  readonly source: ByteSource;
  private static readonly WINDOW = 1 << 20;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private bytes = new Uint8Array(0);
  private view = new DataView(this.bytes.buffer);
  private windowStart: number;
  private at = 0;

  constructor(source: ByteSource, position: number) {
    this.source = source;
    this.windowStart = position;
  }

  get position(): number {
    return this.windowStart + this.at;
  }

  /** The next `length` bytes, valid until the next call. */
  async take(length: number, what: string): Promise<Uint8Array> {
    await this.need(length, what);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  async u32(what: string): Promise<number> {
    await this.need(4, what);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  async u64(what: string): Promise<number> {
    await this.need(8, what);
    this.at += 8;
    const value = this.view.getBigUint64(this.at - 8, true);
    if (value > Number.MAX_SAFE_INTEGER)
      throw new UserError(`${this.source.name}: ${what} is ${value}: a damaged header`);
    return Number(value);
  }

  /** A u64 that counts things of at least `bytes` bytes each, of which the file must have that many left. */
  async count(what: string, bytes: number): Promise<number> {
    const count = await this.u64(what);
    if (count * bytes > this.source.size - this.position)
      throw new UserError(
        `${this.source.name}: ${what} is ${count}, more than the ${this.source.size - this.position} bytes left can hold`,
      );
    return count;
  }

  async string(what: string): Promise<string> {
    const length = await this.count(`the length of ${what}`, 1);
    return this.decode(await this.take(length, what), what);
  }

  /** The same, at once, where the string lies inside the window: an await for each of 100,000 tokens is slow. */
  bufferedString(what: string): string | undefined {
    const left = this.bytes.length - this.at;
    if (left < 8 || this.view.getUint32(this.at + 4, true) !== 0) return undefined;
    const length = this.view.getUint32(this.at, true);
    if (left < 8 + length) return undefined;
    this.at += 8 + length;
    return this.decode(this.bytes.subarray(this.at - length, this.at), what);
  }

  private decode(bytes: Uint8Array, what: string): string {
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw new UserError(`${this.source.name}: ${what} is not UTF-8`);
    }
  }

  private async need(length: number, what: string): Promise<void> {
    if (this.bytes.length - this.at >= length) return;
    const { position } = this;
    if (length > this.source.size - position)
      throw new UserError(`${this.source.name}: ends inside ${what}; is it a partial download?`);
    if (position + length > MAX_HEADER)
      throw new UserError(`${this.source.name}: the header is longer than ${MAX_HEADER} bytes`);
    const window = Math.min(Math.max(length, Cursor.WINDOW), this.source.size - position);
    this.bytes = new Uint8Array(await this.source.read(position, window));
    this.view = new DataView(this.bytes.buffer);
    this.windowStart = position;
    this.at = 0;
  }
}
