/** The six views as tabs whose addresses are the page's hash: arrow keys move, links can be kept and shared. */
import { useEffect, useState } from 'preact/hooks';

export const VIEWS = [
  { id: 'rank', title: 'Rank', heading: 'Which misconception explains this answer?' },
  { id: 'taxonomy', title: 'Taxonomy', heading: 'The misconceptions to choose from' },
  { id: 'class', title: 'Class', heading: 'A whole class at once' },
  { id: 'model', title: 'Model', heading: 'The model that reads' },
  { id: 'gpu', title: 'This GPU', heading: 'What WebGPU found here' },
  { id: 'kernels', title: 'Kernels', heading: 'Every kernel against this GPU’s own ceiling' },
] as const;

export type ViewId = (typeof VIEWS)[number]['id'];

const viewOf = (hash: string): ViewId | undefined => VIEWS.find(({ id }) => `#${id}` === hash)?.id;

/** The view that the address names; the last one named, where it names none. */
export function useView(): ViewId {
  const [view, setView] = useState<ViewId>(() => viewOf(location.hash) ?? 'rank');
  useEffect(() => {
    // The address may change twice before an event is heard or this component is drawn again:
    // each event has its own address, and the view last named is kept here.
    let last = view;
    const follow = ({ newURL }: HashChangeEvent) => {
      const { hash } = new URL(newURL);
      const named = viewOf(hash);
      if (named) {
        last = named;
        setView(named);
      }
      // The skip link's address moves the focus; the view's own comes back.
      else if (hash) history.replaceState(null, '', `#${last}`);
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  useEffect(() => {
    const title = VIEWS.find(({ id }) => id === view)!.title;
    document.title = view === 'rank' ? 'lacuna: the misconception behind a wrong answer' : `${title} · lacuna`;
  }, [view]);
  return view;
}

const STEP: Record<string, (i: number) => number> = {
  ArrowRight: (i) => (i + 1) % VIEWS.length,
  ArrowLeft: (i) => (i + VIEWS.length - 1) % VIEWS.length,
  Home: () => 0,
  End: () => VIEWS.length - 1,
};

export function Tabs({ view }: { view: ViewId }) {
  return (
    <nav class="tabs" aria-label="Views">
      <div role="tablist" aria-label="Views">
        {VIEWS.map(({ id, title }, i) => (
          <a
            key={id}
            id={`tab-${id}`}
            href={`#${id}`}
            role="tab"
            aria-selected={view === id}
            aria-controls="panel"
            tabIndex={view === id ? 0 : -1}
            onKeyDown={(event) => {
              const step = STEP[event.key];
              if (!step) return;
              event.preventDefault();
              const next = VIEWS[step(i)].id;
              location.hash = next;
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {title}
          </a>
        ))}
      </div>
    </nav>
  );
}
