/** The blocks of ggml's quantised types, decoded one at a time in float64 (ggml's block_q4_0 … block_q6_K). */
import { fromHalf } from '../half.ts';
import type { GgmlType } from './tensor.ts';

/** The ggml types that are int4: a scale and an offset for each 32 values. */
export type GgmlQ4Type = 'Q4_0' | 'Q4_1' | 'Q4_K';

/** Values that share a scale and an offset in all three int4 types. */
export const Q4_GROUP = 32;

/** One block of an int4 type: value i is scales[g]·codes[i] + offsets[g], g = floor(i / 32), exact in float64. */
export interface Q4Block {
  readonly codes: Uint8Array;
  readonly scales: Float64Array;
  readonly offsets: Float64Array;
}

/** Room for one block of 32 or 256 values. */
export function newQ4Block(values: number): Q4Block {
  const groups = values / Q4_GROUP;
  return { codes: new Uint8Array(values), scales: new Float64Array(groups), offsets: new Float64Array(groups) };
}

export function isGgmlQ4(type: GgmlType): type is GgmlQ4Type {
  return type === 'Q4_0' || type === 'Q4_1' || type === 'Q4_K';
}

/** Decodes the block at byte `at`. */
export function decodeQ4Block(type: GgmlQ4Type, bytes: Uint8Array, at: number, block: Q4Block): void {
  const half = (offset: number) => fromHalf(bytes[at + offset] | (bytes[at + offset + 1] << 8));
  if (type === 'Q4_K') {
    decodeQ4K(bytes, at, half(0), half(2), block);
    return;
  }
  const nibbles = at + (type === 'Q4_0' ? 2 : 4);
  block.scales[0] = half(0);
  block.offsets[0] = type === 'Q4_0' ? -8 * half(0) : half(2);
  for (let j = 0; j < 16; j++) {
    block.codes[j] = bytes[nibbles + j] & 15;
    block.codes[j + 16] = bytes[nibbles + j] >> 4;
  }
}

/** Eight groups, each with a 6-bit multiple of d and of dmin; the 6-bit numbers share 12 bytes. */
function decodeQ4K(bytes: Uint8Array, at: number, d: number, dmin: number, block: Q4Block): void {
  const packed = at + 4;
  for (let g = 0; g < 8; g++) {
    const low = bytes[packed + (g & 3)];
    const middle = bytes[packed + 4 + (g & 3)];
    const high = bytes[packed + 8 + (g & 3)];
    const scale = g < 4 ? low & 63 : (high & 15) | ((low >> 6) << 4);
    const min = g < 4 ? middle & 63 : (high >> 4) | ((middle >> 6) << 4);
    block.scales[g] = d * scale;
    block.offsets[g] = -dmin * min;
  }
  const nibbles = at + 16;
  for (let i = 0; i < 256; i++) {
    const byte = bytes[nibbles + (i >> 6) * 32 + (i & 31)];
    block.codes[i] = i & 32 ? byte >> 4 : byte & 15;
  }
}

/** Decodes a Q8_0 block (32 values) at byte `at` into out[to…]. */
export function decodeQ8Block(bytes: Uint8Array, at: number, out: Float64Array | Float32Array, to: number): void {
  const d = fromHalf(bytes[at] | (bytes[at + 1] << 8));
  for (let i = 0; i < 32; i++) out[to + i] = d * signed(bytes[at + 2 + i]);
}

/**
 * Decodes a Q6_K block (256 values) at byte `at` into out[to…]: 128 bytes of low nibbles, 64 of high bit pairs, 16
 * signed scales, then d. Each half of the block packs its 128 values as four rows of 32.
 */
export function decodeQ6Block(bytes: Uint8Array, at: number, out: Float64Array | Float32Array, to: number): void {
  const d = fromHalf(bytes[at + 208] | (bytes[at + 209] << 8));
  for (let i = 0; i < 256; i++) {
    const half = i >> 7;
    const row = (i >> 5) & 3;
    const column = i & 31;
    const low = bytes[at + half * 64 + (row & 1) * 32 + column] >> (row & 2 ? 4 : 0);
    const high = bytes[at + 128 + half * 32 + column] >> (2 * row);
    const code = ((low & 15) | ((high & 3) << 4)) - 32;
    out[to + i] = d * signed(bytes[at + 192 + (i >> 4)]) * code;
  }
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
