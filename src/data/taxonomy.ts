/** The list of known misconceptions, in Eedi's columns MisconceptionId and MisconceptionName. */
import { UserError } from '../errors.ts';
import { cellError, parseCsv, requireColumns, requiredInteger } from './csv.ts';

/** Row i of every passage matrix is `names[i]`, whose id in predictions is `ids[i]`. */
export interface Taxonomy {
  readonly ids: readonly number[];
  readonly names: readonly string[];
}

/**
 * The taxonomy of a CSV text, in its order. Ids need not be contiguous; other columns are ignored.
 * Throws a UserError naming file, line and column for a repeated or missing id, an empty name, no rows.
 */
export function parseTaxonomy(text: string, file: string): Taxonomy {
  const table = parseCsv(text, file);
  requireColumns(table, ['MisconceptionId', 'MisconceptionName']);
  const lines = new Map<number, number>();
  const names: string[] = [];
  for (const row of table.rows) {
    const id = requiredInteger(table, row, 'MisconceptionId');
    const before = lines.get(id);
    if (before !== undefined) {
      throw cellError(table, row, 'MisconceptionId', `the id ${id} is already that of line ${before}`);
    }
    lines.set(id, row.line);
    const name = row.cells.MisconceptionName;
    if (name.trim() === '') throw cellError(table, row, 'MisconceptionName', 'blank, a name is expected');
    names.push(name);
  }
  if (names.length === 0) throw new UserError(`${file}: no misconceptions, only a header row`);
  return { ids: [...lines.keys()], names };
}
