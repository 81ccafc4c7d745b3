/** Writes the GGUF container, version 3, little-endian; gguf.ts reads it. Tensors are streamed. */
import type { FileToWrite } from './atomic_file.ts';
import { ggmlId, ggmlLayout } from './ggml.ts';
import type { GgmlType } from './tensor.ts';

/** A metadata value with the type that the format gives it: a key that readers know has one type only. */
export type GgufField =
  | readonly ['u32' | 'f32', number]
  | readonly ['bool', boolean]
  | readonly ['string', string]
  | readonly ['strings', readonly string[]]
  | readonly ['i32s', ArrayLike<number>]
  | readonly ['f32s', ArrayLike<number>];

/** A tensor to be written; `data` makes its bytes when their turn comes. */
export interface GgufTensorToStream {
  readonly name: string;
  readonly type: GgmlType | 'F32' | 'F16' | 'BF16';
  /** Row-major, outermost first; the last is a multiple of the type's block. */
  readonly shape: readonly number[];
  readonly data: () => AsyncIterable<Uint8Array>;
}

const ALIGNMENT = 32;
const TYPE_IDS = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** A GGUF file for writeFiles. An Error where a tensor's bytes are not as many as its shape says. */
export function ggufFile(
  path: string,
  metadata: ReadonlyMap<string, GgufField>,
  tensors: readonly GgufTensorToStream[],
): FileToWrite {
  const head = new Bytes();
  head.text('GGUF').u32(3).u64(tensors.length).u64(metadata.size);
  for (const [key, field] of metadata) head.string(key).field(field);
  let end = 0;
  const lengths = tensors.map(({ name, type, shape }) => {
    const { block, bytes } = ggmlLayout(type);
    const length = (shape.reduce((product, size) => product * size, 1) / block) * bytes;
    head.string(name).u32(shape.length);
    for (const size of [...shape].reverse()) head.u64(size);
    head.u32(ggmlId(type)).u64(end);
    end = aligned(end + length);
    return length;
  });
  return { path, chunks: chunks() };

  async function* chunks() {
    const opening = head.finish();
    yield opening;
    yield new Uint8Array(aligned(opening.length) - opening.length);
    for (const [i, { name, type, shape, data }] of tensors.entries()) {
      let written = 0;
      for await (const bytes of data()) {
        written += bytes.length;
        yield bytes;
      }
      if (written !== lengths[i]) throw new Error(`${name}: ${written} bytes for ${type} [${shape}]`);
      yield new Uint8Array(aligned(written) - written);
    }
  }
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** A buffer that grows as numbers and strings are put behind each other. */
class Bytes {
  private bytes = new Uint8Array(1 << 16);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private readonly encoder = new TextEncoder();

  u32(value: number): this {
    this.reserve(4);
    this.view.setUint32(this.length - 4, value, true);
    return this;
  }

  u64(value: number): this {
    this.reserve(8);
    this.view.setBigUint64(this.length - 8, BigInt(value), true);
    return this;
  }

  text(value: string): this {
    const encoded = this.encoder.encode(value);
    this.reserve(encoded.length);
    this.bytes.set(encoded, this.length - encoded.length);
    return this;
  }

  string(value: string): this {
    return this.u64(this.encoder.encode(value).length).text(value);
  }

  field([type, value]: GgufField): void {
    switch (type) {
      case 'string':
        this.u32(TYPE_IDS.string).string(value);
        return;
      case 'strings':
        this.u32(TYPE_IDS.array).u32(TYPE_IDS.string).u64(value.length);
        for (const text of value) this.string(text);
        return;
      case 'bool':
        this.u32(TYPE_IDS.bool).reserve(1);
        this.bytes[this.length - 1] = Number(value);
        return;
      case 'u32':
      case 'f32':
        this.u32(TYPE_IDS[type]).number(type, value);
        return;
      case 'i32s':
      case 'f32s': {
        const element = type === 'i32s' ? 'i32' : 'f32';
        this.u32(TYPE_IDS.array).u32(TYPE_IDS[element]).u64(value.length);
        for (let i = 0; i < value.length; i++) this.number(element, value[i]);
      }
    }
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  private number(type: 'u32' | 'i32' | 'f32', value: number): void {
    this.reserve(4);
    const at = this.length - 4;
    if (type === 'f32') this.view.setFloat32(at, value, true);
    else this.view.setInt32(at, value | 0, true);
  }

  /** Makes the next `count` bytes part of the buffer. */
  private reserve(count: number): void {
    this.length += count;
    if (this.length <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}
