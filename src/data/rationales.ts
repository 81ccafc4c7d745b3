/** A larger model's guesses at the error behind a wrong option: columns QuestionId, Answer, Rationale. */
import { cellError, excerpt, parseCsv, requireColumns, requiredInteger } from './csv.ts';
import { asLetter, pairKey } from './questions.ts';

/** The rationales of a CSV text by pairKey; blank ones count as absent. */
export function parseRationales(text: string, file: string): Map<string, string> {
  const table = parseCsv(text, file);
  requireColumns(table, ['QuestionId', 'Answer', 'Rationale']);
  const rationales = new Map<string, string>();
  for (const row of table.rows) {
    const answer = asLetter(row.cells.Answer.trim());
    if (!answer) throw cellError(table, row, 'Answer', `'${excerpt(row.cells.Answer)}' is not A, B, C or D`);
    const key = pairKey({ questionId: requiredInteger(table, row, 'QuestionId'), answer });
    if (rationales.has(key)) throw cellError(table, row, 'Answer', `question ${key} appears twice`);
    if (row.cells.Rationale.trim() !== '') rationales.set(key, row.cells.Rationale);
  }
  return rationales;
}
