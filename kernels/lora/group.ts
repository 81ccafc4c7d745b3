/**
 * Adapters that read the same x, as q's, k's and v's do, as one: their A stacked are one thin product, and x is read, masked
 * and written back once instead of once each.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { GemmBlocks } from '../linear/gemm.matrix.ts';
import type { Lora } from '../linear/weights.ts';

/**
 * Whether adapters of rank `rank` on x [M, K] that make `widths` neighbouring columns can be one: subgroup matrices,
 * two or three of them, whole tiles for each. Pure.
 */
export function groups(caps: Caps, rank: number, K: number, widths: readonly number[]): boolean {
  const { matrix, subgroups } = caps;
  if (!matrix || subgroups?.min !== 32 || subgroups.max !== 32) return false;
  const tiles = rank % 16 === 0 && rank <= 96 && K % 8 === 0 && widths.every((width) => width % 64 === 0);
  return tiles && (widths.length === 2 || widths.length === 3);
}

/** The blocks of a product of an adapter that is several; undefined for one alone. */
export const blocksOf = ({ widths, r: rank }: Lora, along: GemmBlocks['along']): GemmBlocks | undefined =>
  widths && { along, widths, rank };
