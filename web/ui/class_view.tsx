/** View 3: a CSV of questions and pupils' answers in; the commonest misconceptions, a table and a CSV out. */
import { useMemo, useState } from 'preact/hooks';
import sampleUrl from '../../data/sample/train.csv?url';
import { ClassChart, type Tally, tally } from './class_chart.tsx';
import { ClassTable } from './class_table.tsx';
import { Drop } from './drop.tsx';
import { cancel, messageOf } from './engine.ts';
import { CLASS_TOP, rankClass } from './jobs.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { downloadCsv } from './save.ts';
import { type ClassRun, store } from './state.ts';
import { useStore } from './store.ts';
import { counted } from './units.ts';

export function ClassView() {
  const run = useStore(store, (s) => s.classRun);
  const problem = useStore(store, (s) => s.classProblem);
  const ready = useStore(store, (s) => s.model !== undefined && !s.loading && !s.embedding && !s.labelling);
  const labelling = useStore(store, (s) => s.labelling !== undefined);
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
        {ready && !run && (
          <p class="hint">
            No file at hand?{' '}
            <button type="button" class="link" onClick={() => void rankSample()}>
              Rank the wrong answers of the sample questions
            </button>
          </p>
        )}
        {!ready && !run && (
          <p class="hint" role="status">
            {labelling ? (
              <>
                The labelled questions are still being read; see <a href="#taxonomy">Taxonomy</a>.
              </>
            ) : (
              <>
                The model is not ready yet; see <a href="#model">Model</a>.
              </>
            )}
          </p>
        )}
      </div>
      {problem !== undefined && <Notice onClose={() => store.set({ classProblem: undefined })}>{problem}</Notice>}
      {run && <Run run={run} />}
    </>
  );
}

async function rankSample(): Promise<void> {
  try {
    const response = await fetch(sampleUrl);
    if (!response.ok) throw new Error(`the server answered ${response.status} for the sample: reload the page`);
    await rankClass(new File([await response.blob()], 'sample questions'));
  } catch (error) {
    store.set({ classProblem: messageOf(error) });
  }
}

function CsvHint() {
  return (
    <>
      One row an answer, with the columns <code>question</code>, <code>correct</code> and <code>answer</code>, and if
      you like <code>pupil</code>, <code>construct</code>, <code>subject</code>; or Eedi’s columns, where every wrong
      option counts as an answer.
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
          {run.labelled > 0 && <p class="hint">Ranked by names and {counted(run.labelled, 'labelled answer')}.</p>}
          <ClassChart tallies={tallies} answers={run.rows.length} only={only} onOnly={setOnly} />
          <ClassTable
            rows={rows}
            key={only ?? 'all'}
            title={title(run, tallies, only)}
            onDownload={() => void downloadClass(run)}
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

/** One row an answer, with the first misconceptions and their cosines. */
function downloadClass({ file, rows }: ClassRun): Promise<void> {
  const places = Array.from({ length: CLASS_TOP }, (_, i) => i);
  const columns = ['Line', 'Pupil', 'Question', 'CorrectAnswer', 'WrongAnswer'].concat(
    places.flatMap((i) => [`MisconceptionId${i + 1}`, `Misconception${i + 1}`, `Cosine${i + 1}`]),
  );
  return downloadCsv(
    `${file.replace(/\.csv$/i, '')}-misconceptions.csv`,
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
