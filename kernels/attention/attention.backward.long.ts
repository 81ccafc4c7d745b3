/**
 * The backward pass of long texts on subgroup matrices: the keys' kernel keeps ds, and a product with the keys makes dq of it:
 * five products, where two kernels that each make ds have seven. Pure plans, and the texts. Layouts: ds.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Dim, Grid, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import alongSource from './along.long.wgsl' with { type: 'text' };
import { sharedCode, type TileSize } from './attention.backward.matrix.ts';
import type { AttentionBackward } from './attention.backward.ts';
import { matrixFits } from './attention.matrix.ts';
import type { AttentionShape } from './attention.ts';
import dsSource from './ds.wgsl' with { type: 'text' };
import keysSource from './keys.long.wgsl' with { type: 'text' };
import sumsSource from './keys.sums.wgsl' with { type: 'text' };
import queriesSource from './queries.long.wgsl' with { type: 'text' };
import type { Cut, Sequences, Tiles } from './sequences.ts';

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
  /** What a workgroup of keys.long.wgsl owns, and queries at a time. */
  keys: TileSize;
  product: ProductTile;
  /** Workgroups that share a group's heads: as `splitsOf` says where left out. */
  splits?: number;
}

/** The form of long texts, where there is one: heads of 64 and of 128 channels. */
export const longForm = (headDim: number): LongForm | undefined =>
  headDim === 64 || headDim === 128
    ? {
        // 512 tokens were measured on an H200 (8 x 512: 408 to 297 µs at 128 channels, 179 to 115 at 64), nothing between
        // 144 and 512.
        over: 384,
        keys: { rows: 64, keys: 16, matrices: 2 },
        product: { rows: 64, keys: 32, shares: 2 },
      }
    : undefined;

/** That the keys' kernel should have, for whatever an H200's 132 processors run to be evenly long. */
const WORKGROUPS = 512;

/** Workgroups that share a group's heads, for the capacity of a recording. */
export function splitsOf({ heads, kvHeads }: AttentionShape, maxTokens: number, rows: number): number {
  return Math.min(heads / kvHeads, Math.ceil(WORKGROUPS / (kvHeads * Math.ceil(maxTokens / rows))));
}

/** What ds may take at most, bytes: what 4 texts of 2,048 tokens and 28 heads do, and some. */
const BOUND = 640 * 2 ** 20;
/** Bytes of a block of 64 x 64. */
const BLOCK = 2 * 64 * 64;

/** What of it a recording's packed batch has. */
type Capacity = Pick<Sequences, 'maxTokens' | 'maxLength'>;

/** Where ds lies, for the capacity of a recording. */
export interface DsArea {
  /** It serves texts of more tokens than this, */
  over: number;
  /** and of no more than this. */
  upTo: number;
  /** Half as many blocks as the last rows of the longest text have. */
  half: number;
  /** Of a head. */
  blocks: number;
  bytes: number;
}

/** The area of ds, which serves texts of more than `over` tokens up to its own limit; none where it would serve none. */
export function dsArea(
  { maxTokens, maxLength }: Capacity,
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
  return upTo > over ? { over, upTo, half, blocks: rows * half, bytes: BLOCK * heads * rows * half } : undefined;
}

/** Bytes that long texts take beside the operands, for the capacity of a recording. */
export function longBytes(caps: Caps, s: AttentionShape, capacity: Capacity): number {
  const form = matrixFits(caps, s) ? longForm(s.headDim) : undefined;
  const area = form && dsArea(capacity, s.heads, form.over, caps);
  if (!form || !area) return 0;
  const splits = splitsOf(s, capacity.maxTokens, form.keys.rows);
  return area.bytes + (splits > 1 ? 8 * splits * capacity.maxTokens * s.kvHeads * s.headDim : 0);
}

const constantsOf = ({ over, half, blocks }: DsArea) => ({ LONG: over, HALF: half, DS_HEAD: blocks });

/** dk and dv, or of several splits the sums for them, `tokens` rows each, and ds. `loops` as in `productCode`. */
export const keysCode = (
  s: AttentionShape,
  tile: TileSize,
  area: DsArea,
  splits: number,
  tokens: number,
  loops = false,
): string =>
  sharedCode(keysSource, s, tile, loops, { ROLES: 2, SPLITS: splits, TOKENS: tokens, ...constantsOf(area) }, [
    dsSource,
  ]);

export const alongCode = ({ heads: H, headDim: D }: AttentionShape, rows: number): string =>
  specialise(alongSource, { enable: ['f16', 'subgroups'], constants: { H, D, ROWS: rows } });

/** dk and dv of the sums of splits, `tokens` rows each. */
export const sumsCode = ({ heads: H, kvHeads: KV, headDim: D }: AttentionShape, splits: number, tokens: number) =>
  specialise(sumsSource, {
    enable: ['f16'],
    constants: { H, KV, D, SPLITS: splits, TOKENS: tokens, INVERSE_ROOT: float(1 / Math.sqrt(D)) },
  });

/** `loops`: leave the loops over matrices as they are. */
export function productCode(
  { heads: H, kvHeads: KV, headDim: D }: AttentionShape,
  { rows: ROWS, keys: KEYS, shares: SHARES }: ProductTile,
  area: DsArea,
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
      ...constantsOf(area),
    },
    include: [dsSource],
  });
  return loops ? text : unroll(text, counts);
}

/** Records what long texts have of their own; `along` [T, heads]: D. */
export function backwardLong(
  r: Recorder,
  a: AttentionBackward & { along: Tensor },
  { keys, product, splits: wanted }: LongForm,
  area: DsArea,
): void {
  const { heads: H, kvHeads: KV, headDim: D, sequences, qkv, y, dy, dqkv, along, lse } = a;
  const { software } = r.gpu.description;
  const { maxTokens: tokens, starts } = sequences;
  const splits = wanted ?? splitsOf(a, tokens, keys.rows);
  const ds = r.scratch('attention ds', 'f16', [area.bytes / 2]);
  const target = splits > 1 ? r.scratch('attention dk, dv parts', 'f32', [splits, tokens, 2 * KV * D]) : dqkv;
  const record = (label: string, { rows }: Cut, x: number, code: string, bindings: (of: Tiles) => (Tensor | Dim)[]) => {
    const of = sequences.tiles({ rows, over: area.over, upTo: area.upTo });
    const grid = (): Grid => [x, of.count.count];
    r.dispatch({ label: `attention backward ${label} matrix long`, code, bindings: bindings(of), grid });
  };
  record('along', keys, H, alongCode(a, keys.rows), (of) => [dy, y, along, of.list, of.count]);
  const makesDs = keysCode(a, keys, area, splits, tokens, software);
  record('keys', keys, KV * splits, makesDs, (of) => [qkv, dy, target, along, of.list, of.count, lse, starts, ds]);
  if (splits > 1) record('sums', keys, 2 * KV, sumsCode(a, splits, tokens), (of) => [target, dqkv, of.list, of.count]);
  const readsDs = productCode(a, product, area, software);
  record('queries', product, H, readsDs, (of) => [qkv, ds, dqkv, of.list, of.count]);
}
