/** Token embeddings: a gather of table rows into the residual stream. Formula and layouts: embed.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import { BYTES, type Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './embed.wgsl' with { type: 'text' };

/** An embedding table [vocab, C], split by rows where one binding cannot hold it. */
export interface EmbedTable {
  vocab: number;
  C: number;
  /** Of a table that has only some tokens' rows: which row is which id's. Without it, id i's is row i. */
  rows?: ReadonlyMap<number, number>;
  /** Together they hold every row once; f16 or f32 [count, C], C even where f16. */
  chunks: readonly EmbedChunk[];
}

/** `rows` of a table whose row i is that of the ith of `ids`. */
export const rowsOfTokens = (ids: Uint32Array): ReadonlyMap<number, number> =>
  new Map(Array.from(ids, (id, row) => [id, row]));

export interface EmbedChunk {
  first: number;
  count: number;
  data: Tensor;
}

export interface Embed {
  /** u32 [T]: rows of the table, each below its vocab; rows of h with others are not written */
  ids: Tensor;
  table: EmbedTable;
  /** f32 [T, C] */
  h: Tensor;
  /** How many tokens there are, T. */
  rows: Dim;
}

const WG = 256;

/** The fewest equal chunks of rows that one binding each can hold. */
export function plan(
  caps: Pick<Caps, 'maxBinding'>,
  table: { vocab: number; C: number; dtype: 'f16' | 'f32' },
): { first: number; count: number }[] {
  const { vocab, C, dtype } = table;
  const most = Math.floor(caps.maxBinding / (C * BYTES[dtype]));
  const rows = Math.ceil(vocab / Math.ceil(vocab / most));
  return Array.from({ length: Math.ceil(vocab / rows) }, (_, i) => ({
    first: i * rows,
    count: Math.min(rows, vocab - i * rows),
  }));
}

/** How a table's words are read, by its type and whether C is even. */
const FORMS = {
  f16: { Word: 'u32', Wide: 'vec2<f32>', widen: 'unpack2x16float(w)', width: 2 },
  f32x2: { Word: 'vec2<f32>', Wide: 'vec2<f32>', widen: 'w', width: 2 },
  f32: { Word: 'f32', Wide: 'f32', widen: 'w', width: 1 },
};

export function embed(r: Recorder, a: Embed): void {
  const { C, chunks } = a.table;
  for (const { first, count, data } of chunks) {
    if (data.dtype === 'f16' && C % 2) throw new Error(`embed: a f16 table needs an even width, not ${C}`);
    const { Word, Wide, widen, width } = FORMS[data.dtype === 'f16' ? 'f16' : C % 2 ? 'f32' : 'f32x2'];
    const WORDS = C / width;
    r.dispatch({
      label: 'embed',
      code: specialise(source, {
        alias: { Word, Wide },
        constants: { FIRST: first, COUNT: count, WORDS, WG },
        include: [`fn widen(w: Word) -> Wide { return ${widen}; }`],
      }),
      bindings: [a.ids, data, a.h, a.rows],
      grid: () => fold(Math.ceil((a.rows.count * WORDS) / WG)),
    });
  }
}
