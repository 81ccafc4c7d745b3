/** Plain text tables for terminals: columns padded to their widest cell. */

/** Lines of a table; the first row is its header. Columns are flush left where `left` names them, else flush right. */
export function formatTable(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => [...row[c]].length)));
  const pad = (cell: string, c: number) => {
    const space = ' '.repeat(widths[c] - [...cell].length);
    return left.includes(c) ? cell + space : space + cell;
  };
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}
