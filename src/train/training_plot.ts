/** A run as a picture: loss, learning rate and scores, one above the other over the steps. */
import { chart, type Panel, type Series } from '../plot/chart.ts';
import type { EpochEvent, StepEvent } from './events.ts';

/** Each step counts this much of the one after it. */
const MEMORY = 0.98;

/** A mean that forgets: of the first steps it is their mean, later of the last fifty or so. */
export class Smoothed {
  #sum = 0;
  #weight = 0;

  /** Adds a value; those that are not finite are left out. Returns the mean. */
  add(value: number): number {
    if (Number.isFinite(value)) {
      this.#sum = MEMORY * this.#sum + value;
      this.#weight = MEMORY * this.#weight + 1;
    }
    return this.value;
  }

  /** NaN before the first value. */
  get value(): number {
    return this.#sum / this.#weight;
  }
}

/** SVG text of a run so far. */
export function trainingPlot(title: string, steps: readonly StepEvent[], epochs: readonly EpochEvent[]): string {
  const x = steps.map(({ step }) => step);
  const mean = new Smoothed();
  const panels: Panel[] = [
    {
      y: { label: 'loss' },
      series: [
        { name: 'of each step', x, y: steps.map(({ loss }) => loss), faint: true, colour: 0 },
        { name: 'smoothed', x, y: steps.map(({ loss }) => mean.add(loss)), colour: 0 },
      ],
    },
    { y: { label: 'learning rate' }, series: [{ name: '', x, y: steps.map(({ lr }) => lr) }], height: 120 },
  ];
  const judged = epochs.filter(({ report }) => report);
  if (judged.length) panels.push(scores('MAP@25', 'map@25', judged), scores('recall@25', 'recall@25', judged));
  return chart({ title, x: { label: 'step' }, panels });
}

function scores(label: string, metric: 'map@25' | 'recall@25', epochs: readonly EpochEvent[]): Panel {
  const x = epochs.map(({ step }) => step);
  const parts = { all: epochs.map(({ report }) => report!), ...apart(epochs) };
  const series = Object.entries(parts).flatMap(([name, reports], colour): Series[] => {
    const y = reports.map((report) => report[metric] ?? Number.NaN);
    const labels = epochs.map(({ epoch }, i) => `epoch ${epoch}, ${name}: ${y[i].toFixed(4)}`);
    return [
      { name, x, y, colour },
      { name: '', x, y, kind: 'points', colour, labels },
    ];
  });
  return { y: { label }, series, height: 160 };
}

const apart = (epochs: readonly EpochEvent[]) => ({
  seen: epochs.map(({ report }) => report!.seen),
  unseen: epochs.map(({ report }) => report!.unseen),
});
