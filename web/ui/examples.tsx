/** The sample's questions to pick from: each with its wrong answers as buttons, in a dialog that filters as one types. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useChunks } from './chunks.ts';
import { MathText } from './math_text.tsx';
import { showExample } from './ranking_session.ts';
import type { Example } from './sample.ts';
import { Scroller } from './scroller.tsx';
import { counted } from './units.ts';

export function Examples() {
  const [examples, setExamples] = useState<Example[]>();
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  return (
    <>
      <button
        type="button"
        onClick={async () => {
          setOpen(true);
          setExamples((await import('./sample.ts')).examples);
        }}
      >
        Pick an example
      </button>
      {open && (
        <dialog
          ref={dialog}
          class="examples"
          aria-labelledby="examples-title"
          onClose={() => setOpen(false)}
          closedby="any"
        >
          <div class="examples-head">
            <h2 id="examples-title">Examples</h2>
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
          {examples && (
            <List
              examples={examples}
              onPick={(example, i) => {
                showExample(example, i);
                dialog.current?.close();
              }}
            />
          )}
        </dialog>
      )}
    </>
  );
}

function List({ examples, onPick }: { examples: Example[]; onPick: (example: Example, i: number) => void }) {
  const [search, setSearch] = useState('');
  const found = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    return examples.filter((e) => {
      const text = [e.question, e.construct, e.subject, ...e.behind].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }, [examples, search]);
  const { shown, end } = useChunks(found, found, 2);
  return (
    <>
      <input
        type="search"
        class="search"
        aria-label="Search the examples"
        placeholder="Fractions, angles, probability…"
        value={search}
        onInput={(event) => setSearch(event.currentTarget.value)}
      />
      <Scroller label={counted(found.length, 'example')} class="example-list">
        <ol>
          {shown.map((example, n) => (
            <li key={example.id}>
              {example.subject !== shown[n - 1]?.subject && <h3>{example.subject}</h3>}
              <div class="example-question">
                <MathText text={example.question} />
              </div>
              <div class="choices">
                {example.options.map((option, i) =>
                  i === example.correct ? null : (
                    <button key={i} type="button" class="choice" onClick={() => onPick(example, i)}>
                      <MathText text={option} />
                    </button>
                  ),
                )}
              </div>
            </li>
          ))}
          <li class="list-end" ref={end} aria-hidden="true" />
        </ol>
      </Scroller>
      {found.length === 0 && <p class="hint">No example has all of these words.</p>}
    </>
  );
}
