/** x · Wᵀ with its epilogue, in the form that suits the shape and the GPU. Formulas and layouts: linear.*.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { fold, type Grid, type Recorder } from '../../src/gpu/recorder.ts';
import { type Constant, specialise } from '../../src/gpu/wgsl.ts';
import denseF16Scalar from './dense.f16.scalar.wgsl' with { type: 'text' };
import denseF16Vec4 from './dense.f16.vec4.wgsl' with { type: 'text' };
import denseF32Scalar from './dense.f32.scalar.wgsl' with { type: 'text' };
import denseF32Vec4 from './dense.f32.vec4.wgsl' with { type: 'text' };
import lanesDense from './lanes.dense.wgsl' with { type: 'text' };
import lanesQ4 from './lanes.q4.wgsl' with { type: 'text' };
import { alternatives, planName, tuningKey } from './linear.candidates.ts';
import { type HeldPlan, recordHeld } from './linear.held.ts';
import lanesSource from './linear.lanes.wgsl' with { type: 'text' };
import { expectedClocks, type MatrixPlan, planMatrix, recordMatrix } from './linear.matrix.ts';
import { planSkinny, recordSkinny, type SkinnyMatrixPlan, type SkinnyPlan } from './linear.skinny.ts';
import { recordTall, TALL, type TallPlan, tallClocks, tallFits } from './linear.tall.ts';
import tileSource from './linear.tile.wgsl' with { type: 'text' };
import { type Linear, type LinearShape, shapeOf, stageOf, streams } from './linear.types.ts';
import vectorSource from './linear.vector.wgsl' with { type: 'text' };
import q4 from './q4.wgsl' with { type: 'text' };
import { shapeUniform } from './shape.ts';
import shapeSource from './shape.wgsl' with { type: 'text' };
import sumsSubgroup from './sums.subgroup.wgsl' with { type: 'text' };
import sumsWorkgroup from './sums.workgroup.wgsl' with { type: 'text' };
import tileDense from './tile.dense.wgsl' with { type: 'text' };
import tileQ4 from './tile.q4.wgsl' with { type: 'text' };
import vectorDense from './vector.dense.wgsl' with { type: 'text' };
import vectorQ4 from './vector.q4.wgsl' with { type: 'text' };
import xScalar from './x.scalar.wgsl' with { type: 'text' };
import xVec4 from './x.vec4.wgsl' with { type: 'text' };
import xVec8F16 from './x.vec8.f16.wgsl' with { type: 'text' };
import xVec8F32 from './x.vec8.f32.wgsl' with { type: 'text' };
import yScalar from './y.scalar.wgsl' with { type: 'text' };
import yVec4 from './y.vec4.wgsl' with { type: 'text' };

/** Register tiles over workgroup memory: any GPU, any shape. */
export interface TilePlan {
  form: 'tile';
  /** A workgroup makes TM x TN outputs, BK of K at a time. */
  TM: number;
  TN: number;
  BK: number;
  /** A thread makes 4 BM x 4 BN of them. */
  BM: number;
  BN: number;
  WG: number;
  /** What operands are staged as: f16 where neither has more. */
  stage: 'f16' | 'f32';
}

/** Subgroups as a CPU's vector registers. */
export interface LanesPlan {
  form: 'lanes';
  WG: number;
}

/** W streamed once past a few rows of x: decoding. */
export interface VectorPlan {
  form: 'vector';
  /** Rows of x a workgroup takes. */
  MR: number;
  /** Rows of W a workgroup takes. */
  NR: number;
  WG: number;
  /** Most subgroups in a workgroup; 0 where sums go through workgroup memory. */
  subgroups: number;
}

/** Subgroup matrices: linear.matrix.ts. */
export interface MatrixForm {
  form: 'matrix';
  tile: MatrixPlan;
}

export type Plan = TilePlan | LanesPlan | VectorPlan | MatrixForm | TallPlan | SkinnyPlan | SkinnyMatrixPlan | HeldPlan;

/** The forms on subgroup matrices that sum adapters in the product. */
export const sumsUpdate = (p: Plan): boolean => p.form === 'matrix' || p.form === 'tall';

/** Fewer rows of x than this fill no tile, so that streaming W several times, from the cache, is faster. */
const TILE_ROWS = 32;

/** The form and tile for a shape, by what was measured on a few machines. Pure. */
export function plan(caps: Caps, s: LinearShape): Plan {
  // A subgroup of exactly 8 is lavapipe's AVX register; GPUs that can run 8 can run more. Padding one row of x to
  // eight still beats the vector form there.
  if (caps.subgroups?.min === 8 && caps.subgroups.max === 8) return { form: 'lanes', WG: 32 };
  const few = planSkinny(caps, s);
  if (few) return few;
  if (s.M < TILE_ROWS && streams(s)) return planVector(caps, s);
  const tile = planMatrix(caps, s);
  if (tallSuits(caps, s) && !(tile && expectedClocks(s, tile) < tallClocks(s))) return TALL;
  return tile ? { form: 'matrix', tile } : planTile(s);
}

/** Whether linear.tall.wgsl can run a forward product. */
export const tallSuits = (caps: Caps, s: LinearShape): boolean =>
  tallFits(caps, { ...s, byK: false, ldx: s.K, first: 0 });

function planVector(caps: Caps, s: LinearShape): VectorPlan {
  // Measured on an H200 at 8192² and 4096²: more rows of W a thread cost one row of x more than they save.
  const MR = s.M <= 1 ? 1 : s.M <= 2 ? 2 : 4;
  const NR = MR === 1 ? 4 : 8;
  // A short K leaves no second subgroup anything to do.
  const WG = s.kind === 'q4' && s.K <= 1024 ? 32 : 64;
  return { form: 'vector', MR, NR, WG, subgroups: caps.subgroups ? Math.ceil(WG / caps.subgroups.min) : 0 };
}

function planTile(s: LinearShape): TilePlan {
  const TN = s.N <= 32 ? 32 : 64;
  // Up to 64 rows, twice as many workgroups of half the tile are twice as fast: too few fill a GPU.
  const TM = s.M <= 16 ? 16 : s.M <= 64 || TN === 32 ? 32 : 64;
  const blocks = TM === 64 ? 2 : 1;
  return {
    form: 'tile',
    TM,
    TN,
    BK: 16,
    BM: blocks,
    BN: blocks,
    WG: (TM / 4 / blocks) * (TN / 4 / blocks),
    stage: stageOf(s),
  };
}

/** Every plan to measure for a shape, the static one first, then all others that fit it and are not hopeless. Pure. */
export function candidates(caps: Caps, s: LinearShape): Plan[] {
  const all = [plan(caps, s), ...alternatives(caps, s)];
  return [...new Map(all.map((p) => [planName(p), p])).values()];
}

/** The plan that runs: the tuning's for this shape, where there is one and these caps can run it, else the static one. */
export function planFor(gpu: Gpu, s: LinearShape): Plan {
  const fixed = plan(gpu.caps, s);
  // Whether an adapter is summed in its layer's product or apart is the static plan's to say.
  if (!gpu.tuning || (s.update && !sumsUpdate(fixed))) return fixed;
  const name = gpu.tuning.get(tuningKey(s));
  const tuned = name === undefined ? undefined : candidates(gpu.caps, s).find((p) => planName(p) === name);
  return tuned ?? fixed;
}

/**
 * Records y (+)= scale · x Wᵀ + bias. `a.x` is in the words' order of columns already, and `a.lora` is not looked at.
 * Any y may be added to. `p`: another plan than the shape's own, which must suit it.
 */
export function product(r: Recorder, a: Linear, label = 'linear', p: Plan = planFor(r.gpu, shapeOf(a))): void {
  if (p.form === 'matrix') {
    recordMatrix(r, a, p.tile, label);
    return;
  }
  if (p.form === 'tall') {
    recordTall(r, { ...a, byK: false }, label);
    return;
  }
  if (p.form === 'skinny' || p.form === 'skinny matrix') {
    recordSkinny(r, a, p, label);
    return;
  }
  if (p.form === 'held') {
    recordHeld(r, a, p, label);
    return;
  }
  const s = shapeOf(a);
  const { weight, rows } = a;
  const vec4 = p.form === 'tile' && s.N % 4 === 0 && s.ldy % 4 === 0 && s.column % 4 === 0;
  const constants: Record<string, Constant> = { ADD: a.add ?? false, ROLLED: r.gpu.description.software };
  const xVec8 = s.x === 'f16' ? xVec8F16 : xVec8F32;
  const xSource = s.K % 4 ? xScalar : p.form === 'vector' && weight.kind === 'q4' ? xVec8 : xVec4;
  const include = [shapeSource, xSource, vec4 ? yVec4 : yScalar];
  const bindings = [a.x, weight.kind === 'q4' ? weight.words : weight.data, a.y, rows];
  // A layout is made of what the text names, so that a bias is bound even where there is none to read.
  bindings.push(a.bias ?? r.scratch('no bias', 'f32', [4]), shapeUniform(r.gpu, a, s));
  if (weight.kind === 'q4') {
    bindings.push(weight.params);
    Object.assign(constants, {
      ZERO_POINT: weight.meta === 'zero16',
      WIDE: weight.meta === 'offset32',
    });
    include.push(q4);
  } else if (s.w === 'f16') include.push(s.K % 4 ? denseF16Scalar : denseF16Vec4);
  else include.push(s.K % 4 ? denseF32Scalar : denseF32Vec4);

  const enable = s.x === 'f16' || s.y === 'f16' || (p.form === 'tile' && p.stage === 'f16') ? ['f16'] : [];
  const alias: Record<string, string> = { X: s.x, Y: s.y };
  let source: string;
  let grid: () => Grid;
  if (p.form === 'tile') {
    const { TM, TN, BK, BM, BN, WG } = p;
    Object.assign(constants, { TM, TN, BK, BM, BN, WG });
    alias.Stage = p.stage;
    include.push(weight.kind === 'q4' ? tileQ4 : tileDense);
    source = tileSource;
    grid = () => [Math.ceil(s.N / TN), Math.ceil(rows.count / TM)];
  } else if (p.form === 'lanes') {
    constants.WG = p.WG;
    enable.push('subgroups');
    include.push(weight.kind === 'q4' ? lanesQ4 : lanesDense);
    source = lanesSource;
    grid = () => [Math.ceil(s.N / (4 * p.WG)), Math.ceil(rows.count / 8)];
  } else {
    const { MR, NR, WG, subgroups } = p;
    Object.assign(constants, { MR, NR, WG });
    if (subgroups) {
      enable.push('subgroups');
      constants.SUBGROUPS = subgroups;
    }
    include.push(weight.kind === 'q4' ? vectorQ4 : vectorDense, subgroups ? sumsSubgroup : sumsWorkgroup);
    source = vectorSource;
    const [gx, gy] = fold(Math.ceil(s.N / NR));
    grid = () => [gx, gy, Math.ceil(rows.count / MR)];
  }
  r.dispatch({
    label: `${label} ${s.kind} ${p.form}`,
    code: specialise(source, { enable, alias, constants, include }),
    bindings,
    grid,
  });
}
