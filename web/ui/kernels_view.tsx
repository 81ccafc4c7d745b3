/** View 6: every kernel timed on this GPU, as a share of what this GPU was measured to reach, with its WGSL beside it. */
import { useEffect, useState } from 'preact/hooks';
import type { BenchRow } from '../worker/api.ts';
import { engine, messageOf } from './engine.ts';
import { bench, cancel } from './jobs.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { download } from './save.ts';
import { Scroller } from './scroller.tsx';
import { type BenchRun, store } from './state.ts';
import { useStore } from './store.ts';
import { counted, figures } from './units.ts';
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
      .then(setKernels, (error) => store.set({ benchProblem: messageOf(error) }));
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

function Chooser({ kernels, run }: { kernels: Kernels; run?: BenchRun }) {
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const chosen = kernels.map(({ kernel }) => kernel).filter((kernel) => !off.has(kernel));
  const running = run?.running ?? false;
  const toggle = (kernel: string) => {
    const next = new Set(off);
    if (!next.delete(kernel)) next.add(kernel);
    setOff(next);
  };
  return (
    <>
      <fieldset class="kernels">
        <legend>Kernels to time</legend>
        {kernels.map(({ kernel, shapes }) => (
          <label key={kernel} class="chip" title={shapes.join('\n')}>
            <input type="checkbox" checked={!off.has(kernel)} disabled={running} onChange={() => toggle(kernel)} />
            {kernel}
            <span class="chip-count">
              {shapes.length}
              <span class="unseen"> {shapes.length === 1 ? 'shape' : 'shapes'}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="toolbar">
        {running ? (
          <button type="button" onClick={() => void cancel()}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" disabled={chosen.length === 0} onClick={() => void bench(chosen)}>
            Time {counted(chosen.length, 'kernel')}
          </button>
        )}
        <button type="button" class="quiet" disabled={running} onClick={() => setOff(new Set())}>
          All
        </button>
        <button
          type="button"
          class="quiet"
          disabled={running}
          onClick={() => setOff(new Set(kernels.map(({ kernel }) => kernel)))}
        >
          None
        </button>
      </div>
    </>
  );
}

const keyOf = (row: BenchRow) => `${row.kernel} ${row.shape}`;

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
          {figures(run.ceiling.tflops)} TFLOP/s multiplying.
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
                      TFLOP/s
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
      <td class="right">
        {figures(row.ms)} <span class="spread">±{Math.round(row.spread * 100)} %</span>
      </td>
      <td class="right">{figures(row.gbPerSecond)}</td>
      <td class="right">{row.tflops > 0 ? figures(row.tflops) : '–'}</td>
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
        {row.error <= 1 ? 'yes' : 'no'} <span class="spread">{figures(row.error)}</span>
      </td>
    </tr>
  );
}

/** The run with the GPU it ran on and the WGSL that ran, for comparing machines. */
function downloadJson({ rows, ceiling, when }: BenchRun): void {
  const { gpu } = store.state;
  const report = { when, userAgent: navigator.userAgent, gpu, ceiling, rows };
  download('lacuna-kernels.json', 'application/json', `${JSON.stringify(report, null, 2)}\n`);
}
