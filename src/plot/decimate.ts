/** Fewer points that draw the same picture: a plot of thousands of steps is redrawn every few of them. */

export type Point = readonly [x: number, y: number];

/**
 * Of a line in pixels, x not falling: in each pixel's column the first, lowest, highest and last point, which leaves
 * what is drawn as it was (M4, Jugel et al. 2014). A gap, a point that is not finite, is kept where it was.
 */
export function decimateLine(points: readonly Point[]): Point[] {
  const out: Point[] = [];
  let column: Point[] = [];
  const flush = () => {
    if (column.length <= 4) out.push(...column);
    else {
      const [low, high] = [argBest(column, (a, b) => a < b), argBest(column, (a, b) => a > b)];
      const kept = [...new Set([0, low, high, column.length - 1])].sort((a, b) => a - b);
      out.push(...kept.map((i) => column[i]));
    }
    column = [];
  };
  for (const p of points) {
    const gap = !Number.isFinite(p[0]) || !Number.isFinite(p[1]);
    if (column.length && (gap || Math.floor(p[0]) !== Math.floor(column[0][0]))) flush();
    if (!gap) column.push(p);
    else if (out.length && Number.isFinite(out[out.length - 1][1])) out.push([p[0], Number.NaN]);
  }
  flush();
  return out;
}

/** Of marks in pixels, one for each pixel that has any, as indices: the others would lie under it. */
export function decimateMarks(points: readonly Point[]): number[] {
  const seen = new Set<string>();
  return points.flatMap(([x, y], i) => {
    const key = `${Math.round(x)} ${Math.round(y)}`;
    if (!Number.isFinite(x) || !Number.isFinite(y) || seen.has(key)) return [];
    seen.add(key);
    return [i];
  });
}

function argBest(points: readonly Point[], better: (a: number, b: number) => boolean): number {
  let best = 0;
  for (let i = 1; i < points.length; i++) if (better(points[i][1], points[best][1])) best = i;
  return best;
}
