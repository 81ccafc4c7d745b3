/** That a benchmark times what it says, and that a kernel which leaves an output unwritten does not pass. */
import { expect, test } from 'vitest';
import { worst } from '../test/bench_data.ts';
import { describeGpus } from '../test/gpus.ts';
import { poisoned } from '../test/numeric.ts';
import { type BenchCase, measure, time } from './bench.ts';
import { measureCeilings, settled } from './bench_ceilings.ts';
import type { Gpu } from './gpu/gpu.ts';
import { Recorder } from './gpu/recorder.ts';
import type { Tensor } from './gpu/tensor.ts';

const N = 4096;
const EFFORT = { warmMs: 0, samples: 3, sampleMs: 0 };

/** Writes 2 i to the first `written` elements of y, `calls` times. */
function doubled(gpu: Gpu, written: number, calls: number): BenchCase & { freed: () => boolean } {
  let made: Tensor[] = [];
  let freed = false;
  const code = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
if (id.x < ${written}u) { y[id.x] = 2.0 * f32(id.x); }
}`;
  return {
    ...{ kernel: 'doubled', shape: `N=${N}`, bytes: 4 * N, flops: N, calls },
    record(r) {
      made = [poisoned(gpu, 'y', 'f32', [N])];
      for (let i = 0; i < calls; i++) r.dispatch({ label: 'doubled', code, bindings: made, grid: [N / 64] });
    },
    check: () => worst(gpu, made[0], [0, 1, N - 2], (i) => ({ value: 2 * i, allowed: 1e-3 })),
    free() {
      freed = true;
      gpu.free(...made);
    },
    freed: () => freed,
  };
}

describeGpus('bench', (gpu) => {
  test('a case is checked, timed and freed', async () => {
    const g = gpu();
    const before = g.allocated;
    const c = doubled(g, N, 5);
    const m = await measure(g, c, EFFORT);
    expect(m).toMatchObject({
      kernel: 'doubled',
      shape: 'N=4096',
      forms: ['doubled'],
      error: 0,
      bytes: 4 * N,
      flops: N,
    });
    expect(m.ns > 0 && m.spread >= 0).toBe(true);
    expect(c.freed()).toBe(true);
    expect(g.allocated).toBe(before);
  });

  test('of several dispatches a call each is timed too, where there are timestamps', async () => {
    const g = gpu();
    const { forms, parts } = await measure(g, { ...doubled(g, N, 6), calls: 3 }, EFFORT);
    expect(forms).toEqual(['doubled', 'doubled']);
    expect(parts?.length).toBe(g.caps.timestamps ? 2 : undefined);
    expect(parts?.every((ns) => Number.isFinite(ns)) ?? true).toBe(true);
  });

  test('one unwritten element fails the check, wherever it is', async () => {
    const { error } = await measure(gpu(), doubled(gpu(), N - 1, 1), EFFORT);
    expect(error).toBe(Number.POSITIVE_INFINITY);
  });

  test('twice the work takes longer', async () => {
    const record = async (calls: number) => {
      const r = new Recorder(gpu());
      await doubled(gpu(), N, calls).record(r);
      return time(await r.finish(), { ...EFFORT, samples: 5 });
    };
    const [few, many] = [await record(2), await record(400)];
    expect(many.ns > few.ns).toBe(true);
  });

  test('ceilings are measured', async () => {
    const { copy, multiply, unit } = await measureCeilings(gpu());
    expect(copy > 1e6 && multiply > 1e6).toBe(true);
    expect(unit).toBe(gpu().caps.matrix ? 'subgroup matrices f16 -> f32' : 'f32');
  });
});

test('a ceiling is measured until it rises no more', async () => {
  const rates = (...values: number[]) => {
    let at = 0;
    return { of: () => settled(async () => values[at++]), asked: () => at };
  };
  const rising = rates(200, 330, 500, 628, 630, 900);
  expect(await rising.of()).toBe(630);
  expect(rising.asked()).toBe(5);
  expect(await rates(628, 620).of()).toBe(628);
});
