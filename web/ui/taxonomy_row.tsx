/** One misconception of the list: read, or being edited in its place. Enter keeps the change, Escape drops it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Misconception } from '../worker/api.ts';
import { MathText } from './math_text.tsx';

interface RowProps {
  row: Misconception;
  onRename: (id: number, name: string) => void;
  onDelete: (id: number) => void;
}

export function TaxonomyRow({ row, onRename, onDelete }: RowProps) {
  const [draft, setDraft] = useState<string>();
  const editor = useRef<HTMLTextAreaElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const editing = draft !== undefined;
  const before = useRef(editing);
  useEffect(() => {
    if (editing) {
      editor.current?.focus();
      editor.current?.select();
    } else if (before.current) opener.current?.focus();
    before.current = editing;
  }, [editing]);

  const keep = () => {
    if (draft?.trim() && draft.trim() !== row.name) onRename(row.id, draft.trim());
    setDraft(undefined);
  };
  if (editing) {
    return (
      <li class="misconception editing">
        <span class="number">{row.id}</span>
        <textarea
          ref={editor}
          rows={2}
          aria-label={`Misconception ${row.id}`}
          value={draft}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setDraft(undefined);
            if (event.key !== 'Enter' || event.shiftKey) return;
            event.preventDefault();
            keep();
          }}
        />
        <div class="row-actions">
          <button type="button" onClick={keep} disabled={!draft.trim()}>
            Keep
          </button>
          <button type="button" class="quiet" onClick={() => setDraft(undefined)}>
            Cancel
          </button>
        </div>
      </li>
    );
  }
  return (
    <li class="misconception">
      <span class="number">{row.id}</span>
      <span class="name">
        <MathText text={row.name} />
      </span>
      <div class="row-actions">
        <button
          type="button"
          class="quiet"
          ref={opener}
          aria-label={`Edit misconception ${row.id}`}
          onClick={() => setDraft(row.name)}
        >
          Edit
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={`Delete misconception ${row.id}`}
          onClick={() => onDelete(row.id)}
        >
          Delete
        </button>
      </div>
    </li>
  );
}
