/** View 2: the misconceptions that answers are compared with: searched, added to, edited, replaced by a CSV. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Misconception } from '../worker/api.ts';
import { useChunks } from './chunks.ts';
import { Drop } from './drop.tsx';
import { LabelledSection } from './labelled_section.tsx';
import { renameLabels } from './labelled_session.ts';
import { Notice } from './notice.tsx';
import { downloadCsv } from './save.ts';
import { readTaxonomy, restoreSample, setTaxonomy } from './session.ts';
import { store, type Taxonomy } from './state.ts';
import { useStore } from './store.ts';
import { TaxonomyRow } from './taxonomy_row.tsx';
import { count, counted, progressText } from './units.ts';

const NONE: Taxonomy = { title: '', rows: [], sample: true };

/** The taxonomy with other rows, which makes it the visitor's own. */
const changed = (taxonomy: Taxonomy, rows: Misconception[]): Taxonomy => ({
  title: taxonomy.sample ? 'The sample taxonomy, edited' : taxonomy.title,
  rows,
  sample: false,
});

export function TaxonomyView() {
  const taxonomy = useStore(store, (s) => s.taxonomy) ?? NONE;
  const [search, setSearch] = useState('');
  const [deleted, setDeleted] = useState<{ row: Misconception; at: number }>();
  const found = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return taxonomy.rows;
    return taxonomy.rows.filter(({ id, name }) => {
      const text = `${id} ${name.toLowerCase()}`;
      return words.every((word) => text.includes(word));
    });
  }, [taxonomy.rows, search]);
  const { shown, end } = useChunks(found, `${taxonomy.title} ${search}`);

  const replace = (rows: Misconception[]) => setTaxonomy(changed(store.state.taxonomy ?? NONE, rows));
  const current = () => store.state.taxonomy?.rows ?? [];
  const rename = (id: number, name: string) => {
    const before = current().find((row) => row.id === id);
    replace(current().map((row) => (row.id === id ? { id, name } : row)));
    if (before) renameLabels(before, name);
  };
  const remove = (id: number) => {
    const at = current().findIndex((row) => row.id === id);
    setDeleted({ row: current()[at], at });
    replace(current().filter((row) => row.id !== id));
  };
  const undo = () => {
    if (!deleted) return;
    replace(current().toSpliced(deleted.at, 0, deleted.row));
    setDeleted(undefined);
  };

  return (
    <div class="columns">
      <div class="side">
        <TaxonomyCard taxonomy={taxonomy} />
        <AddForm rows={taxonomy.rows} onAdd={(row) => replace([row, ...current()])} />
        <Drop
          label="Use a taxonomy of your own"
          accept=".csv,text/csv"
          onFiles={([file]) => {
            setDeleted(undefined);
            void readTaxonomy(file);
          }}
        >
          A CSV with the columns <code>MisconceptionId</code> and <code>MisconceptionName</code>.
        </Drop>
        <LabelledSection />
      </div>
      <section aria-label="Misconceptions">
        <TaxonomyNotices />
        {deleted && (
          <Notice kind="note" onClose={() => setDeleted(undefined)}>
            Deleted number {deleted.row.id}.{' '}
            <button type="button" class="link" onClick={undo}>
              Undo
            </button>
          </Notice>
        )}
        <input
          type="search"
          class="search"
          aria-label="Search the misconceptions"
          placeholder="Search"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <TaxonomyStatus found={search ? found.length : undefined} />
        <ul class="taxonomy">
          {shown.map((row) => (
            <TaxonomyRow key={row.id} row={row} onRename={rename} onDelete={remove} />
          ))}
        </ul>
        <div class="list-end" ref={end} />
      </section>
    </div>
  );
}

function TaxonomyCard({ taxonomy }: { taxonomy: Taxonomy }) {
  return (
    <section class="card" aria-label="In use">
      <p class="figure">{count(taxonomy.rows.length)}</p>
      <p>
        misconceptions in use: <strong>{taxonomy.title}</strong>
      </p>
      <div class="toolbar">
        <button
          type="button"
          class="quiet"
          onClick={() =>
            void downloadCsv(
              'taxonomy.csv',
              ['MisconceptionId', 'MisconceptionName'],
              taxonomy.rows.map(({ id, name }) => [id, name]),
            )
          }
        >
          Download as CSV
        </button>
        {!taxonomy.sample && (
          <button type="button" class="quiet" onClick={() => void restoreSample()}>
            Back to the sample
          </button>
        )}
      </div>
    </section>
  );
}

function TaxonomyNotices() {
  const problem = useStore(store, (s) => s.taxonomyProblem);
  const unkept = useStore(store, (s) => s.taxonomyUnkept);
  return (
    <>
      {problem !== undefined && <Notice onClose={() => store.set({ taxonomyProblem: undefined })}>{problem}</Notice>}
      {unkept && (
        <Notice kind="note">
          This browser keeps nothing for the page (a private window, or its storage is full): download the taxonomy as a
          CSV to keep your changes.
        </Notice>
      )}
    </>
  );
}

/** One line and a thin bar that keep their place: how many were found, and what the model still has to read. */
function TaxonomyStatus({ found }: { found: number | undefined }) {
  const rows = useStore(store, (s) => s.taxonomy?.rows.length ?? 0);
  const embedding = useStore(store, (s) => s.embedding);
  const embedded = useStore(store, (s) => s.embedded);
  const parts = [found === undefined ? counted(rows, 'misconception') : `${count(found)} of ${count(rows)}`];
  if (embedding) parts.push(`reading ${progressText(embedding)}`);
  else if (embedded?.embedded) parts.push(`${count(embedded.embedded)} just read, ready to rank`);
  else if (embedded) parts.push('ready to rank');
  const share = embedding && embedding.total > 0 ? embedding.done / embedding.total : 0;
  return (
    <div class="list-status">
      <p class="hint" role="status">
        {parts.join(' · ')}
      </p>
      <span class="status-bar" aria-hidden="true">
        <span style={{ transform: `scaleX(${share})` }} />
      </span>
    </div>
  );
}

/** Adds a misconception under the next free number, at the top of the list where one sees it. */
function AddForm({ rows, onAdd }: { rows: Misconception[]; onAdd: (row: Misconception) => void }) {
  const [name, setName] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  const next = rows.reduce((max, { id }) => Math.max(max, id), -1) + 1;
  const same = rows.find((row) => row.name === name.trim());
  useEffect(() => input.current?.setCustomValidity(same ? `Number ${same.id} says this already` : ''), [same]);
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (!name.trim() || same) return;
        onAdd({ id: next, name: name.trim() });
        setName('');
        input.current?.focus();
      }}
    >
      <label for="add-name">Add a misconception</label>
      <textarea
        id="add-name"
        ref={input}
        rows={2}
        value={name}
        placeholder="Adds the denominators when adding fractions"
        onInput={(event) => setName(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey) return;
          event.preventDefault();
          event.currentTarget.form?.requestSubmit();
        }}
      />
      <button type="submit" disabled={!name.trim()}>
        Add as number {next}
      </button>
    </form>
  );
}
