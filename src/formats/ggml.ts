/** The ggml tensor types: their numbers in a GGUF file, and how many values go into how many bytes. */
import { UserError } from '../errors.ts';
import type { GgmlType } from './tensor.ts';

/** A tensor type that this project reads: `block` consecutive values take `bytes` bytes. */
export interface GgmlLayout {
  readonly name: GgmlType | 'F32' | 'F16' | 'BF16';
  readonly block: number;
  readonly bytes: number;
}

const SUPPORTED: Readonly<Record<number, GgmlLayout>> = {
  0: { name: 'F32', block: 1, bytes: 4 },
  1: { name: 'F16', block: 1, bytes: 2 },
  2: { name: 'Q4_0', block: 32, bytes: 18 },
  3: { name: 'Q4_1', block: 32, bytes: 20 },
  8: { name: 'Q8_0', block: 32, bytes: 34 },
  12: { name: 'Q4_K', block: 256, bytes: 144 },
  14: { name: 'Q6_K', block: 256, bytes: 210 },
  30: { name: 'BF16', block: 1, bytes: 2 },
};

/** The names of the other types, for messages. */
const OTHERS: Readonly<Record<number, string>> = {
  6: 'Q5_0',
  7: 'Q5_1',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  13: 'Q5_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** The type with this number; `where` ("file: tensor") opens the UserError for one that is not supported. */
export function ggmlType(id: number, where: string): GgmlLayout {
  const type = SUPPORTED[id];
  if (type) return type;
  const supported = Object.values(SUPPORTED)
    .map(({ name }) => name)
    .join(', ');
  throw new UserError(`${where}: is stored as ${OTHERS[id] ?? `type ${id}`}; supported are ${supported}`);
}

/** The layout of a type by name. */
export function ggmlLayout(name: GgmlLayout['name']): GgmlLayout {
  return Object.values(SUPPORTED).find((type) => type.name === name)!;
}

/** The number of a type in a GGUF file. */
export function ggmlId(name: GgmlLayout['name']): number {
  return Number(Object.keys(SUPPORTED).find((id) => SUPPORTED[Number(id)].name === name));
}
