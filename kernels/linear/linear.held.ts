/** x · Wᵀ for one to four rows of f16 x and int4 W, x in registers: whether it suits a shape, and the text that runs it. Formula: linear.held.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import { type Constant, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { PROCESSORS } from './h200.ts';
import source from './linear.held.wgsl' with { type: 'text' };
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import { shapeUniform } from './shape.ts';
import shapeSource from './shape.wgsl' with { type: 'text' };
import pairs from './skinny.pairs.wgsl' with { type: 'text' };
import paramF32 from './skinny.param.f32.wgsl' with { type: 'text' };
import paramU32 from './skinny.param.u32.wgsl' with { type: 'text' };
import type { Q4Weight } from './weights.ts';
import yScalar from './y.scalar.wgsl' with { type: 'text' };

/** linear.held.wgsl's constants. */
export interface HeldPlan {
  form: 'held';
  /** Rows of x a workgroup takes; MR NR is a power of two, at most 32. */
  MR: 1 | 2 | 4;
  /** Rows of W that are multiplied at a time, and how many times that a workgroup takes: a multiple of TURNS. */
  NR: number;
  BLOCKS: number;
  /** 2: NR rows of W are read while NR others are multiplied; 1: each as soon as its registers are free. */
  TURNS: 1 | 2;
  /** Shares of K that a workgroup takes one after the other. */
  PARTS: number;
}

/** Subgroups that hold a row of x, or one of `parts` of it: 1,024 of it each. */
const warps = ({ K }: Pick<LinearShape, 'K'>, parts: number) => Math.ceil(K / 1024 / parts);

/**
 * A thread with four rows of x takes some 130 registers, of 65,536 that a workgroup can have; one with one row of x and eight
 * of W, twice, as many.
 */
const mostThreads = (MR: number): number => (MR === 4 ? 256 : 512);

/** K in as few parts as the threads of a workgroup hold. */
const partsOf = ({ K }: Pick<LinearShape, 'K'>, MR: number): number => Math.ceil(K / 32 / mostThreads(MR));

/** Rows of W a workgroup such that `workgroups` of them are enough. */
export function heldPlan(
  s: Pick<LinearShape, 'N' | 'K'>,
  MR: HeldPlan['MR'],
  NR: number,
  workgroups: number,
  TURNS: HeldPlan['TURNS'] = 2,
): HeldPlan {
  const blocks = Math.ceil(s.N / NR / workgroups);
  return { form: 'held', MR, NR, BLOCKS: TURNS * Math.ceil(blocks / TURNS), TURNS, PARTS: partsOf(s, MR) };
}

export function heldFits(caps: Caps, s: LinearShape, { MR, NR, BLOCKS, TURNS, PARTS }: HeldPlan): boolean {
  if (s.kind !== 'q4' || s.x !== 'f16' || s.K % 32 || s.group! % 32 || s.update || !caps.f16) return false;
  if (caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  const wide = warps(s, PARTS);
  return (
    32 * wide <= Math.min(caps.maxInvocations, mostThreads(MR)) &&
    4 * BLOCKS * MR * NR * wide <= caps.maxWorkgroupStorage &&
    MR * NR <= 32 &&
    BLOCKS % TURNS === 0
  );
}

/** Measured were K of 3584 and N of 4096 and more, N of 3584 with a long K; smaller ones than these are left to the other forms. */
const LEAST = 2048;
/** The longest K that was measured; four rows of it, in three parts, took 42 µs, and staged 30. */
const MOST_K = { 1: 18944, 2: 18944, 4: 8192 };
/**
 * Columns from which four rows take eight rows of W at a time, 44.6 µs for 54.5 at 37888, and one row takes its next as soon as
 * it can, 25.7 for 27.2: no gain at 8192, the next measured.
 */
const MANY = 16384;

/** The form for up to four rows by what was measured (results/h200/skinny.txt), or undefined where another serves. Pure. */
export function planHeld(caps: Caps, s: LinearShape): HeldPlan | undefined {
  if (s.M < 1 || s.M > 4) return undefined;
  const MR = s.M === 1 || s.M === 2 ? s.M : 4;
  if (s.N < LEAST || s.K < LEAST || s.K > MOST_K[MR]) return undefined;
  const p = fastest(s, MR);
  return heldFits(caps, s, p) ? p : undefined;
}

/** Threads a processor are as many as have the registers that they keep of W and x: about a thousand for one row of x, half for two. */
function fastest(s: LinearShape, MR: HeldPlan['MR']): HeldPlan {
  const threads = 32 * warps(s, partsOf(s, MR));
  // A row's registers then take the next one at once.
  const short = threads <= 128;
  switch (MR) {
    case 1:
      if (short) return heldPlan(s, 1, 4, Math.round(1024 / threads) * PROCESSORS, s.N >= MANY ? 1 : 2);
      return partsOf(s, MR) === 1 ? heldPlan(s, 1, 16, 2 * PROCESSORS) : heldPlan(s, 1, 4, 4 * PROCESSORS);
    case 2:
      return heldPlan(s, 2, 8, Math.round(512 / threads) * PROCESSORS, short ? 1 : 2);
    case 4:
      return s.N < MANY ? heldPlan(s, 4, 4, 4 * PROCESSORS, 1) : heldPlan(s, 4, 8, 2 * PROCESSORS, 1);
  }
}

/** The text of linear.skinny.wgsl or linear.held.wgsl: `constants` of its plan, and what both take from the weight and the call. */
export function pairsCode(
  source: string,
  a: Linear,
  s: LinearShape,
  constants: Record<string, Constant>,
  loops: boolean,
): string {
  const { meta, group } = a.weight as Q4Weight;
  const wide = meta === 'offset32';
  const all = { ...constants, WORDS: 4, PER: group / 32, ZERO_POINT: meta === 'zero16', ADD: a.add ?? false };
  const text = specialise(source, {
    enable: ['f16', 'subgroups'],
    alias: { Y: s.y, Param: wide ? 'vec2<f32>' : 'u32' },
    constants: all,
    include: [shapeSource, yScalar, wide ? paramF32 : paramU32, pairs],
  });
  return loops ? text : unroll(text, all);
}

/** `loops`: leave the loops as they are. */
export function heldCode(a: Linear, s: LinearShape, { form: _, ...plan }: HeldPlan, loops = false): string {
  const { MR, NR, TURNS, PARTS } = plan;
  const X_LEVELS = Math.log2(MR);
  const constants = {
    ...plan,
    WARPS: warps(s, PARTS),
    COUNT: MR * NR,
    HELD: TURNS * NR,
    X_LEVELS,
    X_MOST: MR >> 1,
    W_LEVELS: 5 - X_LEVELS,
    W_MOST: NR >> 1,
  };
  return pairsCode(source, a, s, constants, loops);
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
