/** The misconceptions that most often come first, as bars that also pick the answers below them. */
import type { ClassRow } from '../worker/api.ts';
import { MathText } from './math_text.tsx';
import { counted } from './units.ts';

/** Bars in the chart: more would be a list. */
const BARS = 10;

export interface Tally {
  id: number;
  name: string;
  /** Answers whose first misconception this is. */
  n: number;
}

/** How often each misconception comes first, most often first, ties by number. */
export function tally(rows: readonly ClassRow[]): Tally[] {
  const tallies = new Map<number, Tally>();
  for (const { ranked } of rows) {
    if (ranked.length === 0) continue;
    const { id, name } = ranked[0];
    const entry = tallies.get(id) ?? { id, name, n: 0 };
    entry.n++;
    tallies.set(id, entry);
  }
  return [...tallies.values()].sort((a, b) => b.n - a.n || a.id - b.id);
}

interface ChartProps {
  tallies: Tally[];
  answers: number;
  /** The misconception whose answers alone are listed. */
  only: number | undefined;
  onOnly: (id: number | undefined) => void;
}

export function ClassChart({ tallies, answers, only, onOnly }: ChartProps) {
  const most = tallies[0]?.n ?? 1;
  const rest = tallies.slice(BARS).reduce((sum, { n }) => sum + n, 0);
  return (
    <section class="chart" aria-labelledby="chart-title">
      <h2 id="chart-title">Commonest first guesses</h2>
      <ol>
        {tallies.slice(0, BARS).map(({ id, name, n }) => (
          <li key={id}>
            <button
              type="button"
              class="chart-row"
              aria-pressed={only === id}
              onClick={() => onOnly(only === id ? undefined : id)}
            >
              <span class="name">
                <MathText text={name} />
              </span>
              <span class="bar" aria-hidden="true">
                <span style={{ transform: `scaleX(${n / most})` }} />
              </span>
              <span class="score">
                {n}
                <span class="unseen"> of {counted(answers, 'answer')}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
      {rest > 0 && (
        <p class="hint">
          and {counted(rest, 'answer')} on {counted(tallies.length - BARS, 'other')}
        </p>
      )}
    </section>
  );
}
