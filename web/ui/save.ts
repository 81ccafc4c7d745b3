/** Downloads made on the page: nothing is sent anywhere. */
import { formatCsv } from '../../src/data/csv.ts';

/** Offers `text` as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * A cell that no spreadsheet takes for a formula: what begins with = + - @, a tab or a line end gets an apostrophe in
 * front (OWASP's advice on CSV injection). Plain numbers are harmless and stay as they are.
 */
export function inert(cell: string): string {
  if (/^[-+]?\d+([.,]\d+)?$/.test(cell)) return cell;
  return /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(cell) ? `'${cell}` : cell;
}

/** A CSV for spreadsheets: every text inert, and a byte order mark so that they read it as UTF-8. */
export const spreadsheetCsv = (columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  `\uFEFF${formatCsv(
    columns,
    rows.map((row) => row.map((cell) => (typeof cell === 'string' ? inert(cell) : cell))),
  )}`;
