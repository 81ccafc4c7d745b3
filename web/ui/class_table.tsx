/** The answers of a class with the misconceptions behind them, drawn little by little, and all of them for print. */
import type { ClassRow } from '../worker/api.ts';
import { useChunks } from './chunks.ts';
import { MathText } from './math_text.tsx';
import { Scroller } from './scroller.tsx';
import { cosine } from './units.ts';

interface TableProps {
  rows: ClassRow[];
  title: string;
  onDownload: () => void;
}

export function ClassTable({ rows, title, onDownload }: TableProps) {
  const { shown, end, all } = useChunks(rows, 'rows', 1);
  return (
    <section aria-labelledby="class-title">
      <div class="table-head">
        <h2 id="class-title">{title}</h2>
        <div class="toolbar">
          <button type="button" onClick={onDownload}>
            Download CSV
          </button>
          <button type="button" class="quiet" onClick={() => void all().then(() => print())}>
            Print
          </button>
        </div>
      </div>
      <Scroller label={title}>
        <table class="class-table">
          <thead>
            <tr>
              <th scope="col">Pupil</th>
              <th scope="col">Question</th>
              <th scope="col">Answer</th>
              <th scope="col">Likeliest misconceptions</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => (
              <Answer key={i} row={row} />
            ))}
          </tbody>
        </table>
      </Scroller>
      <div class="list-end" ref={end} />
    </section>
  );
}

function Answer({ row: { line, label, question, ranked } }: { row: ClassRow }) {
  return (
    <tr>
      <th scope="row">{label || `row ${line}`}</th>
      <td class="asked">
        <MathText text={question.question} />
      </td>
      <td class="answered">
        <span class="wrong">
          <span class="unseen">wrong: </span>
          <MathText text={question.incorrect} />
        </span>
        <span class="right">
          <span class="unseen">right: </span>
          <MathText text={question.correct} />
        </span>
      </td>
      <td>
        <ol class="guesses">
          {ranked.map(({ id, name, score }) => (
            <li key={id}>
              <MathText text={name} /> <span class="score">{cosine(score)}</span>
            </li>
          ))}
        </ol>
      </td>
    </tr>
  );
}
