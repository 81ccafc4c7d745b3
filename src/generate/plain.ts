/** Mathematics as people type it, `1/2 + 1/3` for its LaTeX: part of the questions is written so. */

/** The same text without LaTeX; `times` is the sign of multiplication, one of ×, x and *. */
export function plainMaths(text: string, times: string): string {
  let out = text
    .replace(/\s*\\\[\s*/g, ' ')
    .replace(/\s*\\\]\s*/g, ' ')
    .replace(/\\[()]/g, '');
  out = out
    .replace(/\\begin\{array\}\{[^}]*\}(.*?)\\end\{array\}/gs, (_, cells: string) =>
      cells
        .replace(/\\hline/g, '')
        .replace(/\\\\/g, ';')
        .replace(/\s*&\s*/g, ' | '),
    )
    .replace(/\\begin\{pmatrix\}\s*(.*?)\s*\\\\\s*(.*?)\s*\\end\{pmatrix\}/g, '($1, $2)')
    .replace(/\\text\{([^}]*)\}/g, '$1')
    .replaceAll('{,}', ',')
    .replace(/\{:\}/g, ':')
    .replace(/\\circ/g, '°')
    .replace(/\^°/g, '°')
    .replace(/\\sqrt\[3\]/g, '∛')
    .replace(/\\sqrt/g, '√');
  // From the inside out: an argument has no braces left once what it holds is written out.
  for (let before = ''; before !== out; ) {
    before = out;
    out = out
      .replace(/(\d?)\\d?frac\{([^{}]*)\}\{([^{}]*)\}/g, (_, whole: string, top: string, bottom: string) => {
        const fraction = `${inBrackets(top)}/${inBrackets(bottom)}`;
        return whole ? `${whole} ${fraction}` : fraction;
      })
      .replace(/√\{([^{}]*)\}|∛\{([^{}]*)\}/g, (found, square?: string, cube?: string) => {
        return `${found[0]}${inBrackets(square ?? cube ?? '')}`;
      })
      .replace(/\^\{([^{}]*)\}/g, (_, exponent: string) => `^${inBrackets(exponent)}`);
  }
  return out
    .replace(/\^2(?![\d/])/g, '²')
    .replace(/\^3(?![\d/])/g, '³')
    .replace(/\\times/g, times)
    .replace(/\\div/g, '÷')
    .replace(/\\leq/g, '≤')
    .replace(/\\geq/g, '≥')
    .replace(/\\ldots/g, '...')
    .replace(/\\q?quad|\\[;,!]/g, ' ')
    .replace(/\\square/g, '?')
    .replace(/\\mid/g, '|')
    .replace(/\\(pi|sin|cos|tan)/g, (_, word: string) => (word === 'pi' ? 'π' : word))
    .replace(/\\dot\{(\d)\}/g, '$1\u0307')
    .replace(/\\([$%])/g, '$1')
    .replace(/[ \t]+/g, ' ')
    .replace(/ +([.,?])/g, '$1')
    .trim();
}

const inBrackets = (part: string): string => (/^[\w.°π]*$/.test(part) ? part : `(${part})`);
