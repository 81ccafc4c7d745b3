/** x · Wᵀ for one to four rows of f16 x and int4 W, x in registers: whether it suits a shape, and the text that runs it. Formula: linear.held.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import source from './linear.held.wgsl' with { type: 'text' };
import { pairsCode } from './linear.skinny.ts';
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import { shapeUniform } from './shape.ts';

export interface HeldPlan {
  form: 'held';
  /** Rows of x a workgroup takes; MR NR is a power of two, at most 32. */
  MR: 1 | 2 | 4;
  /** Rows of W that are multiplied at a time, and how many times that a workgroup takes: an even number. */
  NR: number;
  BLOCKS: number;
}

/** Subgroups that hold a row of x, 1,024 of it each. */
const warps = ({ K }: Pick<LinearShape, 'K'>) => Math.ceil(K / 1024);

/** Rows of W a workgroup such that `workgroups` of them are enough: a few a processor. */
export function heldPlan(s: LinearShape, MR: HeldPlan['MR'], NR: number, workgroups: number): HeldPlan {
  const blocks = Math.ceil(s.N / NR / workgroups);
  return { form: 'held', MR, NR, BLOCKS: 2 * Math.ceil(blocks / 2) };
}

export function heldFits(caps: Caps, s: LinearShape, { MR, NR, BLOCKS }: HeldPlan): boolean {
  if (s.kind !== 'q4' || s.x !== 'f16' || s.K % 32 || s.group! % 32 || s.update || !caps.f16) return false;
  if (caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  // A thread with four rows of x takes some 130 registers, of 65,536 that a workgroup can have.
  const threads = 32 * warps(s);
  return (
    threads <= Math.min(caps.maxInvocations, 1024 / MR) &&
    4 * BLOCKS * MR * NR * warps(s) <= caps.maxWorkgroupStorage &&
    MR * NR <= 32
  );
}

/** `loops`: leave the loops as they are. */
export function heldCode(a: Linear, s: LinearShape, { MR, NR, BLOCKS }: HeldPlan, loops = false): string {
  const counts = { MR, NR, BLOCKS, WARPS: warps(s), COUNT: MR * NR, MOST: (MR * NR) / 2, TURNS: 2, LEVELS: 5 };
  return pairsCode(source, a, s, counts, loops);
}

/** Records y (+)= scale · x Wᵀ + bias by a plan that fits. */
export function recordHeld(r: Recorder, a: Linear, p: HeldPlan, label = 'linear'): void {
  const s = shapeOf(a);
  const { weight, rows } = a;
  if (weight.kind !== 'q4') throw new Error('linear held: W is dense');
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  const [gx, gy] = fold(Math.ceil(s.N / (p.NR * p.BLOCKS)));
  r.dispatch({
    label: `${label} q4 held`,
    code: heldCode(a, s, p, r.gpu.description.software),
    bindings: [a.x, weight.words, a.y, rows, bias, shapeUniform(r.gpu, a, s), weight.params],
    grid: () => [gx, gy, Math.ceil(rows.count / p.MR)],
  });
}
