/**
 * A text with its formulas typeset by KaTeX. Text goes into text nodes and KaTeX builds DOM nodes itself, so nothing a
 * CSV or a model says can become markup; `trust: false` refuses \href and \includegraphics, and sizes and expansions
 * are bounded. A formula KaTeX cannot read is shown as typed, with its complaint as the title.
 */
import katex from 'katex';
import 'katex/dist/katex.min.css';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { segments } from './math_segments.ts';

const OPTIONS = { trust: false, strict: false, maxSize: 20, maxExpand: 200, errorColor: 'var(--wrong)' } as const;

export function MathText({ text }: { text: string }) {
  const parts = useMemo(() => segments(text), [text]);
  return (
    <>
      {parts.map((part, i) =>
        part.kind === 'text' ? part.text : <Formula key={i} tex={part.text} display={part.kind === 'display'} />,
      )}
    </>
  );
}

function Formula({ tex, display }: { tex: string; display: boolean }) {
  const ref = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const span = ref.current!;
    span.classList.remove('tex-error');
    span.removeAttribute('title');
    try {
      katex.render(tex, span, { ...OPTIONS, displayMode: display });
    } catch (error) {
      // KaTeX's own error span carries a style attribute, which the page's policy forbids.
      span.textContent = tex;
      span.classList.add('tex-error');
      span.title = error instanceof Error ? error.message.replace(/^KaTeX parse error: /, '') : String(error);
    }
  }, [tex, display]);
  return <span ref={ref} class={display ? 'formula display' : 'formula'} />;
}
