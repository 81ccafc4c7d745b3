/** Downloads made on the page: nothing is sent anywhere. */

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

/** Offers a CSV for spreadsheets: every text inert, and a byte order mark so that they read it as UTF-8. */
export async function downloadCsv(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  const { formatCsv } = await import('../../src/data/csv.ts');
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? inert(cell) : cell)));
  download(name, 'text/csv', `\uFEFF${formatCsv(columns, cells)}`);
}
