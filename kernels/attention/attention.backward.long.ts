/**
 * The backward pass of long texts on subgroup matrices: the keys' kernel keeps ds, and a product with the keys makes dq of it,
 * five products where the two kernels that make ds each take seven. Pure plans, and the texts. Layouts: ds.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import alongSource from './along.long.wgsl' with { type: 'text' };
import type { MatrixTile } from './attention.matrix.ts';
import type { AttentionShape } from './attention.ts';
import keptSource from './ds.kept.wgsl' with { type: 'text' };
import dsSource from './ds.wgsl' with { type: 'text' };
import queriesSource from './queries.long.wgsl' with { type: 'text' };

/** How dq of long texts is made. */
export interface ProductTile {
  /** Queries that a workgroup owns, a multiple of 64. */
  rows: number;
  /** Keys at a time. */
  keys: number;
  /** Subgroups that share a query's channels. */
  shares: number;
}

export interface LongForm {
  /** Texts of more tokens are long. */
  over: number;
  /** The keys' kernel: keys.long.wgsl by default, keys.matrix.wgsl for a tile of `form` 'matrix'. */
  keys: Pick<MatrixTile, 'rows' | 'keys' | 'matrices'> & { form: 'matrix' | 'matrix long' };
  /** Makes dq of the ds that is kept; queries.matrix.wgsl does where left out. */
  product?: ProductTile;
}

/** The form of long texts, where there is one: heads of 64 and of 128 channels. */
export const longForm = (headDim: number): LongForm | undefined =>
  headDim === 64 || headDim === 128
    ? {
        over: 384,
        keys: { form: 'matrix long', rows: 64, keys: 16, matrices: 2 },
        product: { rows: 64, keys: 32, shares: 2 },
      }
    : undefined;

/** What ds may take at most, bytes: what 4 texts of 2,048 tokens and 28 heads do, and some. */
const BOUND = 640 * 2 ** 20;
/** Bytes of a block of 64 x 64. */
const BLOCK = 2 * 64 * 64;

/** Where ds lies, for the capacity of a recording. */
export interface DsArea {
  /** Texts of more tokens do not fit. */
  upTo: number;
  /** Half as many blocks as the last rows of the longest text have. */
  half: number;
  /** Of a head. */
  blocks: number;
  bytes: number;
}

/** The area of ds, which serves texts of more than `over` tokens up to its own limit; none where it would serve none. */
export function dsArea(
  { maxTokens, maxLength }: { maxTokens: number; maxLength: number },
  heads: number,
  over: number,
  { maxBinding }: Pick<Caps, 'maxBinding'>,
): DsArea | undefined {
  const longest = Math.min(maxTokens, maxLength);
  // A text of more than `over` tokens has at most so many rows of blocks for each of its own; and see ds.wgsl.
  const rows = Math.floor((maxTokens * (over + 64)) / (64 * over));
  const most = Math.floor(Math.min(BOUND, maxBinding) / (BLOCK * heads * Math.max(1, rows)));
  const half = Math.min(most, Math.ceil((Math.ceil(longest / 64) + 1) / 2));
  const upTo = Math.min(longest, 64 * (2 * half - 1));
  return upTo > over ? { upTo, half, blocks: rows * half, bytes: BLOCK * heads * rows * half } : undefined;
}

const constantsOf = ({ half, blocks }: DsArea, over: number) => ({ LONG: over, HALF: half, DS_HEAD: blocks });

/** What the keys' kernel includes to keep ds. */
export const keptText = (area: DsArea, over: number): string =>
  `${specialise(dsSource, { constants: constantsOf(area, over) })}\n${keptSource}`;

export function alongCode({ heads: H, headDim: D }: AttentionShape, rows: number): string {
  return specialise(alongSource, { enable: ['f16', 'subgroups'], constants: { H, D, ROWS: rows } });
}

/** `loops`: leave the loops over matrices as they are. */
export function productCode(
  { heads: H, kvHeads: KV, headDim: D }: AttentionShape,
  { rows: ROWS, keys: KEYS, shares: SHARES }: ProductTile,
  area: DsArea,
  over: number,
  loops = false,
): string {
  const threads = ROWS * SHARES;
  const counts = {
    FM: 2,
    FD: D / 16 / SHARES,
    KK: KEYS / 16,
    LOADS: (KEYS * D) / 8 / threads,
    DS_LOADS: (KEYS * ROWS) / 8 / threads,
  };
  const text = specialise(queriesSource, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H, KV, D, ROWS, KEYS, SHARES, ...counts },
      INVERSE_ROOT: float(1 / Math.sqrt(D)),
      ...constantsOf(area, over),
    },
    include: [dsSource],
  });
  return loops ? text : unroll(text, counts);
}
