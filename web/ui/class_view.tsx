/** View 3: a CSV of questions and pupils' answers in; the commonest misconceptions, a table and a CSV out. */
import { useMemo, useState } from 'preact/hooks';
import type { ClassRow } from '../worker/api.ts';
import { ClassChart, type Tally, tally } from './class_chart.tsx';
import { ClassTable } from './class_table.tsx';
import { Drop } from './drop.tsx';
import { cancel } from './engine.ts';
import { CLASS_TOP, rankClass } from './jobs.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { download, spreadsheetCsv } from './save.ts';
import { type ClassRun, store } from './state.ts';
import { useStore } from './store.ts';
import { counted } from './units.ts';

export function ClassView() {
  const run = useStore(store, (s) => s.classRun);
  const problem = useStore(store, (s) => s.classProblem);
  const ready = useStore(store, (s) => s.model !== undefined && !s.loading && !s.embedding);
  return (
    <>
      <div class="class-head">
        <Drop
          label="Choose a CSV of answers"
          accept=".csv,text/csv"
          disabled={!ready || run?.running}
          onFiles={([file]) => void rankClass(file)}
        >
          <CsvHint />
        </Drop>
        {!ready && !run && (
          <p class="hint" role="status">
            The model is not ready yet; see <a href="#model">Model</a>.
          </p>
        )}
      </div>
      {problem !== undefined && <Notice onClose={() => store.set({ classProblem: undefined })}>{problem}</Notice>}
      {run && <Run run={run} />}
    </>
  );
}

function CsvHint() {
  return (
    <>
      One row an answer, with columns for the question, the correct and the wrong answer, and the pupil; or Eedi’s
      columns, where every wrong option is a row. Nothing is uploaded.
    </>
  );
}

function Run({ run }: { run: ClassRun }) {
  const [only, setOnly] = useState<number>();
  const tallies = useMemo(() => tally(run.rows), [run.rows]);
  const rows = useMemo(
    () => (only === undefined ? run.rows : run.rows.filter(({ ranked }) => ranked[0]?.id === only)),
    [run.rows, only],
  );
  return (
    <div class="class-run">
      {run.running && (
        <div class="running">
          <ProgressBar title={`Ranking ${run.file}`} progress={run.progress} />
          <button type="button" onClick={() => void cancel()}>
            Cancel
          </button>
        </div>
      )}
      {run.stopped !== undefined && <Notice kind="note">{run.stopped}</Notice>}
      {run.rows.length > 0 && (
        <>
          <ClassChart tallies={tallies} answers={run.rows.length} only={only} onOnly={setOnly} />
          <ClassTable
            rows={rows}
            key={only ?? 'all'}
            title={title(run, tallies, only)}
            onDownload={() => download(`${stem(run.file)}-misconceptions.csv`, 'text/csv', classCsv(run.rows))}
          />
        </>
      )}
    </div>
  );
}

const title = (run: ClassRun, tallies: Tally[], only: number | undefined): string => {
  const one = tallies.find(({ id }) => id === only);
  return one
    ? `${counted(one.n, 'answer')} with this one first`
    : `${counted(run.rows.length, 'answer')} of ${run.file}`;
};

const stem = (file: string) => file.replace(/\.csv$/i, '');

/** One row an answer, with the first misconceptions and their cosines. */
function classCsv(rows: readonly ClassRow[]): string {
  const places = Array.from({ length: CLASS_TOP }, (_, i) => i);
  const columns = ['Line', 'Pupil', 'Question', 'CorrectAnswer', 'WrongAnswer'].concat(
    places.flatMap((i) => [`MisconceptionId${i + 1}`, `Misconception${i + 1}`, `Cosine${i + 1}`]),
  );
  return spreadsheetCsv(
    columns,
    rows.map(({ line, label, question, ranked }) => [
      line,
      label,
      question.question,
      question.correct,
      question.incorrect,
      ...places.flatMap((i) => (ranked[i] ? [ranked[i].id, ranked[i].name, ranked[i].score.toFixed(4)] : ['', '', ''])),
    ]),
  );
}
