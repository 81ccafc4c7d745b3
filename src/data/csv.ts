/**
 * CSV in and out (RFC 4180), on csv-parse. Cells hold newlines, so a record's line is not its number: every record
 * keeps the line of the file on which it starts, and every complaint reads `file:line:column: …`.
 *
 * Works on strings. csv-parse wants Node's Buffer; a browser bundle aliases `csv-parse/sync` to
 * `csv-parse/browser/esm/sync`, the same parser with its own Buffer.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { UserError } from '../errors.ts';

export interface CsvRow {
  /** Line of the file on which the record starts, from 1. */
  readonly line: number;
  /** The record by column name. */
  readonly cells: Readonly<Record<string, string>>;
}

export interface CsvTable {
  /** What messages call it: a path. */
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
}

const LF = 0x0a;
const CR = 0x0d;

/** Line endings of every system; empty lines between records are skipped. */
const SYNTAX = { record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true };

const COMPLAINTS: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'the quote that opens here is never closed',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote: quotes within a quoted cell are doubled ("")',
  INVALID_OPENING_QUOTE: 'a quote within an unquoted cell: put the whole cell in quotes and double those within ("")',
};

/** Follows a byte offset that only grows to its line. */
class LineCounter {
  #line = 1;
  #offset = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Line of the first byte at or after `offset` that is no line ending. */
  at(offset: number): number {
    const bytes = this.#bytes;
    let i = this.#offset;
    for (; i < bytes.length && (i < offset || bytes[i] === LF || bytes[i] === CR); i++) {
      if (bytes[i] === LF || (bytes[i] === CR && bytes[i + 1] !== LF)) this.#line++;
    }
    this.#offset = i;
    return this.#line;
  }
}

/**
 * A CSV text with a header row. `file` is its name in messages.
 * Throws a UserError for an empty text, a repeated column, unbalanced quotes and records with too many or few cells.
 */
export function parseCsv(text: string, file: string): CsvTable {
  const bytes = new TextEncoder().encode(text);
  const records = readRecords(bytes, file);
  if (records.length === 0) throw new UserError(`${file}: empty, a header row is expected`);
  const columns = records[0].record;
  const repeated = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i);
  if (repeated !== undefined) throw new UserError(`${file}:1: the column ${excerpt(repeated)} appears twice`);

  const lines = new LineCounter(bytes);
  const rows = records.slice(1).map(({ record }, i) => {
    const line = lines.at(records[i].info.bytes);
    if (record.length !== columns.length) {
      const last = columns[Math.min(record.length, columns.length) - 1];
      throw new UserError(`${file}:${line}:${excerpt(last)}: ${record.length} cells, the header has ${columns.length}`);
    }
    return { line, cells: Object.fromEntries(columns.map((name, c) => [name, record[c]])) };
  });
  return { file, columns, rows };
}

/** Every record, the header among them, with the byte offset at which it ends. */
function readRecords(bytes: Uint8Array, file: string): { record: string[]; info: { bytes: number } }[] {
  try {
    return parse(bytes, { ...SYNTAX, info: true, relax_column_count: true }) as never;
  } catch (error) {
    const complaint = error instanceof CsvError ? COMPLAINTS[error.code] : undefined;
    if (!complaint) throw error;
    const { bytes: cell, column } = error as CsvError & { bytes: number; column: number };
    throw new UserError(`${file}:${new LineCounter(bytes).at(cell)}:${columnName(bytes, column)}: ${complaint}`);
  }
}

function columnName(bytes: Uint8Array, index: number): string {
  try {
    const [header] = parse(bytes, { ...SYNTAX, to: 1 });
    return excerpt(header?.[index] ?? '') || `cell ${index + 1}`;
  } catch {
    return `cell ${index + 1}`;
  }
}

/** Throws a UserError that names the missing columns, unless `table` has all of `columns`. */
export function requireColumns(table: CsvTable, columns: readonly string[]): void {
  const missing = columns.filter((name) => !table.columns.includes(name));
  if (missing.length === 0) return;
  throw new UserError(
    `${table.file}:1: missing column${missing.length > 1 ? 's' : ''} ${missing.join(', ')} (there are: ${excerpt(table.columns.join(', '), 200)})`,
  );
}

/** A complaint about one cell: `file:line:column: message`. */
export function cellError(table: CsvTable, row: CsvRow, column: string, message: string): UserError {
  return new UserError(`${table.file}:${row.line}:${column}: ${message}`);
}

/** A value as a message quotes it: one line, cut to `length`. */
export function excerpt(value: string, length = 40): string {
  const line = JSON.stringify(value).slice(1, -1);
  return line.length > length ? `${line.slice(0, length)}…` : line;
}

/**
 * The whole number >= 0 in a cell; undefined where it is blank. `12.0` is 12: pandas writes a column of integers as
 * floats as soon as one is missing.
 */
export function cellInteger(table: CsvTable, row: CsvRow, column: string): number | undefined {
  const cell = row.cells[column].trim();
  if (cell === '') return undefined;
  const value = /^\d+(\.0*)?$/.test(cell) ? Number(cell) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw cellError(table, row, column, `'${excerpt(cell)}' is not a whole number of 0 or more`);
}

/** As cellInteger, where a blank is an error. */
export function requiredInteger(table: CsvTable, row: CsvRow, column: string): number {
  const value = cellInteger(table, row, column);
  if (value === undefined) throw cellError(table, row, column, 'blank, a whole number is expected');
  return value;
}

/** A CSV text, lines ended by LF; cells with commas, quotes or line ends are quoted, undefined is a blank cell. */
export function formatCsv(
  columns: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  return [columns, ...rows].map((row) => `${row.map(formatCell).join(',')}\n`).join('');
}

function formatCell(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
