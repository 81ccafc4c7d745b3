/**
 * The safetensors container (https://huggingface.co/docs/safetensors): an 8-byte length, a JSON header, then the
 * tensors' bytes without gaps. The reader is as strict as the format: what a lying header could use to make a
 * loader read the wrong bytes is refused with the tensor's name.
 */
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';
import { type HeaderEntry, HeaderError, parseHeader } from './safetensors_header.ts';
import { seemsToBe } from './sniff.ts';
import type { ByteSource } from './source.ts';
import type { SafetensorsDtype, TensorInfo } from './tensor.ts';

/** The longest header that the format's own library reads. */
const MAX_HEADER = 100_000_000;

const BYTES: Readonly<Record<SafetensorsDtype, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

/** The tensors of a safetensors file by name. Reads the header only. */
export async function readSafetensors(source: ByteSource): Promise<Map<string, TensorInfo>> {
  const header = await readHeader(source);
  const dataStart = 8 + header.length;
  const { tensors } = parse(source, header, (name, entry) => tensorInfo(source, name, entry, dataStart));
  const inOrder = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.length - b.length);
  let end = dataStart;
  let previous = 'the header';
  for (const tensor of inOrder) {
    if (tensor.offset !== end)
      throw new UserError(
        tensor.offset < end
          ? `${source.name}: the bytes of ${quote(tensor.name)} overlap those of ${quote(previous)}`
          : `${source.name}: ${tensor.offset - end} bytes between ${quote(previous)} and ${quote(tensor.name)} belong to no tensor`,
      );
    end = tensor.offset + tensor.length;
    previous = tensor.name;
  }
  if (end !== source.size)
    throw new UserError(`${source.name}: ${source.size - end} bytes after the last tensor belong to no tensor`);
  return tensors;
}

/** The `__metadata__` of a safetensors file; empty where it has none. */
export async function readSafetensorsMetadata(source: ByteSource): Promise<Map<string, string>> {
  return parse(source, await readHeader(source), () => null).metadata ?? new Map();
}

/** The header's bytes, checked to lie inside the file before they are read. */
async function readHeader(source: ByteSource): Promise<Uint8Array> {
  const head = await source.read(0, Math.min(source.size, 64));
  const found = seemsToBe(head);
  if (found !== 'a safetensors file' && found !== undefined)
    throw new UserError(`${source.name}: is ${found}, not a safetensors file; give model.safetensors`);
  if (head.length < 8) throw new UserError(`${source.name}: is ${head.length} bytes long, too short for safetensors`);
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  if (length > source.size - 8)
    throw new UserError(
      `${source.name}: the header claims ${length} bytes of a file of ${source.size}; not safetensors, or cut short`,
    );
  if (length > MAX_HEADER)
    throw new UserError(`${source.name}: the header claims ${length} bytes; safetensors allows ${MAX_HEADER}`);
  const header = await source.read(8, length);
  if (header[0] !== 0x7b) throw new UserError(`${source.name}: is not a safetensors file (its header is not JSON)`);
  return header;
}

function parse<T>(source: ByteSource, header: Uint8Array, tensor: (name: string, entry: HeaderEntry) => T) {
  try {
    return parseHeader(header, tensor);
  } catch (error) {
    if (error instanceof HeaderError) throw new UserError(`${source.name}: the header ${error.message}`);
    throw error;
  }
}

function tensorInfo(source: ByteSource, name: string, entry: HeaderEntry, dataStart: number): TensorInfo {
  const { dtype, shape, offsets } = entry;
  const where = `${source.name}: ${quote(name)}`;
  if (!isDtype(dtype))
    throw new UserError(`${where}: unknown dtype ${quote(dtype)}; known are ${Object.keys(BYTES).join(', ')}`);
  if (offsets.length !== 2 || offsets[0] > offsets[1])
    throw new UserError(`${where}: its data_offsets ${quote(offsets)} are not [begin, end]`);
  const [begin, end] = offsets;
  if (end > source.size - dataStart)
    throw new UserError(
      `${where}: ends at byte ${dataStart + end} of a file of ${source.size}; is it a partial download?`,
    );
  const expected = shape.reduce((product, size) => product * size, BYTES[dtype]);
  if (expected !== end - begin)
    throw new UserError(
      `${where}: ${dtype} ${quote(shape)} takes ${expected} bytes, but the header gives ${end - begin}`,
    );
  return { name, dtype, shape, source, offset: dataStart + begin, length: end - begin };
}

/** What the header says of a tensor that is to be written. */
export interface TensorHeading {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** A tensor to be written: `data` are its bytes, in any typed array. */
export interface TensorToWrite extends TensorHeading {
  readonly data: ArrayBufferView;
}

/** Where everything of a file to be written lies. */
export interface SafetensorsLayout<T extends TensorHeading> {
  /** The length and the JSON, padded with spaces to a multiple of 8 bytes. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** The tensors in the order of their bytes, which follow `head` without gaps. */
  readonly tensors: readonly { readonly tensor: T; readonly length: number }[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/**
 * Header and order of a file: as in the format's own library, larger dtypes come first and names are in order, so
 * that all tensors are aligned and equal content gives equal bytes.
 */
export function layOutSafetensors<T extends TensorHeading>(
  tensors: readonly T[],
  metadata?: Readonly<Record<string, string>>,
): SafetensorsLayout<T> {
  const sorted = [...tensors].sort(
    (a, b) => BYTES[b.dtype] - BYTES[a.dtype] || (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
  const header = new Map<string, unknown>();
  if (metadata) header.set('__metadata__', metadata);
  const placed: { tensor: T; length: number }[] = [];
  let end = 0;
  for (const tensor of sorted) {
    const { name, dtype, shape } = tensor;
    if (header.has(name)) throw new Error(`${name}: a name given twice`);
    const length = shape.reduce((product, size) => product * size, BYTES[dtype]);
    header.set(name, { dtype, shape, data_offsets: [end, end + length] });
    placed.push({ tensor, length });
    end += length;
  }
  const text = `{${[...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const json = new TextEncoder().encode(text);
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return { head, tensors: placed, size: head.length + end };
}

/** A safetensors file in memory; safetensors_write.ts streams one to disk. */
export function serializeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const layout = layOutSafetensors(tensors, metadata);
  const file = new Uint8Array(layout.size);
  file.set(layout.head);
  let at = layout.head.length;
  for (const { tensor, length } of layout.tensors) {
    const { name, dtype, shape, data } = tensor;
    if (data.byteLength !== length) throw new Error(`${name}: ${data.byteLength} bytes for ${dtype} [${shape}]`);
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += length;
  }
  return file;
}

function isDtype(dtype: string): dtype is SafetensorsDtype {
  return Object.hasOwn(BYTES, dtype);
}
