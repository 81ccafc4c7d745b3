/** Labelled questions of the visitor's own, which misconceptions are found by beside their names. */
import { useMemo } from 'preact/hooks';
import type { Misconception } from '../worker/api.ts';
import { rowsBorne } from '../worker/labelled.ts';
import { Drop } from './drop.tsx';
import { readLabelled, setLabelled } from './labelled_session.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { type Labelled, store } from './state.ts';
import { useStore } from './store.ts';
import { count, counted } from './units.ts';

export function LabelledSection() {
  const labelled = useStore(store, (s) => s.labelled);
  const rows = useStore(store, (s) => s.taxonomy?.rows);
  const problem = useStore(store, (s) => s.labelledProblem);
  const unkept = useStore(store, (s) => s.labelledUnkept);
  return (
    <section class="labelled" aria-labelledby="labelled-title">
      <h2 id="labelled-title">Labelled questions</h2>
      {problem !== undefined && <Notice onClose={() => store.set({ labelledProblem: undefined })}>{problem}</Notice>}
      {unkept && (
        <Notice kind="note">
          This browser does not keep these questions for the next visit (a private window, or too many of them).
        </Notice>
      )}
      {labelled && <InUse labelled={labelled} rows={rows ?? []} />}
      <Drop
        label={labelled ? 'Use other labelled questions' : 'Rank by labelled questions too'}
        accept=".csv,text/csv"
        disabled={!rows?.length}
        onFiles={([file]) => void readLabelled(file)}
      >
        A CSV in Eedi’s columns, with <code>MisconceptionAId</code> to <code>MisconceptionDId</code> for the wrong
        options whose misconception you know. It then ranks higher for answers like these; a question’s own labels are
        left out of its ranking.
      </Drop>
    </section>
  );
}

function InUse({ labelled, rows }: { labelled: Labelled; rows: readonly Misconception[] }) {
  const labelling = useStore(store, (s) => s.labelling);
  const { answers, title, on } = labelled;
  const left = useMemo(() => rowsBorne(answers, rows).filter((row) => row === undefined).length, [answers, rows]);
  return (
    <div class="card">
      <div role="status">
        <p>
          {counted(answers.length, 'labelled wrong option')}: <strong>{title}</strong>
        </p>
        {left > 0 && (
          <p class="hint">
            {count(left)} left out: {left === 1 ? 'its misconception is' : 'their misconceptions are'} not in the
            taxonomy.
          </p>
        )}
      </div>
      {labelling && <ProgressBar title="Reading labelled answers" progress={labelling} />}
      <div class="toolbar">
        <label class="switch">
          <input
            type="checkbox"
            checked={on}
            onChange={(event) => setLabelled({ ...labelled, on: event.currentTarget.checked })}
          />
          Rank by them
        </label>
        <button type="button" class="quiet" onClick={() => setLabelled(undefined)}>
          Remove
        </button>
      </div>
    </div>
  );
}
