import { test } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, toGpu } from '../../test/numeric.ts';
import { adamwRef } from './adamw.ref.ts';
import { type AdamwOptions, adamw, setAdamw } from './adamw.ts';
import golden from './golden.json' with { type: 'json' };

const OPTIONS: AdamwOptions = { beta1: golden.betas[0], beta2: golden.betas[1], eps: golden.eps };
const SCALE = 1024;

test('the reference makes the steps that torch.optim.AdamW makes', () => {
  const p = Float64Array.from(golden.start);
  const state = { p, m: new Float64Array(p.length), v: new Float64Array(p.length) };
  golden.gradients.forEach((g, i) => {
    adamwRef(state, g, { lr: golden.rates[i], weightDecay: golden.weight_decay, t: i + 1 }, OPTIONS);
    expectClose(p, golden.after[i], 1e-13, 1e-16);
  });
});

describeGpus('adamw', (gpu) => {
  /** Ten steps on the GPU; `stats` of every step. */
  const run = async (
    start: Float64Array,
    gradients: Float64Array[],
    rates: number[],
    finite: (i: number) => boolean,
  ) => {
    const g = gpu();
    const N = start.length;
    const zeros = new Float64Array(N);
    const parameters = toGpu(g, 'p', 'f32', [N], start);
    const [grad, m, v] = ['g', 'm', 'v'].map((label) => toGpu(g, label, 'f32', [N], zeros));
    const stats = g.tensor('stats', 'f32', [4]);
    const state = g.dim('state');
    const r = new Recorder(g);
    adamw(r, { parameters, gradients: grad, m, v, stats, state, ...OPTIONS });
    const recording = await r.finish();
    let t = 0;
    for (const [i, values] of gradients.entries()) {
      g.write(
        grad,
        Float32Array.from(values, (x) => x * SCALE),
      );
      g.write(stats, Float32Array.of(0, finite(i) ? 1 : 0, 1 / SCALE, 0));
      const weightDecay = golden.weight_decay;
      setAdamw(state, { lr: rates[i], weightDecay, t: finite(i) ? ++t : t + 1 }, OPTIONS);
      recording.replay();
    }
    const result = { p: await fromGpu(g, parameters), m: await fromGpu(g, m), v: await fromGpu(g, v) };
    g.free(parameters, grad, m, v, stats);
    return result;
  };

  test('ten steps as torch makes them, gradients from 1e-6 to 1e2 and none', async () => {
    const gradients = golden.gradients.map((g) => Float64Array.from(g));
    const { p } = await run(Float64Array.from(golden.start), gradients, golden.rates, () => true);
    // A step moves p by lr at most, off by some 20 roundoffs of it, and rounds p: each ten times.
    const atol = 10 * 20 * EPS.f32 * 1e-2;
    expectClose(p, golden.after[9], 10 * EPS.f32, atol);
  });

  test.each([1, 1031])('%d elements against the reference, two steps skipped', async (N) => {
    const gradients = Array.from({ length: 10 }, (_, i) => normal(i + 2, N, 'f32', 0.1));
    const skipped = (i: number) => i === 0 || i === 6;
    // A broken gradient must touch nothing.
    gradients[6][0] = Number.NaN;
    const start = normal(1, N);
    const expected = { p: start.slice(), m: new Float64Array(N), v: new Float64Array(N) };
    let t = 0;
    gradients.forEach((g, i) => {
      if (!skipped(i))
        adamwRef(expected, g, { lr: golden.rates[i], weightDecay: golden.weight_decay, t: ++t }, OPTIONS);
    });
    const { p, m, v } = await run(start, gradients, golden.rates, (i) => !skipped(i));
    expectClose(p, expected.p, 10 * EPS.f32, 10 * 20 * EPS.f32 * 1e-2);
    // m may cancel: its error follows the gradients that went in, 0.1 and seldom four times that.
    expectClose(m, expected.m, 0, 10 * 4 * EPS.f32);
    expectClose(v, expected.v, 10 * 6 * EPS.f32, 0);
  });
});

test('small weight decay is not rounded away', () => {
  // What setAdamw sends: lr 1e-4 times .01 keeps f32's seven digits.
  let sent: number[] = [];
  const dim = { set: (...values: number[]) => (sent = values) } as unknown as Parameters<typeof setAdamw>[0];
  setAdamw(dim, { lr: 1e-4, weightDecay: 0.01, t: 3 }, OPTIONS);
  const floats = new Float32Array(Uint32Array.from(sent).buffer);
  expectClose(floats, [1e-4 / (1 - 0.9 ** 3), 1 / Math.sqrt(1 - 0.95 ** 3), 1e-6], EPS.f32, 0);
});
