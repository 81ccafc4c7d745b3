/** View 6: every kernel timed on this GPU, as a share of what this GPU was measured to reach, with its WGSL beside it. */
import { useEffect, useState } from 'preact/hooks';
import type { BenchRow } from '../worker/api.ts';
import { cancel, engine, messageOf } from './engine.ts';
import { bench } from './jobs.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { download } from './save.ts';
import { Scroller } from './scroller.tsx';
import { type BenchRun, store } from './state.ts';
import { useStore } from './store.ts';
import { counted, figures, flops } from './units.ts';
import { Wgsl } from './wgsl.tsx';

type Kernels = { kernel: string; shapes: string[] }[];

export function KernelsView() {
  const [kernels, setKernels] = useState<Kernels>();
  const run = useStore(store, (s) => s.bench);
  const problem = useStore(store, (s) => s.benchProblem);
  const gpu = useStore(store, (s) => s.gpu);
  useEffect(() => {
    if (!gpu || gpu.problem !== undefined) return;
    engine()
      .benchKernels()
      .then(
        (list) => setKernels(list.toSorted((a, b) => a.kernel.localeCompare(b.kernel, 'en'))),
        (error) => store.set({ benchProblem: messageOf(error) }),
      );
  }, [gpu]);
  if (gpu?.problem !== undefined) {
    return (
      <p class="empty">
        Without WebGPU no kernel runs. <a href="#gpu">What can be done about it</a>
      </p>
    );
  }
  return (
    <>
      {problem !== undefined && <Notice onClose={() => store.set({ benchProblem: undefined })}>{problem}</Notice>}
      {kernels ? <Chooser kernels={kernels} run={run} /> : <p class="empty">Asking which kernels there are…</p>}
      {run && <Results run={run} />}
    </>
  );
}

const keyOf = ({ kernel, shape }: { kernel: string; shape: string }) => `${kernel} ${shape}`;

/** Which kernels and shapes are timed: all of them unless switched off. */
function Chooser({ kernels, run }: { kernels: Kernels; run?: BenchRun }) {
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const all = kernels.flatMap(({ kernel, shapes }) => shapes.map((shape) => keyOf({ kernel, shape })));
  const chosen = all.filter((key) => !off.has(key));
  const running = run?.running ?? false;
  const turn = (keys: string[], on: boolean) => {
    const next = new Set(off);
    for (const key of keys) {
      if (on) next.delete(key);
      else next.add(key);
    }
    setOff(next);
  };
  return (
    <>
      <div class="toolbar">
        {running ? (
          <button type="button" onClick={() => void cancel()}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" disabled={chosen.length === 0} onClick={() => void bench(chosen)}>
            Time {counted(chosen.length, 'shape')}
          </button>
        )}
        <button type="button" class="quiet" disabled={running} onClick={() => turn(all, true)}>
          All
        </button>
        <button type="button" class="quiet" disabled={running} onClick={() => turn(all, false)}>
          None
        </button>
      </div>
      <details class="choice-of-kernels" open={matchMedia('(min-width: 40rem)').matches}>
        <summary>Choose kernels</summary>
        <fieldset class="kernels" disabled={running}>
          <legend class="unseen">Kernels to time</legend>
          {kernels.map(({ kernel, shapes }) => {
            const keys = shapes.map((shape) => keyOf({ kernel, shape }));
            const on = keys.filter((key) => !off.has(key)).length;
            return (
              <label key={kernel} class="chip">
                <input
                  type="checkbox"
                  checked={on > 0}
                  indeterminate={on > 0 && on < keys.length}
                  onChange={() => turn(keys, on < keys.length)}
                />
                {kernel}
                {keys.length > 1 && (
                  <span class="chip-count">
                    {on} of {keys.length}
                    <span class="unseen"> shapes</span>
                  </span>
                )}
              </label>
            );
          })}
        </fieldset>
      </details>
      <details class="shapes">
        <summary>Choose shapes</summary>
        <div class="shape-groups">
          {kernels.map(({ kernel, shapes }) => (
            <fieldset key={kernel} disabled={running}>
              <legend>{kernel}</legend>
              {shapes.map((shape) => {
                const key = keyOf({ kernel, shape });
                return (
                  <label key={key} class="switch">
                    <input type="checkbox" checked={!off.has(key)} onChange={() => turn([key], off.has(key))} />
                    <span class="shape">{shape}</span>
                  </label>
                );
              })}
            </fieldset>
          ))}
        </div>
      </details>
    </>
  );
}

function Results({ run }: { run: BenchRun }) {
  const [picked, setPicked] = useState<string>();
  const row = run.rows.find((r) => keyOf(r) === picked) ?? run.rows[0];
  return (
    <section class="bench" aria-label="Results">
      {run.running && <ProgressBar title="Timing" progress={run.progress} />}
      {run.stopped !== undefined && <Notice kind="note">{run.stopped}</Notice>}
      {run.ceiling && (
        <p class="lead">
          This GPU’s own ceiling, measured in this run: {figures(run.ceiling.copyGBs)} GB/s copying,{' '}
          {flops(run.ceiling.tflops)} multiplying.
        </p>
      )}
      {run.rows.length > 0 && (
        <div class="bench-columns">
          <div>
            <Scroller label="Times">
              <table class="bench-table">
                <thead>
                  <tr>
                    <th scope="col">Kernel and shape</th>
                    <th scope="col" class="right">
                      ms
                    </th>
                    <th scope="col" class="right">
                      GB/s
                    </th>
                    <th scope="col" class="right">
                      arithmetic
                    </th>
                    <th scope="col">of the ceiling</th>
                    <th scope="col">right?</th>
                  </tr>
                </thead>
                <tbody>
                  {run.rows.map((r) => (
                    <Row key={keyOf(r)} row={r} picked={r === row} onPick={() => setPicked(keyOf(r))} />
                  ))}
                </tbody>
              </table>
            </Scroller>
            <p class="hint">
              Medians; ± half the distance between the quartiles. Right: the error against a float64 reference, as a
              share of what is tolerated.
              {run.rows.some(({ clock }) => clock === 'host') &&
                ' * Timed by the host’s clock over many repeats: this browser gives no GPU timestamps.'}
            </p>
            <button type="button" class="quiet" disabled={run.running} onClick={() => downloadJson(run)}>
              Download JSON
            </button>
          </div>
          {row && <Wgsl row={row} />}
        </div>
      )}
    </section>
  );
}

function Row({ row, picked, onPick }: { row: BenchRow; picked: boolean; onPick: () => void }) {
  return (
    <tr class={picked ? 'picked' : ''}>
      <th scope="row">
        <button type="button" class="link" aria-pressed={picked} onClick={onPick}>
          {row.kernel}
        </button>
        <span class="shape">{row.shape}</span>
      </th>
      {row.problem === undefined ? <Figures row={row} /> : <td colSpan={5}>{row.problem}</td>}
    </tr>
  );
}

/** Times and shares, on the GPU's own clock unless said. */
function Figures({ row }: { row: BenchRow }) {
  return (
    <>
      <td class="right">
        {figures(row.ms)}{' '}
        <span class="spread">
          ±{Math.round(row.spread * 100)} %{row.clock === 'host' && ' *'}
        </span>
      </td>
      <td class="right">{figures(row.gbPerSecond)}</td>
      <td class="right">{row.tflops > 0 ? flops(row.tflops) : '–'}</td>
      <td>
        <span class="share">
          <span class="bar" aria-hidden="true">
            <span style={{ transform: `scaleX(${Math.min(1, row.share)})` }} />
          </span>
          <span>
            {Math.round(row.share * 100)} % <span class="spread">{row.bound}</span>
          </span>
        </span>
      </td>
      <td class={row.error <= 1 ? 'passes' : 'fails'}>
        {row.error <= 1 ? 'yes' : 'no'} <span class="spread">{row.error.toPrecision(2)}</span>
      </td>
    </>
  );
}

/** The run with the GPU it ran on and the WGSL that ran, for comparing machines. */
function downloadJson({ rows, ceiling, when }: BenchRun): void {
  const { gpu } = store.state;
  const report = { when, userAgent: navigator.userAgent, gpu, ceiling, rows };
  download('lacuna-kernels.json', 'application/json', `${JSON.stringify(report, null, 2)}\n`);
}
