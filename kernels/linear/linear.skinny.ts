/**
 * x · Wᵀ for 1 to 64 rows of f16 x and int4 W, where W's bytes are what takes time: which plan suits, and the text that
 * runs it. Formulas and layouts: linear.skinny.wgsl (arithmetic), linear.skinny.matrix.wgsl (subgroup matrices).
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import { specialise, unroll } from '../../src/gpu/wgsl.ts';
import { PROCESSORS } from './h200.ts';
import { type HeldPlan, pairsCode, planHeld } from './linear.held.ts';
import offset16 from './linear.matrix.offset16.wgsl' with { type: 'text' };
import offset32 from './linear.matrix.offset32.wgsl' with { type: 'text' };
import zero16 from './linear.matrix.zero16.wgsl' with { type: 'text' };
import matrixSource from './linear.skinny.matrix.wgsl' with { type: 'text' };
import skinnySource from './linear.skinny.wgsl' with { type: 'text' };
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import { shapeUniform } from './shape.ts';
import shapeSource from './shape.wgsl' with { type: 'text' };
import parts from './skinny.parts.wgsl' with { type: 'text' };
import sumSource from './skinny.sum.wgsl' with { type: 'text' };
import whole from './skinny.whole.wgsl' with { type: 'text' };
import type { Q4Weight } from './weights.ts';
import yScalar from './y.scalar.wgsl' with { type: 'text' };

/** linear.skinny.wgsl's constants. */
export interface SkinnyPlan {
  form: 'skinny';
  /** Rows of x a workgroup takes, rows of W a thread. */
  MR: number;
  NR: number;
  /** 32s of threads along K, and teams of them that share x. */
  SK: number;
  SR: number;
  /** K staged at a time. */
  KT: number;
  /** Steps of W in flight. */
  D: number;
  /** Words whose products are added in f16; 0: f32. */
  CHAIN: 0 | 1 | 2 | 4;
  /** Fewest threads of a subgroup. */
  SMALLEST: number;
}

/** linear.skinny.matrix.wgsl's constants. */
export interface SkinnyMatrixPlan {
  form: 'skinny matrix';
  FM: number;
  FN: number;
  SN: number;
  SK: number;
  D: number;
  SPLITS: number;
}

/** Whether W and x are what both forms read. */
const streams = (s: LinearShape): boolean => s.kind === 'q4' && s.x === 'f16' && s.K % 32 === 0 && s.group! % 32 === 0;

/** As much of K is staged as 40 KiB hold, which leave a processor of an H200 one workgroup: two of half the memory were no faster. */
const STAGED_BYTES = 40960;

/** The arithmetic form with these constants, K staged to suit the shape, or undefined where that does not fit. Pure. */
export function skinnyPlan(
  caps: Caps,
  s: LinearShape,
  constants: Pick<SkinnyPlan, 'MR' | 'NR' | 'SK' | 'SR' | 'D' | 'CHAIN'>,
): SkinnyPlan | undefined {
  const { MR, NR, SK, SR, D } = constants;
  const SMALLEST = caps.subgroups?.min ?? 32;
  const unit = 1024 * SK * D;
  const sums = 4 * MR * NR * SK * SR * (32 / SMALLEST);
  const bytes = Math.min(STAGED_BYTES, caps.maxWorkgroupStorage - sums);
  const KT = Math.min(Math.floor(bytes / (2.25 * MR) / unit), Math.ceil(s.K / unit)) * unit;
  const p: SkinnyPlan = { form: 'skinny', ...constants, KT, SMALLEST };
  return KT > 0 && skinnyFits(caps, s, p) ? p : undefined;
}

/** Measured were N and K of 3584 and more; smaller ones than these are left to the other forms. */
const LEAST = 2048;

/**
 * The form for up to 64 rows by what was measured (results/h200/skinny.txt), or undefined where another serves. Pure.
 *
 * Up to 4 rows: x in registers (linear.held.ts), where that was faster. Else, and without subgroup matrices up to 31 rows:
 * arithmetic on staged x, one row a workgroup or four; two rows are then two workgroups.
 * With subgroup matrices from 5 rows on: two times four would take 50 µs at 8192² and 20 at 4096², and matrices take 34
 * and 14. 17 to 32 rows were measured as halves of 64. Of 64, as many workgroups share K as all run at once.
 * No sum passes f16's largest number, whatever x is: it is scaled (skinny.pairs.wgsl), and matrices are summed in f32.
 */
export function planSkinny(caps: Caps, s: LinearShape): HeldPlan | SkinnyPlan | SkinnyMatrixPlan | undefined {
  if (s.update || s.N < LEAST || s.K < LEAST || s.M > 64) return undefined;
  const matrix = matrixPlanFor(s);
  if (s.M > 4 && skinnyMatrixFits(caps, s, matrix)) return matrix;
  return planHeld(caps, s) ?? planStaged(caps, s);
}

/** linear.skinny.wgsl's plan for what planSkinny leaves it, or undefined where another form serves. Pure. */
export function planStaged(caps: Caps, s: LinearShape): SkinnyPlan | undefined {
  // Narrower subgroups are a CPU's, which has a form of its own or none that was measured.
  if (s.M >= 32 || caps.subgroups?.max !== 32) return undefined;
  for (const [NR, SR] of teamsFor(s)) {
    const p = skinnyPlan(caps, s, { MR: s.M <= 2 ? 1 : 4, NR, SK: 1, SR, D: 1, CHAIN: 4 });
    if (p) return p;
  }
  return undefined;
}

/**
 * Rows of W a thread and teams of 32 threads that share x, the best by what was measured first, and what smaller
 * workgroups have to do with. Large workgroups, as x is staged for each, but enough of them for every processor.
 */
function teamsFor({ M, N }: LinearShape): [NR: number, SR: number][] {
  const workgroups = N / 32;
  const least: [number, number][] = [
    [2, 16],
    [4, 8],
  ];
  if (M <= 2) return workgroups > 4 * PROCESSORS ? [[4, 8]] : least;
  return workgroups > PROCESSORS ? [[2, 32], ...least] : least;
}

function matrixPlanFor({ M, N }: LinearShape): SkinnyMatrixPlan {
  const tiles = Math.ceil(N / 64);
  const p: SkinnyMatrixPlan = { form: 'skinny matrix', FM: 1, FN: 1, SN: 4, SK: 2, D: 2, SPLITS: 4 };
  // Where workgroups are more than two a processor, smaller ones.
  if (M <= 16) return tiles * p.SPLITS > 2 * PROCESSORS ? { ...p, SK: 1 } : p;
  if (M <= 32) return { ...p, FM: 2, SPLITS: 2 };
  return { ...p, FM: 4, D: 1, SPLITS: [4, 2].find((splits) => tiles * splits <= PROCESSORS) ?? 1 };
}

export function skinnyFits(caps: Caps, s: LinearShape, p: SkinnyPlan): boolean {
  if (!streams(s) || !caps.f16 || !caps.subgroups || caps.subgroups.max > 32) return false;
  const bytes = p.MR * (p.KT * 2 + p.KT / 4) + 4 * p.MR * p.NR * p.SK * p.SR * (32 / p.SMALLEST);
  return (
    32 * p.SK * p.SR <= caps.maxInvocations && bytes <= caps.maxWorkgroupStorage && p.KT % (1024 * p.SK * p.D) === 0
  );
}

export function skinnyMatrixFits(caps: Caps, s: LinearShape, p: SkinnyMatrixPlan): boolean {
  // Lanes are counted in 32s.
  if (!streams(s) || !caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  const vectors = p.SK * (16 * p.FM + p.SN * 16 * p.FN) * 9;
  return 32 * p.SN * p.SK <= caps.maxInvocations && 16 * vectors <= caps.maxWorkgroupStorage && (4 * p.FM) % p.SN === 0;
}

export function skinnyCode(a: Linear, s: LinearShape, p: SkinnyPlan, loops = false): string {
  const { form: _, ...plan } = p;
  return pairsCode(skinnySource, a, s, { ...plan, D_NR: p.D * p.NR, SUMS: p.MR * p.NR }, loops);
}

export function skinnyMatrixCode(a: Linear, s: LinearShape, p: SkinnyMatrixPlan, loops = false): string {
  const weight = a.weight as Q4Weight;
  const { form: _, ...plan } = p;
  const W_LOADS = 2 * p.FN;
  const X_ROWS = (4 * p.FM) / p.SN;
  const constants = {
    ...plan,
    W_LOADS,
    W_HELD: p.D * W_LOADS,
    X_ROWS,
    X_LOADS: 2 * X_ROWS,
    X_HELD: p.D * 2 * X_ROWS,
    SUMS: p.FM * p.FN,
    HALVES: 2,
    FOUR: 4,
    PER: weight.group / 32,
    PARAMS_AT: p.SPLITS > 1 ? 4 : 6,
    ADD: a.add ?? false,
    M: s.M,
  };
  const text = specialise(matrixSource, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: { Y: s.y, Param: weight.meta === 'offset32' ? 'vec2<f32>' : 'u32' },
    constants,
    include: [shapeSource, { offset16, zero16, offset32 }[weight.meta], p.SPLITS > 1 ? parts : whole],
  });
  return loops ? text : unroll(text, constants);
}

/** Records y (+)= scale · x Wᵀ + bias by a plan that fits. */
export function recordSkinny(r: Recorder, a: Linear, p: SkinnyPlan | SkinnyMatrixPlan, label = 'linear'): void {
  const s = shapeOf(a);
  const { weight, rows } = a;
  if (weight.kind !== 'q4') throw new Error('linear skinny: W is dense');
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  const shape = shapeUniform(r.gpu, a, s);
  const loops = r.gpu.description.software;
  if (p.form === 'skinny') {
    const [gx, gy] = fold(Math.ceil(s.N / (p.NR * p.SR)));
    r.dispatch({
      label: `${label} q4 skinny`,
      code: skinnyCode(a, s, p, loops),
      bindings: [a.x, weight.words, a.y, rows, bias, shape, weight.params],
      grid: () => [gx, gy, Math.ceil(rows.count / p.MR)],
    });
    return;
  }
  const [gx, gy] = fold(Math.ceil(s.N / (16 * p.FN * p.SN)));
  const split = p.SPLITS > 1 ? r.scratch('linear parts', 'f32', [p.SPLITS, s.M, s.N]) : undefined;
  r.dispatch({
    label: `${label} q4 skinny matrix`,
    code: skinnyMatrixCode(a, s, p, loops),
    bindings: split
      ? [a.x, weight.words, split, rows, weight.params, shape]
      : [a.x, weight.words, a.y, rows, bias, shape, weight.params],
    grid: () => [gx, gy, Math.ceil(rows.count / (16 * p.FM)) * p.SPLITS],
  });
  if (!split) return;
  const WG = 256;
  r.dispatch({
    label: `${label} q4 skinny sum`,
    code: specialise(sumSource, {
      enable: s.y === 'f16' ? ['f16'] : [],
      alias: { Y: s.y },
      constants: { WG, ADD: a.add ?? false },
      include: [shapeSource, yScalar],
    }),
    bindings: [split, r.gpu.uniform('linear parts', Uint32Array.of(p.SPLITS, s.M, 0, 0)), a.y, rows, bias, shape],
    grid: () => fold(Math.ceil((rows.count * s.N) / WG)),
  });
}
