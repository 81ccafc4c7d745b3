/**
 * Rankings as tables, in the published columns MisconceptionId, pred, QuestionId, ans: to and from parquet, CSV and
 * JSON. Bytes and strings only; `predictions.ts` has the files.
 */
import type { AsyncBuffer } from 'hyparquet';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { UserError } from '../errors.ts';
import { excerpt, formatCsv, parseCsv, requireColumns } from './csv.ts';
import { checkPages } from './parquet_guard.ts';
import { asLetter, type Letter, pairKey } from './questions.ts';

/** The ranking of one wrong option. */
export interface PredictionRow {
  questionId: number;
  answer: Letter;
  /** The misconception that someone labelled, where one did. */
  label?: number;
  /** Misconception ids, best first. */
  pred: number[];
}

const COLUMNS = ['MisconceptionId', 'pred', 'QuestionId', 'ans'] as const;
/** A footer holds some numbers a column; a number in it must not be megabytes long. */
const MAX_FOOTER = 256 * 1024;

type Cells = Record<(typeof COLUMNS)[number], unknown>;

/** Parquet bytes: INT64 ids (null where there is no label), pred as space-separated ids, all columns optional, snappy. */
export function encodeParquet(rows: readonly PredictionRow[]): Uint8Array {
  const bytes = parquetWriteBuffer({
    columnData: [
      {
        name: 'MisconceptionId',
        type: 'INT64',
        data: rows.map(({ label }) => (label === undefined ? null : BigInt(label))),
      },
      { name: 'pred', type: 'STRING', data: rows.map(({ pred }) => pred.join(' ')) },
      { name: 'QuestionId', type: 'INT64', data: rows.map(({ questionId }) => BigInt(questionId)) },
      { name: 'ans', type: 'STRING', data: rows.map(({ answer }) => answer) },
    ],
    createdBy: 'lacuna',
  });
  return new Uint8Array(bytes);
}

/** A CSV text with the same columns. */
export function encodeCsv(rows: readonly PredictionRow[]): string {
  return formatCsv(
    COLUMNS,
    rows.map(({ label, pred, questionId, answer }) => [label, pred.join(' '), questionId, answer]),
  );
}

/** A JSON text: one object a row with the same keys, pred as an array, null where there is no label. */
export function encodeJson(rows: readonly PredictionRow[]): string {
  const lines = rows.map(({ label, pred, questionId, answer }) =>
    JSON.stringify({ MisconceptionId: label ?? null, pred, QuestionId: questionId, ans: answer }),
  );
  return lines.length === 0 ? '[]\n' : `[\n${lines.join(',\n')}\n]\n`;
}

/** Rows of parquet bytes; `file` is their name in messages. Throws a UserError for damage and for values out of place. */
export async function decodeParquet(bytes: Uint8Array, file: string): Promise<PredictionRow[]> {
  const rows = await readObjects(bytes, file);
  return decodeRows(rows as unknown as Cells[], (i) => `${file}: row ${i + 1}`);
}

async function readObjects(bytes: Uint8Array, file: string): Promise<Record<string, unknown>[]> {
  try {
    const footer =
      bytes.length < 8 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 8, true);
    if (footer > MAX_FOOTER) throw new RangeError(`a footer of ${footer} bytes`);
    const metadata = parquetMetadata(bytes, { geoparquet: false });
    const present = metadata.schema.slice(1).map(({ name }) => name);
    const missing = COLUMNS.filter((name) => !present.includes(name));
    if (missing.length > 0)
      throw new UserError(`${file}: missing ${missing.join(', ')} (there are: ${excerpt(present.join(', '), 200)})`);
    checkPages(bytes, metadata, COLUMNS, file);
    const source: AsyncBuffer = {
      byteLength: bytes.length,
      // A copy: `slice` of a Node Buffer would share its memory.
      slice: (start, end) => new Uint8Array(bytes.subarray(start, end)).buffer,
    };
    return await parquetReadObjects({ file: source, metadata, columns: [...COLUMNS] });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { message } = error as Error;
    throw new UserError(`${file}: no readable parquet file, damaged or cut short (${excerpt(message, 100)})`);
  }
}

/** Rows of a CSV text. */
export function decodeCsv(text: string, file: string): PredictionRow[] {
  const table = parseCsv(text, file);
  requireColumns(table, COLUMNS);
  return decodeRows(
    table.rows.map(({ cells }) => cells as unknown as Cells),
    (i) => `${file}:${table.rows[i].line}`,
  );
}

/** Rows of a JSON text: an array of objects, as encodeJson writes it. */
export function decodeJson(text: string, file: string): PredictionRow[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}: no JSON: ${excerpt((error as Error).message, 100)}`);
  }
  const isRow = (row: unknown) => typeof row === 'object' && row !== null;
  if (!Array.isArray(parsed) || !parsed.every(isRow)) {
    throw new UserError(`${file}: an array of objects with ${COLUMNS.join(', ')} is expected`);
  }
  return decodeRows(parsed as Cells[], (i) => `${file}: row ${i + 1}`);
}

function decodeRows(rows: readonly Cells[], where: (row: number) => string): PredictionRow[] {
  const keys = new Map<string, number>();
  return rows.map((cells, i) => {
    const row = decodeRow(cells, where(i));
    const key = pairKey(row);
    const before = keys.get(key);
    if (before !== undefined) throw new UserError(`${where(i)}: question ${key} is already ${where(before)}`);
    keys.set(key, i);
    return row;
  });
}

function decodeRow(cells: Cells, where: string): PredictionRow {
  const answer = typeof cells.ans === 'string' ? asLetter(cells.ans.trim()) : undefined;
  if (!answer) throw new UserError(`${where}: ans: '${excerpt(String(cells.ans))}' is not A, B, C or D`);
  const questionId = asId(cells.QuestionId);
  if (questionId === undefined)
    throw new UserError(`${where}: QuestionId: '${quote(cells.QuestionId)}' is not a whole number`);
  const blank = cells.MisconceptionId === undefined || cells.MisconceptionId === null || cells.MisconceptionId === '';
  // pandas turns a column of integers with a gap into floats, and the gap into NaN.
  const label = blank || Number.isNaN(cells.MisconceptionId) ? undefined : asId(cells.MisconceptionId);
  if (label === undefined && !blank && !Number.isNaN(cells.MisconceptionId)) {
    throw new UserError(`${where}: MisconceptionId: '${quote(cells.MisconceptionId)}' is not a whole number`);
  }
  return { questionId, answer, label, pred: decodeRanking(cells.pred, where) };
}

function decodeRanking(pred: unknown, where: string): number[] {
  const items = typeof pred === 'string' ? pred.split(/\s+/).filter((item) => item !== '') : pred;
  if (!Array.isArray(items)) throw new UserError(`${where}: pred: space-separated ids are expected`);
  const ids = items.map((item) => {
    const id = asId(item);
    if (id === undefined) throw new UserError(`${where}: pred: '${quote(item)}' is not an id`);
    return id;
  });
  if (new Set(ids).size !== ids.length) {
    throw new UserError(`${where}: pred: ${ids.find((id, i) => ids.indexOf(id) !== i)} is ranked twice`);
  }
  return ids;
}

const quote = (value: unknown) => excerpt(String(value));

/** A whole number >= 0 from what a column may hold: bigint, number or text, integers also as floats. */
function asId(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^\s*\d+(\.0*)?\s*$/.test(value)) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const id = Number(value);
  return Number.isSafeInteger(id) && id >= 0 ? id : undefined;
}
