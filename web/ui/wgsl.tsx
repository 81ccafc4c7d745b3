/** The WGSL that a timed kernel ran, one text a dispatch, with comments set apart from code. */
import { useMemo, useState } from 'preact/hooks';
import type { BenchRow } from '../worker/api.ts';
import { Scroller } from './scroller.tsx';

export function Wgsl({ row }: { row: BenchRow }) {
  const [dispatch, setDispatch] = useState(0);
  const i = Math.min(dispatch, row.wgsl.length - 1);
  return (
    <section class="wgsl" aria-labelledby="wgsl-title">
      <h2 id="wgsl-title">
        {row.kernel} <span class="shape">{row.shape}</span>
      </h2>
      {row.wgsl.length > 1 ? (
        <label class="dispatch">
          Dispatch{' '}
          <select value={i} onChange={(event) => setDispatch(Number(event.currentTarget.value))}>
            {row.wgsl.map((_, n) => (
              <option key={n} value={n}>
                {n + 1}. {row.forms[n]}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <p class="hint">{row.forms[0]}</p>
      )}
      <Source text={row.wgsl[i] ?? ''} />
    </section>
  );
}

function Source({ text }: { text: string }) {
  const parts = useMemo(() => text.split(/(\/\/[^\n]*|\/\*[\s\S]*?\*\/)/), [text]);
  return (
    <Scroller label="WGSL source" class="source">
      <pre>
        <code>{parts.map((part, i) => (i % 2 === 1 ? <i key={i}>{part}</i> : part))}</code>
      </pre>
    </Scroller>
  );
}
