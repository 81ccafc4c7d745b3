/** Runs attention on packed batches and compares: what the tests of its forms share. */
import { expect } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { type Arithmetic, attentionBound, attentionLse, attentionRef } from './attention.ref.ts';
import { type AttentionShape, attention, plan } from './attention.ts';
import { Sequences } from './sequences.ts';

export interface Batch {
  lengths: number[];
  /** qkv [T, (heads + 2 kvHeads) headDim] */
  values: Float64Array;
}

/**
 * Tensor cores add with fewer guard bits than IEEE asks for, 2^-22 of the largest term at worst; weights are rounded to
 * f16, whose smallest number is 2^-24, and the largest weight is 1 or more. Short sequences' rounds are of 16 keys, two where
 * this counts one: 7 more roundoffs of f32, which need no room.
 */
export const MATRIX_ARITHMETIC: Arithmetic = {
  keys: 32,
  roundoff: 2 ** -22,
  weight: EPS.f16,
  weightFloor: 2 ** -25,
  headroom: 8,
};

/** Which forms a shape's sequences are left to, long ones first. */
export const matrixForms = (label: string, headDim: number): string[] =>
  headDim <= 64 ? [`${label} matrix`, `${label} matrix short`] : [`${label} matrix`];

/** Runs batch after batch through one recording, each with its own numbers. Returns y of each. */
export async function check(g: Gpu, shape: AttentionShape, batches: readonly Batch[]): Promise<Float64Array[]> {
  const { heads, kvHeads, headDim } = shape;
  const width = (heads + 2 * kvHeads) * headDim;
  const matrix = g.caps.matrix && headDim % 32 === 0 && headDim <= 128;
  const planned = plan(g.caps, shape);
  const arithmetic = planned.form === 'matrix' ? MATRIX_ARITHMETIC : { keys: planned.keys };
  // Capacity for one token more than there is: its row is never read and never written.
  const T = Math.max(...batches.map((b) => b.values.length / width)) + 1;
  const most = Math.max(...batches.map((b) => b.lengths.length));
  const sequences = new Sequences(g, T, most);
  const qkv = poisoned(g, 'qkv', g.activation, [T, width]);
  const y = poisoned(g, 'y', g.activation, [T, heads * headDim]);
  const r = new Recorder(g);
  const lse = poisoned(g, 'lse', 'f32', [T, heads]);
  attention(r, { qkv, y, lse, sequences, ...shape });
  const labels = matrix ? matrixForms('attention', headDim) : ['attention'];
  expect(r.dispatches.map((d) => d.label)).toEqual(labels);
  const recording = await r.finish();
  const results: Float64Array[] = [];
  for (const { lengths, values } of batches) {
    const tokens = values.length / width;
    const input = toGpu(g, 'input', g.activation, [tokens, width], values);
    const encoder = g.device.createCommandEncoder();
    encoder.copyBufferToBuffer(input.buffer, 0, qkv.buffer, 0, tokens * width * (g.caps.f16 ? 2 : 4));
    g.device.queue.submit([encoder.finish()]);
    sequences.set(lengths.map((n) => new Uint32Array(n)));
    recording.replay();
    const starts = startsOf(lengths);
    const size = tokens * heads * headDim;
    const bound = attentionBound(values, starts, shape, arithmetic);
    const atol = bound.y.map((b) => b + (g.caps.f16 ? 2 ** -25 : 0));
    const result = await fromGpu(g, y);
    expectClose(result.slice(0, size), attentionRef(values, starts, shape), EPS[g.activation], atol);
    expect(result.slice((T - 1) * heads * headDim).every(Number.isNaN)).toBe(true);
    results.push(result.slice(0, size));
    const sums = await fromGpu(g, lse);
    expectClose(sums.slice(0, tokens * heads), attentionLse(values, starts, shape), EPS.f32, bound.lse);
    expect(sums.slice((T - 1) * heads).every(Number.isNaN)).toBe(true);
    g.free(input);
  }
  recording.free();
  sequences.free();
  g.free(qkv, y, lse);
  return results;
}

/** Random values of unit deviation, with q and k scaled by `deviation` each: scores have its square as theirs. */
export function random(g: Gpu, seed: number, s: AttentionShape, lengths: number[], deviation = 1): Batch {
  const width = (s.heads + 2 * s.kvHeads) * s.headDim;
  const T = lengths.reduce((a, b) => a + b);
  const qk = normal(seed, T * width, g.activation, deviation);
  const v = normal(seed + 1, T * width, g.activation);
  return { lengths, values: qk.map((x, i) => (i % width < (s.heads + s.kvHeads) * s.headDim ? x : v[i])) };
}

/** Random values, but key j's score is slope * j + offset for every query, to a sixteenth. */
export function line(g: Gpu, s: AttentionShape, length: number, slope: number, offset: number): Batch {
  const batch = random(g, 21, s, [length]);
  const { heads, kvHeads, headDim } = s;
  const width = (heads + 2 * kvHeads) * headDim;
  const v = (heads + kvHeads) * headDim;
  for (let t = 0; t < length; t++) {
    batch.values.fill(Math.sqrt(headDim), t * width, t * width + heads * headDim);
    const score = Math.round(slope * t + offset);
    batch.values.fill(score / headDim, t * width + heads * headDim, t * width + v);
  }
  return batch;
}

export function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}
