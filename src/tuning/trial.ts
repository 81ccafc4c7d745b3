/** One shape's call with random operands: each plan's output beside the static plan's, and its time. */
import { planName } from '../../kernels/linear/linear.candidates.ts';
import { candidates, type Plan, product } from '../../kernels/linear/linear.product.ts';
import type { LinearShape } from '../../kernels/linear/linear.types.ts';
import { type Effort, time } from '../bench.ts';
import { UserError } from '../errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder, type Recording } from '../gpu/recorder.ts';
import { BYTES } from '../gpu/tensor.ts';
import { fromHalf } from '../half.ts';
import { disagreement } from './disagreement.ts';
import { fill, Operands } from './operands.ts';

/** What was measured for a shape. Times are nanoseconds a call. */
export interface Measured {
  shape: LinearShape;
  /** The plan to use, and its time: the static one where none is faster by more than WORTH. */
  plan: string;
  ns: number;
  static: string;
  staticNs: number;
}

export interface MeasureOptions {
  /** Called after each plan. */
  onPlan?: () => void;
  /** A plan that failed or computes something else, and why. */
  onRefused?: (plan: string, reason: string) => void;
  /** Asked before each plan: whether to give up. */
  stopped?: () => boolean;
}

/** A plan is kept for this much: less is within what a clock does from one minute to the next. */
const WORTH = 0.03;

/** More bytes of weights than the caches of GPUs hold, and at most as many layers as models have. */
const COLD_BYTES = 256 * 2 ** 20;
const LAYERS = 32;
/** From here on the arithmetic takes longer than reading W, wherever it lies. */
const MANY_ROWS = 512;

/** The first plan wakes the GPU from its idle clock. A software driver has none to wake from and is slow. */
const ONCE = { warmMs: 0, samples: 1, sampleMs: 0 };
const EFFORT = {
  gpu: { first: { warmMs: 500, samples: 5 }, look: { warmMs: 30, samples: 5 }, final: { warmMs: 30, samples: 7 } },
  software: { first: ONCE, look: ONCE, final: ONCE },
};
const ROUNDS = 3;

/** Of an output larger than this, strips are compared: the first, the last and two between. */
const COMPARED_BYTES = 32 * 2 ** 20;
const STRIPS = 4;

/**
 * Times every plan of a shape, the static one first, each after its output was found to be the static plan's within
 * rounding; then the fastest and the static plan again by turns, so that the gain is not the luck of one of many.
 * Undefined where it was stopped. Throws a UserError where the static plan itself gives no numbers, or memory is short.
 */
export async function measurePlans(gpu: Gpu, s: LinearShape, o: MeasureOptions = {}): Promise<Measured | undefined> {
  const trial = new Trial(gpu, s);
  const recordings = new Map<Plan, Recording>();
  try {
    const plans = candidates(gpu.caps, s);
    const [fixed] = plans;
    const errors = new Map<Plan, string>();
    await Promise.all(
      plans.map(async (p) => {
        try {
          recordings.set(p, await trial.record(p));
        } catch (error) {
          errors.set(p, (error as Error).message.split('\n')[0]);
        }
      }),
    );
    if (errors.has(fixed)) throw new Error(errors.get(fixed));
    const expected = await trial.output(recordings.get(fixed)!);
    if (!expected.every(Number.isFinite))
      throw new UserError(`${planName(fixed)} computes numbers that are not finite: update the GPU's driver`);

    const effort = EFFORT[gpu.description.software ? 'software' : 'gpu'];
    for (const p of plans) {
      if (o.stopped?.()) return undefined;
      const recording = recordings.get(p);
      const wrong = recording ? disagreement(s, expected, await trial.output(recording)) : errors.get(p);
      if (!wrong) continue;
      recording?.free();
      recordings.delete(p);
      o.onRefused?.(planName(p), wrong);
      o.onPlan?.();
    }
    // All that the host has to do is done by now: while it compares, a GPU goes back to its idle clock.
    const ns = new Map<Plan, number>();
    for (const p of plans) {
      if (o.stopped?.()) return undefined;
      const recording = recordings.get(p);
      if (!recording) continue;
      ns.set(p, await trial.time(recording, p === fixed ? effort.first : effort.look));
      o.onPlan?.();
    }
    const [best] = [...ns].sort((a, b) => a[1] - b[1])[0];
    const again = { fixed: [ns.get(fixed)!], best: [ns.get(best)!] };
    if (best !== fixed) {
      for (let i = 0; i < ROUNDS; i++) {
        if (o.stopped?.()) return undefined;
        again.fixed[i] = await trial.time(recordings.get(fixed)!, effort.final);
        again.best[i] = await trial.time(recordings.get(best)!, effort.final);
      }
    }
    const [staticNs, bestNs] = [median(again.fixed), median(again.best)];
    const known = { shape: s, static: planName(fixed), staticNs };
    if (bestNs < (1 - WORTH) * staticNs) return { ...known, plan: planName(best), ns: bestNs };
    return { ...known, plan: planName(fixed), ns: staticNs };
  } finally {
    for (const recording of recordings.values()) recording.free();
    trial.free();
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Calls of a shape, recorded by any plan. */
class Trial {
  readonly #gpu: Gpu;
  readonly #shape: LinearShape;
  readonly #operands: Operands;

  constructor(gpu: Gpu, s: LinearShape) {
    this.#gpu = gpu;
    this.#shape = s;
    const bytes = s.kind === 'q4' ? (s.N * s.K) / 2 : s.N * s.K * (s.w === 'f16' ? 2 : 4);
    const one = gpu.description.software || s.M >= MANY_ROWS;
    this.#operands = new Operands(gpu, s, one ? 1 : Math.min(LAYERS, Math.ceil(COLD_BYTES / bytes)));
  }

  record(p: Plan): Promise<Recording> {
    const r = new Recorder(this.#gpu);
    for (const call of this.#operands.calls) product(r, call, 'linear', p);
    return r.finish();
  }

  /** What a replay makes of y, all of it or strips. */
  async output(recording: Recording): Promise<Float32Array> {
    const { y } = this.#operands.calls[0];
    const { M, N, ldy, column } = this.#shape;
    fill(this.#gpu, y, this.#operands.poison);
    recording.replay();
    const whole = y.bytes <= COMPARED_BYTES;
    const bytes = whole ? y.bytes : COMPARED_BYTES / STRIPS;
    const out = new Float32Array((whole ? y.bytes : COMPARED_BYTES) / BYTES[y.dtype]);
    let n = 0;
    for (let strip = 0; strip < (whole ? 1 : STRIPS); strip++) {
      const at = Math.floor(((y.bytes - bytes) * strip) / (STRIPS - 1) / 4) * 4;
      const raw = await this.#gpu.readBuffer(y.buffer, bytes, at);
      const values = y.dtype === 'f32' ? new Float32Array(raw) : new Uint16Array(raw);
      for (let i = 0; i < values.length; i++) {
        // Buffers are rounded up, and y may be wider than W.
        const place = at / BYTES[y.dtype] + i;
        const inside = place < M * ldy && place % ldy >= column && place % ldy < column + N;
        if (inside) out[n++] = y.dtype === 'f32' ? values[i] : fromHalf(values[i]);
      }
    }
    return out.subarray(0, n);
  }

  /** Nanoseconds a call. */
  async time(recording: Recording, effort: Effort): Promise<number> {
    return (await time(recording, effort)).ns / this.#operands.calls.length;
  }

  free(): void {
    this.#operands.free();
  }
}
