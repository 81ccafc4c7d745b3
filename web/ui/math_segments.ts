/** Finds the mathematics in a text as Eedi writes it: \( \) within a line, \[ \] and $$ $$ on a line of its own. */

export type Segment = { kind: 'text' | 'inline' | 'display'; text: string };

const DELIMITERS = [
  { open: '\\(', close: '\\)', kind: 'inline' },
  { open: '\\[', close: '\\]', kind: 'display' },
  { open: '$$', close: '$$', kind: 'display' },
] as const;

/**
 * The text cut into words and formulas, in order, delimiters dropped. An opening without its closing is left as typed,
 * so that a half-typed formula shows up as what it is.
 */
export function segments(text: string): Segment[] {
  const out: Segment[] = [];
  let from = 0;
  const plain = (to: number) => {
    if (to > from) out.push({ kind: 'text', text: text.slice(from, to) });
  };
  const opening = /\\\(|\\\[|\$\$/g;
  for (let match = opening.exec(text); match; match = opening.exec(text)) {
    const { close, kind } = DELIMITERS.find(({ open }) => open === match![0])!;
    const end = text.indexOf(close, match.index + 2);
    if (end < 0) continue;
    plain(match.index);
    out.push({ kind, text: text.slice(match.index + 2, end) });
    from = end + 2;
    opening.lastIndex = from;
  }
  plain(text.length);
  return out;
}

export const hasMath = (text: string): boolean => segments(text).some(({ kind }) => kind !== 'text');

/** The text without delimiters and the commonest TeX commands' backslashes: for labels that can hold only text. */
export const plainText = (text: string): string =>
  segments(text)
    .map((part) =>
      part.kind === 'text'
        ? part.text
        : part.text
            .replace(/\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}/g, '$1/$2')
            .replace(/\\times/g, '×')
            .replace(/\\div/g, '÷')
            .replace(/\\(?:text|mathrm)\{([^{}]*)\}/g, '$1')
            .replace(/\{,\}/g, ','),
    )
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
