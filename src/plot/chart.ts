/**
 * Charts as SVG text: lines, points and bars on linear or logarithmic axes, one panel or several under each other that
 * share x. A pure function of its data, so it draws the same in Node, in Deno and in the browser.
 */
import { scaleLinear, scaleLog } from 'd3-scale';
import { line, symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle } from 'd3-shape';
import { decimateLine, decimateMarks, type Point } from './decimate.ts';
import { COLOURS, colourClass, ellipsis, escapeXml, px, short, svgDocument, text, textWidth } from './svg.ts';

export interface Series {
  /** In the legend; '' leaves it out. */
  name: string;
  /** Of equal length. With `categories`, x is the index of one. A y that is not finite is a gap in the line. */
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Default: line. */
  kind?: 'line' | 'points' | 'bars';
  /** Said when the pointer rests on a point or bar; one each. */
  labels?: readonly string[];
  dashed?: boolean;
  /** Drawn thin and pale, e.g. what a smoothed line in the same colour is laid over. */
  faint?: boolean;
  /** Index into the palette; default: the series' place in its panel. */
  colour?: number;
}

export interface Axis {
  label?: string;
  /** In brackets after the label. */
  unit?: string;
  /** Default: linear. On a log axis values of 0 or less are not drawn. */
  scale?: 'linear' | 'log';
  /** Default: the data's range, widened to round numbers; from 0 where there are bars. */
  domain?: readonly [number, number];
}

export interface Panel {
  title?: string;
  y?: Axis;
  series: readonly Series[];
  /** Pixels of the plot itself. Default: 220, or 320 where it is the only panel. */
  height?: number;
  /** Horizontal reference lines, e.g. a peer's result or a ceiling. */
  rules?: readonly { y: number; label: string }[];
}

export interface Chart {
  title: string;
  /** What a screen reader adds to the summary of each series. */
  description?: string;
  x?: Axis & { categories?: readonly string[] };
  panels: readonly Panel[];
  /** Pixels. Default 820. */
  width?: number;
}

interface Scale {
  (v: number): number;
  domain(): number[];
  ticks(count?: number): number[];
}

const MARGIN = { left: 68, right: 24, top: 44, bottom: 16 };
const GAP = 22;
const SHAPES = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond];
const LINE = 16;
/** Half a mark's width: one at the edge is drawn whole. */
const MARK = 5;

/**
 * Draws `c`. Panels lie under each other in their order and share the x axis, whose ticks are under the last one.
 * Lines are decimated to a few points a pixel, so thousands of steps stay a small file.
 */
export function chart(c: Chart): string {
  const width = c.width ?? 820;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const { categories } = c.x ?? {};
  const x = categories
    ? (scaleLinear([-0.5, Math.max(categories.length, 1) - 0.5], [left, right]) as Scale)
    : scaleOf(
        c.x,
        c.panels.flatMap((p) => p.series),
        (s) => s.x,
        [left, right],
        false,
      );
  const step = categories ? (right - left) / Math.max(1, categories.length) : 0;

  const parts = [text(c.title, left, 24, 'class="title"')];
  let top = MARGIN.top;
  for (const [i, panel] of c.panels.entries()) {
    const last = i === c.panels.length - 1;
    const height = panel.height ?? (c.panels.length === 1 ? 320 : 220);
    const head = panelHead(panel, left, right, top);
    const plotTop = top + head.height;
    const bottom = plotTop + height;
    const y = scaleOf(panel.y, panel.series, (s) => s.y, [bottom, plotTop], true, panel.rules);
    parts.push(head.svg, verticalAxis(y, panel.y, left, right, plotTop, bottom));
    if (!categories) parts.push(gridOfX(x, c.x, plotTop, bottom, right - left));
    const drawn = panel.series.map((s, k) => drawSeries(s, k, panel, x, y, step, bottom)).join('\n');
    // A nested <svg> clips what a given domain leaves out, without an id that a second plot on the page could share.
    const [l, t, w, h] = [left - MARK, plotTop - MARK, right - left + 2 * MARK, height + 2 * MARK].map(px);
    parts.push(
      panel.y?.domain || c.x?.domain
        ? `<svg x="${l}" y="${t}" width="${w}" height="${h}" viewBox="${l} ${t} ${w} ${h}">${drawn}</svg>`
        : drawn,
    );
    parts.push(...(panel.rules ?? []).map((rule) => drawRule(rule, y, left, right)));
    parts.push(`<path class="axis" d="M${px(left)},${px(plotTop)}V${px(bottom)}H${px(right)}"/>`);
    top = bottom + GAP;
    if (last) {
      const foot = categories
        ? categoryLabels(categories, x, step, bottom)
        : numberLabels(x, c.x, bottom, right - left);
      parts.push(foot.svg);
      top = bottom + foot.height;
      const label = axisLabel(c.x);
      if (label) {
        parts.push(text(label, (left + right) / 2, top + 16, 'text-anchor="middle"'));
        top += 20;
      }
    }
  }
  return svgDocument(width, top + MARGIN.bottom, c.title, describe(c), parts.filter(Boolean).join('\n'));
}

const axisLabel = (a: Axis | undefined): string => [a?.label, a?.unit && `(${a.unit})`].filter(Boolean).join(' ');

function scaleOf(
  axis: Axis | undefined,
  series: readonly Series[],
  values: (s: Series) => ArrayLike<number>,
  range: [number, number],
  isY: boolean,
  rules: Panel['rules'] = [],
): Scale {
  const log = axis?.scale === 'log';
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const take = (v: number) => {
    if (!Number.isFinite(v) || (log && v <= 0)) return;
    low = Math.min(low, v);
    high = Math.max(high, v);
  };
  for (const s of series) {
    const list = values(s);
    for (let i = 0; i < list.length; i++) take(list[i]);
    if (isY && s.kind === 'bars') take(0);
  }
  for (const rule of rules) take(rule.y);
  if (!(low <= high)) [low, high] = log ? [1, 10] : [0, 1];
  if (low === high)
    [low, high] = log ? [low / 2, low * 2] : [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2];
  if (log) {
    const scale = scaleLog(axis?.domain ?? [low, high], range);
    // Whole decades would waste most of the width where the data span less than one.
    if (!axis?.domain && isY && high / low > 30) scale.nice();
    else if (!axis?.domain) scale.domain([low / 1.15, high * 1.15]);
    return scale as Scale;
  }
  const scale = scaleLinear(axis?.domain ?? [low, high], range);
  if (!axis?.domain && isY) scale.nice(countOfY(Math.abs(range[1] - range[0])));
  return scale as Scale;
}

/** Ticks with labels: on a log axis 1, 2 and 5 of each decade where there are few, else the powers of ten. */
function ticksOf(scale: Scale, axis: Axis | undefined, count: number): number[] {
  if (axis?.scale !== 'log') return scale.ticks(count);
  const [a, b] = scale.domain();
  const decades = Math.log10(b / a);
  const allowed = decades * 3 <= count ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / count));
  const out: number[] = [];
  for (let e = Math.floor(Math.log10(a)); e <= Math.ceil(Math.log10(b)); e++)
    for (const m of allowed) {
      const v = Number(`${m}e${e}`);
      if (v >= a * 0.999 && v <= b * 1.001 && e % every === 0) out.push(v);
    }
  return out.length > 1 ? out : scale.ticks(4);
}

/** Labels tell neighbouring ticks apart: more digits where three are not enough. */
function tickLabels(ticks: readonly number[]): string[] {
  for (let digits = 3; digits < 9; digits++) {
    const labels = ticks.map((v) => short(v, digits));
    const exact = ticks.every(
      (v, i) => !/^-?[\d.]+$/.test(labels[i]) || Math.abs(Number(labels[i]) - v) <= 1e-9 * Math.abs(v),
    );
    if (exact && new Set(labels).size === labels.length) return labels;
  }
  return ticks.map(String);
}

function verticalAxis(
  y: Scale,
  axis: Axis | undefined,
  left: number,
  right: number,
  top: number,
  bottom: number,
): string {
  const ticks = ticksOf(y, axis, countOfY(bottom - top));
  const labels = tickLabels(ticks);
  const label = axisLabel(axis);
  return [
    `<path class="grid" d="${ticks.map((v) => `M${px(left)},${px(y(v))}H${px(right)}`).join('')}"/>`,
    ...ticks.map((v, i) => text(labels[i], left - 8, y(v) + 4, 'class="soft" text-anchor="end"')),
    label &&
      `<text transform="translate(16,${px((top + bottom) / 2)}) rotate(-90)" text-anchor="middle">${escapeXml(label)}</text>`,
  ].join('\n');
}

const countOfY = (height: number) => Math.max(2, Math.floor(height / 44));
const countOfX = (width: number) => Math.max(2, Math.floor(width / 90));

function gridOfX(x: Scale, axis: Axis | undefined, top: number, bottom: number, width: number): string {
  const ticks = ticksOf(x, axis, countOfX(width));
  return `<path class="grid" d="${ticks.map((v) => `M${px(x(v))},${px(top)}V${px(bottom)}`).join('')}"/>`;
}

function numberLabels(
  x: Scale,
  axis: Axis | undefined,
  bottom: number,
  width: number,
): { svg: string; height: number } {
  const ticks = ticksOf(x, axis, countOfX(width));
  const labels = tickLabels(ticks);
  const svg = ticks.map((v, i) => text(labels[i], x(v), bottom + 17, 'class="soft" text-anchor="middle"'));
  return { svg: svg.join('\n'), height: 22 };
}

function categoryLabels(
  names: readonly string[],
  x: Scale,
  step: number,
  bottom: number,
): { svg: string; height: number } {
  const widest = Math.max(0, ...names.map((name) => textWidth(name)));
  if (widest <= step - 4)
    return {
      svg: names.map((name, i) => text(name, x(i), bottom + 17, 'class="soft" text-anchor="middle"')).join('\n'),
      height: 22,
    };
  const room = Math.min(widest, 200);
  const slanted = names.map(
    (name, i) =>
      `<text class="soft" text-anchor="end" transform="translate(${px(x(i) + 4)},${px(bottom + 14)}) rotate(-35)"><title>${escapeXml(name)}</title>${escapeXml(ellipsis(name, room))}</text>`,
  );
  return { svg: slanted.join('\n'), height: 22 + room * Math.sin((35 * Math.PI) / 180) };
}

/** The panel's title and its legend, in as many rows as they need. */
function panelHead(panel: Panel, left: number, right: number, top: number): { svg: string; height: number } {
  const parts: string[] = [];
  let height = 8;
  if (panel.title) {
    parts.push(text(panel.title, left, top + 10, 'class="panel"'));
    height += 14;
  }
  const named = panel.series.map((s, k) => ({ s, k })).filter(({ s }) => s.name);
  // One series under its own title needs no legend.
  if (named.length && !(named.length === 1 && panel.title === named[0].s.name)) {
    let [x, y] = [left, top + height + 4];
    for (const { s, k } of named) {
      const width = 26 + textWidth(s.name) + 14;
      if (x > left && x + width > right) [x, y] = [left, y + LINE];
      parts.push(`<g class="${colourClass(s.colour ?? k)}">${swatch(s, k, x, y)}</g>`, text(s.name, x + 24, y + 4));
      x += width;
    }
    height = y - top + LINE;
  }
  return { svg: parts.join('\n'), height };
}

function swatch(s: Series, k: number, x: number, y: number): string {
  if (s.kind === 'bars') return `<rect class="bar" x="${px(x + 4)}" y="${px(y - 5)}" width="12" height="10"/>`;
  if (s.kind === 'points')
    return `<path class="mark" transform="translate(${px(x + 10)},${px(y)})" d="${shapeOf(k)}"/>`;
  return `<path class="line${s.dashed ? ' dashed' : ''}${s.faint ? ' faint' : ''}" d="M${px(x)},${px(y)}h20"/>`;
}

/** Where colours repeat, shapes differ. */
const shapeOf = (k: number) => symbol(SHAPES[(k + Math.floor(k / COLOURS)) % SHAPES.length], 44)() ?? '';

function drawSeries(s: Series, k: number, panel: Panel, x: Scale, y: Scale, step: number, bottom: number): string {
  const points: Point[] = Array.from({ length: Math.min(s.x.length, s.y.length) }, (_, i) => [x(s.x[i]), y(s.y[i])]);
  const hint = (i: number) => (s.labels?.[i] ? `<title>${escapeXml(s.labels[i])}</title>` : '');
  const colour = colourClass(s.colour ?? k);
  if (s.kind === 'bars') {
    const group = panel.series.filter((other) => other.kind === 'bars');
    const each = (0.8 * (step || 12)) / group.length;
    const shift = (group.indexOf(s) - group.length / 2) * each;
    const zero = Math.min(bottom, y(Math.max(0, y.domain()[0])));
    const bars = points.flatMap(([at, top], i) => {
      if (!Number.isFinite(at) || !Number.isFinite(top)) return [];
      const box = `x="${px(at + shift)}" y="${px(Math.min(top, zero))}" width="${px(Math.max(1, each - 1))}" height="${px(Math.abs(zero - top))}"`;
      return [`<rect class="bar" ${box}>${hint(i)}</rect>`];
    });
    return `<g class="${colour}">${bars.join('')}</g>`;
  }
  if (s.kind === 'points') {
    const shape = shapeOf(k);
    const marks = decimateMarks(points).map(
      (i) =>
        `<path class="mark" transform="translate(${px(points[i][0])},${px(points[i][1])})" d="${shape}">${hint(i)}</path>`,
    );
    return `<g class="${colour}">${marks.join('')}</g>`;
  }
  const kept = decimateLine(points);
  const d = line<Point>()
    .defined((p) => Number.isFinite(p[0]) && Number.isFinite(p[1]))
    .x((p) => Math.round(p[0] * 10) / 10)
    .y((p) => Math.round(p[1] * 10) / 10)(kept);
  return `<g class="${colour}"><path class="line${s.dashed ? ' dashed' : ''}${s.faint ? ' faint' : ''}" d="${d ?? ''}"/></g>`;
}

function drawRule({ y: at, label }: { y: number; label: string }, y: Scale, left: number, right: number): string {
  const height = y(at);
  if (!Number.isFinite(height)) return '';
  return `<path class="rule" d="M${px(left)},${px(height)}H${px(right)}"/>${text(label, right - 4, height - 5, 'class="soft" text-anchor="end"')}`;
}

/** The data in words: each series' range and where it ends. */
function describe(c: Chart): string {
  const panels = c.panels.map((panel) => {
    const name = [panel.title, axisLabel(panel.y)].filter(Boolean).join(', ');
    const lines = panel.series.map((s) => {
      const ys = Array.from(s.y).filter(Number.isFinite);
      if (!ys.length) return `${s.name || 'a series'}: no values`;
      const [low, high] = ys.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [ys[0], ys[0]]);
      return `${s.name || 'a series'}: ${ys.length} values from ${short(low)} to ${short(high)}, last ${short(ys[ys.length - 1])}`;
    });
    const rules = (panel.rules ?? []).map((rule) => `${rule.label} at ${short(rule.y)}`);
    return `${name ? `${name}. ` : ''}${[...lines, ...rules].join('; ')}.`;
  });
  const across = axisLabel(c.x);
  return [c.description, across && `Across: ${across}.`, ...panels].filter(Boolean).join(' ');
}
