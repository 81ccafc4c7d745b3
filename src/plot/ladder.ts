/** Horizontal bars under each other, one a rung, grouped under headings: many named figures compared at a glance. */
import { scaleLinear } from 'd3-scale';
import { colourClass, ellipsis, escapeXml, px, short, svgDocument, text, textWidth } from './svg.ts';

export interface Rung {
  /** Rungs of a group lie under one heading. */
  group: string;
  /** Index into the ladder's `series`, 0 by default. */
  series?: number;
  name: string;
  value: number;
  /** Right of the bar. */
  note?: string;
  /** Where it stood before: a mark on the bar. */
  before?: number;
}

export interface Ladder {
  title: string;
  description?: string;
  /** What the bars measure, under the axis. */
  axis: string;
  rungs: readonly Rung[];
  /** What the bars' colours say, in a legend. */
  series?: readonly string[];
  /** Full width of the axis. Default: what the values need. */
  end?: number;
  /** Pixels. Default 820. */
  width?: number;
}

const ROW = 18;
const HEADING = 24;
const TOP = 44;

export function ladder(l: Ladder): string {
  const width = l.width ?? 820;
  const names = Math.min(300, Math.max(40, ...l.rungs.map((r) => textWidth(r.name))));
  const notes = Math.max(40, ...l.rungs.map((r) => textWidth(r.note ?? '')));
  const [left, right] = [24 + names, width - 16 - notes];
  const finite = l.rungs.flatMap((r) => [r.value, r.before ?? 0]).filter(Number.isFinite);
  const x = scaleLinear([0, l.end ?? Math.max(0, ...finite)], [left, right]);
  if (!l.end) x.nice(5);

  const parts: string[] = [];
  const groups = [...new Set(l.rungs.map((r) => r.group))];
  let legend = 16;
  for (const [i, name] of (l.series ?? []).entries()) {
    parts.push(`<g class="${colourClass(i)}"><rect class="bar" x="${px(legend)}" y="36" width="12" height="10"/></g>`);
    parts.push(text(name, legend + 18, 45));
    legend += textWidth(name) + 36;
  }
  const start = l.series ? TOP + 14 : TOP;
  let top = start;
  let group: string | undefined;
  for (const r of groups.flatMap((name) => l.rungs.filter((rung) => rung.group === name))) {
    if (r.group !== group) {
      group = r.group;
      parts.push(text(group, 16, top + 16, 'class="panel"'));
      top += HEADING;
    }
    const name = ellipsis(r.name, names);
    const hint = name === r.name ? '' : `<title>${escapeXml(r.name)}</title>`;
    parts.push(
      `<text class="soft" text-anchor="end" x="${px(left - 8)}" y="${px(top + 13)}">${hint}${escapeXml(name)}</text>`,
    );
    const end = Number.isFinite(r.value) ? Math.min(right, x(Math.max(0, r.value))) : left;
    const colour = colourClass(r.series ?? 0);
    parts.push(
      `<g class="${colour}"><rect class="bar" x="${px(left)}" y="${px(top + 3)}" width="${px(end - left)}" height="${ROW - 5}"/></g>`,
    );
    if (r.before !== undefined && Number.isFinite(r.before)) {
      const at = px(Math.min(right, x(Math.max(0, r.before))));
      parts.push(`<path class="before" d="M${at},${px(top)}v${ROW + 1}"/>`);
    }
    if (r.note) parts.push(text(r.note, Math.max(end, r.before === undefined ? 0 : x(r.before)) + 6, top + 13));
    top += ROW;
  }
  const bottom = top + 4;
  const ticks = x.ticks(5);
  const grid = ticks.map((v) => `M${px(x(v))},${start}V${px(bottom)}`).join('');
  const foot = ticks.map((v) => text(short(v), x(v), bottom + 16, 'class="soft" text-anchor="middle"'));
  const body = [
    text(l.title, 16, 24, 'class="title"'),
    `<path class="grid" d="${grid}"/>`,
    ...parts,
    `<path class="axis" d="M${px(left)},${start}V${px(bottom)}"/>`,
    ...foot,
    text(l.axis, (left + right) / 2, bottom + 36, 'text-anchor="middle"'),
  ];
  const said = l.rungs.map((r) => `${r.group}, ${r.name}: ${short(r.value)}${r.note ? ` (${r.note})` : ''}`);
  const description = [l.description, `${l.axis}.`, `${said.join('; ')}.`].filter(Boolean).join(' ');
  return svgDocument(width, bottom + 50, l.title, description, body.join('\n'));
}
