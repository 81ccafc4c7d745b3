/** NumPy's .npy files of float32, format version 1.0, C order (numpy.lib.format). */
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** The data begin at a multiple of this, so that a memory map of the file is aligned. */
const ALIGNMENT = 64;

/** The bytes before the data: magic, version, and a Python dictionary in ASCII. */
export function npyHeader(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(MAGIC);
  bytes.set([1, 0], 6);
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[length - 1] = 0x0a;
  return bytes;
}

/** A .npy file of `values`, row-major in `shape`. */
export function writeNpy(values: Float32Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) throw new Error(`${values.length} values do not make [${shape}]`);
  const header = npyHeader(shape);
  const file = new Uint8Array(header.length + values.byteLength);
  file.set(header);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), header.length);
  return file;
}

/** Values and shape of a float32 .npy file; `name` opens every error. UserError for other dtypes and Fortran order. */
export function readNpy(bytes: Uint8Array, name: string): { values: Float32Array<ArrayBuffer>; shape: number[] } {
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new UserError(`${name}: is not a .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = bytes[6];
  if (version < 1 || version > 3) throw new UserError(`${name}: is .npy version ${version}; 1 to 3 are supported`);
  const start = version === 1 ? 10 : 12;
  const dataStart = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataStart > bytes.length) throw new UserError(`${name}: ends inside its header`);
  const header = new TextDecoder().decode(bytes.subarray(start, dataStart));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const tuple = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || tuple === undefined)
    throw new UserError(`${name}: has a header that is not understood: ${quote(header.trim())}`);
  if (descr !== '<f4' || order === 'True')
    throw new UserError(
      `${name}: is ${quote(descr)}${order === 'True' ? ' in Fortran order' : ''}; float32 ("<f4") in C order is read`,
    );
  const shape = tuple
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  if (count * 4 !== bytes.length - dataStart)
    throw new UserError(
      `${name}: ${quote(shape)} takes ${count * 4} bytes, but ${bytes.length - dataStart} follow the header`,
    );
  return { values: new Float32Array(bytes.slice(dataStart).buffer), shape };
}
