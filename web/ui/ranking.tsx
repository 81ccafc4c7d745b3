/** The ranked misconceptions, the likeliest first, each with its cosine as a number and a bar. */
import { useState } from 'preact/hooks';
import type { Ranked } from '../worker/api.ts';
import { MathText } from './math_text.tsx';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { unasked } from './ranking_session.ts';
import { loadModel } from './session.ts';
import { type Ranking, store, untrained } from './state.ts';
import { useStore } from './store.ts';
import { bytes, cosine, count, counted, figures } from './units.ts';

/** How many are listed before one asks for the rest. */
const FIRST = 10;

export function RankingPanel() {
  const ranking = useStore(store, (s) => s.ranking);
  const problem = useStore(store, (s) => s.rankProblem);
  const ranks = useStore(store, (s) => s.ranks);
  const missing = useStore(store, (s) => unasked(s.draft));
  return (
    <section class="ranking" aria-label="Misconceptions, likeliest first" aria-busy={ranks}>
      <p class="unseen" role="status">
        {ranking && !missing ? summary(ranking) : ''}
      </p>
      {problem !== undefined && <Notice onClose={() => store.set({ rankProblem: undefined })}>{problem}</Notice>}
      {missing ? <p class="empty">{missing}</p> : ranking ? <List ranking={ranking} /> : <Waiting />}
    </section>
  );
}

const summary = ({ ranked, among, ms }: Ranking) =>
  `${count(among)} misconceptions ranked in ${figures(ms)} milliseconds. First: ${ranked[0]?.name ?? 'none'}`;

/** Before the first ranking: what is on its way, or what is missing. */
function Waiting() {
  const gpu = useStore(store, (s) => s.gpu);
  const loading = useStore(store, (s) => s.loading);
  const embedding = useStore(store, (s) => s.embedding);
  const model = useStore(store, (s) => s.model);
  const problem = useStore(store, (s) => s.modelProblem);
  if (gpu?.problem !== undefined) {
    return (
      <p class="empty">
        Ranking needs WebGPU, which this browser does not offer. <a href="#gpu">What can be done about it</a>
      </p>
    );
  }
  if (problem !== undefined) {
    return (
      <Notice>
        {problem} <a href="#model">Choose a model</a>
      </Notice>
    );
  }
  if (loading || embedding) {
    return (
      <div class="waiting">
        <ProgressBar
          title={loading ? `Loading ${loading.title}` : 'Reading the taxonomy'}
          progress={loading?.progress ?? embedding}
        />
      </div>
    );
  }
  if (!gpu || model) return <p class="empty">{gpu ? 'Ranking…' : 'Looking for a GPU…'}</p>;
  return <Offer />;
}

/** No model came with the page and none is kept: which one to fetch, and how large it is. */
function Offer() {
  const models = useStore(store, (s) => s.models) ?? [];
  return (
    <div class="offer">
      <p class="empty">No model is loaded yet. It is fetched once and kept in this browser.</p>
      <div class="toolbar">
        {models
          .filter(({ refused }) => refused === undefined)
          .map(({ id, title, bytes: size }) => (
            <button key={id} type="button" class="primary" onClick={() => void loadModel({ kind: 'entry', id }, title)}>
              Fetch {title} ({bytes(size)})
            </button>
          ))}
        <a href="#model">Other ways</a>
      </div>
    </div>
  );
}

function List({ ranking: { ranked, among, ms, labelled, label } }: { ranking: Ranking }) {
  const [all, setAll] = useState(false);
  const general = useStore(store, untrained);
  const shown = all ? ranked : ranked.slice(0, FIRST);
  const top = ranked[0]?.score ?? 1;
  const floor = ranked[ranked.length - 1]?.score ?? 0;
  // A bar of the last one fetched still shows; all equal scores get full bars.
  const width = (score: number) => (top > floor ? 0.04 + (0.96 * (score - floor)) / (top - floor) : 1);
  const place = label === undefined ? 0 : ranked.findIndex(({ name }) => name === label) + 1;
  return (
    <>
      <ol class="ranked">
        {shown.map((entry, i) => (
          <Entry key={entry.id} entry={entry} place={i + 1} width={width(entry.score)} labelled={i + 1 === place} />
        ))}
      </ol>
      {ranked.length > FIRST && (
        <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `First ${FIRST} only` : `Show ${ranked.length}`}
        </button>
      )}
      {label !== undefined && place === 0 && (
        <p class="label-note">
          The author of this example had in mind{' '}
          <q>
            <MathText text={label} />
          </q>
          , which this model does not place among its first {ranked.length}.
        </p>
      )}
      <p class="hint">
        {count(among)} misconceptions in {figures(ms)} ms
        {labelled > 0
          ? `, by names and ${counted(labelled, 'labelled answer')}. The number is the cosine between the answer and the misconception, or the mean of that and the cosine of the closest labelled answer that bears it`
          : '. The number is the cosine between the answer and the misconception'}
        ; bars run from {cosine(floor)}, place {ranked.length}, to {cosine(top)}.
        {general && (
          <>
            {' '}
            This model was not trained to find misconceptions: <a href="#model">put an adapter on it</a>, or expect
            little.
          </>
        )}
      </p>
    </>
  );
}

interface EntryProps {
  entry: Ranked;
  place: number;
  width: number;
  labelled: boolean;
}

function Entry({ entry, place, width, labelled }: EntryProps) {
  return (
    <li class={place === 1 ? 'entry first' : 'entry'}>
      <span class="place" aria-hidden="true">
        {place}
      </span>
      <div class="entry-text">
        <p class="name">
          <MathText text={entry.name} />
          {labelled && <span class="badge">the example’s author meant this one</span>}
        </p>
        <span class="bar" aria-hidden="true">
          <span style={{ transform: `scaleX(${width})` }} />
        </span>
      </div>
      <span class="score">
        <span class="unseen">cosine </span>
        {cosine(entry.score)}
      </span>
    </li>
  );
}
