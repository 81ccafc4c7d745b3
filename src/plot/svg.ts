/**
 * The frame that every plot is drawn in: one standalone <svg> with its own colours for light and dark, a title and a
 * description for those who do not see it, and text that is escaped. Strings only: no DOM.
 */

/** Series colours, readable on white and on near-black, told apart by lightness too (light theme, dark theme). */
const PALETTE = [
  ['#0b62a4', '#6db7f2'],
  ['#c2410c', '#fb9a5b'],
  ['#15803d', '#5fd38a'],
  ['#8b3fb3', '#cf9bf0'],
  ['#a16207', '#e8c14a'],
  ['#be185d', '#f58cbb'],
  ['#0f766e', '#58d3c6'],
  ['#4b5563', '#b6bdc8'],
] as const;

const colours = (theme: 0 | 1) => PALETTE.map((pair, i) => `--c${i}:${pair[theme]}`).join(';');
const LIGHT = `--paper:#ffffff;--ink:#1b1f24;--soft:#59636e;--grid:#e3e7eb;--axis:#8c959f;${colours(0)}`;
const DARK = `--paper:#14181d;--ink:#e8ebee;--soft:#a3adb8;--grid:#2b323a;--axis:#6b7683;${colours(1)}`;

/** Every selector is under the root's class: an SVG that is put into a page must not restyle the page. */
const STYLE = `.lacuna-plot{${LIGHT};font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){.lacuna-plot{${DARK}}}
.lacuna-plot .paper{fill:var(--paper)}
.lacuna-plot text{fill:var(--ink);font-variant-numeric:tabular-nums}
.lacuna-plot .title{font-size:16px;font-weight:600}
.lacuna-plot .panel{font-size:13px;font-weight:600}
.lacuna-plot .soft{fill:var(--soft)}
.lacuna-plot .grid{stroke:var(--grid);fill:none}
.lacuna-plot .axis{stroke:var(--axis);fill:none}
.lacuna-plot .rule{stroke:var(--soft);stroke-dasharray:5 4;fill:none}
.lacuna-plot .line{fill:none;stroke:var(--c);stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
.lacuna-plot .dashed{stroke-dasharray:6 4}
.lacuna-plot .faint{opacity:.3;stroke-width:1}
.lacuna-plot .mark{fill:var(--c);stroke:var(--paper);stroke-width:.75}
.lacuna-plot .bar{fill:var(--c)}
.lacuna-plot .before{stroke:var(--ink);stroke-width:2;fill:none}
${PALETTE.map((_, i) => `.lacuna-plot .c${i}{--c:var(--c${i})}`).join('\n')}`;

/** How many series there are before colours repeat. */
export const COLOURS = PALETTE.length;

export const colourClass = (i: number): string => `c${i % PALETTE.length}`;

/** Text as XML character data or as the value of a quoted attribute; control characters, which XML forbids, are dropped. */
export const escapeXml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is dropped
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A coordinate: a tenth of a pixel is finer than is seen, and keeps thousands of points small. */
export const px = (v: number): string => `${Math.round(v * 10) / 10}`;

export function text(content: string, x: number, y: number, attributes = ''): string {
  return `<text x="${px(x)}" y="${px(y)}"${attributes && ` ${attributes}`}>${escapeXml(content)}</text>`;
}

/** Width of a letter as a share of the font's size, on the wide side. */
const LETTER = 0.6;

/** About how wide a text is at 12 px; there is no font to ask. */
export const textWidth = (content: string, size = 12): number => [...content].length * size * LETTER;

export function ellipsis(content: string, width: number): string {
  const fits = Math.max(1, Math.floor(width / (12 * LETTER) + 1e-6));
  const letters = [...content];
  return letters.length <= fits ? content : `${letters.slice(0, fits - 1).join('')}…`;
}

/** A number for an axis or a label: at most `digits` significant digits, k, M, G … from 10,000 and e-4 under 0.001. */
export function short(v: number, digits = 3): string {
  if (v === 0) return '0';
  const size = Math.abs(v);
  const plain = (x: number) => `${Number(x.toPrecision(digits))}`;
  if (size < 0.00095 || size >= 9.995e17) return v.toExponential(digits - 1).replace(/\.?0+e\+?/, 'e');
  if (size < 9999.5) return plain(v);
  const power = Math.min(5, Math.floor(Math.log10(size * (1 + 0.5 * 10 ** -digits)) / 3));
  return `${plain(v / 1000 ** power)}${['', 'k', 'M', 'G', 'T', 'P'][power]}`;
}

/** The whole document around `body`. `title` and `description` are what a screen reader says. */
export function svgDocument(width: number, height: number, title: string, description: string, body: string): string {
  // Unique enough where several plots share a page, and the same for the same plot.
  let hash = 0;
  for (const c of `${title}\n${description}`) hash = (Math.imul(hash, 31) + c.codePointAt(0)!) >>> 0;
  const id = `plot-${hash.toString(36)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" class="lacuna-plot" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" style="max-width:100%;height:auto" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${escapeXml(title)}</title>
<desc id="${id}-desc">${escapeXml(description)}</desc>
<style>${STYLE}</style>
<rect class="paper" width="${px(width)}" height="${px(height)}"/>
${body}
</svg>
`;
}
