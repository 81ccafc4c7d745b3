/** The forms and tiles that a shape could have besides its static plan, for `lacuna tune` to choose from by measuring. Pure. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type HeldPlan, heldFits, heldPlan } from './linear.held.ts';
import { matrixFits, matrixPlans } from './linear.matrix.ts';
import { type Plan, type TilePlan, tallSuits, type VectorPlan } from './linear.product.ts';
import { type SkinnyMatrixPlan, type SkinnyPlan, skinnyMatrixFits, skinnyPlan } from './linear.skinny.ts';
import { TALL } from './linear.tall.ts';
import { type LinearShape, stageOf, streams } from './linear.types.ts';

/** More rows of x than these read W too often for a form that streams it. */
const STREAMED_ROWS = 64;

/** [TM, TN, BK, BM = BN] */
const TILES = [
  [16, 32, 16, 1],
  [16, 64, 16, 1],
  [32, 32, 16, 1],
  [32, 64, 16, 1],
  [32, 64, 32, 1],
  [64, 64, 16, 1],
  [64, 64, 16, 2],
  [64, 64, 32, 2],
  [64, 128, 16, 2],
  [128, 64, 16, 2],
  [128, 128, 16, 2],
] as const;

/** [NR, WG] */
const VECTORS = [
  [2, 64],
  [4, 32],
  [4, 64],
  [4, 128],
  [8, 32],
  [8, 64],
] as const;

/** [MR, NR, SK, SR, D, CHAIN] */
const SKINNY = [
  [1, 2, 1, 16, 1, 4],
  [1, 2, 1, 16, 2, 4],
  [1, 4, 1, 8, 1, 4],
  [1, 4, 1, 8, 2, 4],
  [1, 4, 2, 4, 2, 4],
  [1, 4, 1, 4, 2, 4],
  [1, 2, 1, 8, 4, 4],
  [1, 4, 1, 8, 2, 0],
  [4, 2, 1, 16, 1, 4],
  [4, 2, 1, 32, 1, 4],
  [4, 4, 1, 8, 1, 4],
  [4, 4, 1, 8, 2, 4],
  [4, 8, 1, 8, 1, 4],
  [4, 4, 2, 4, 1, 4],
  [4, 2, 1, 8, 2, 4],
  [4, 4, 1, 4, 1, 0],
] as const;

/** [MR, NR, workgroups, TURNS]: each is the plan's or was the fastest of a shape that was measured (results/h200/skinny.txt). */
export const HELD = [
  [1, 4, 528, 2],
  [1, 4, 1056, 2],
  [1, 4, 1056, 1],
  [1, 8, 528, 2],
  [1, 16, 264, 2],
  [2, 8, 264, 2],
  [2, 8, 528, 2],
  [2, 8, 528, 1],
  [2, 4, 1056, 2],
  [4, 4, 528, 1],
  [4, 8, 264, 1],
] as const;

/** [FM, FN, SN, SK, D, SPLITS] */
const SKINNY_MATRIX = [
  [1, 1, 1, 8, 2, 1],
  [1, 1, 2, 4, 2, 1],
  [1, 2, 1, 4, 2, 1],
  [1, 1, 2, 4, 2, 2],
  [1, 1, 4, 1, 2, 4],
  [1, 1, 4, 1, 2, 8],
  [1, 1, 4, 2, 2, 4],
  [2, 1, 4, 2, 2, 2],
  [4, 1, 4, 2, 1, 1],
  [4, 1, 4, 2, 1, 2],
  [4, 1, 4, 2, 1, 4],
  [4, 2, 4, 1, 1, 4],
] as const;

/**
 * Plans that fit the shape's layout and these limits. Adapters are summed by the matrix form alone, so that a shape with
 * an update has no others.
 */
export function alternatives(caps: Caps, s: LinearShape): Plan[] {
  const matrix: Plan[] = matrixPlans()
    .filter((p) => matrixFits(caps, s, p))
    .map((tile) => ({ form: 'matrix', tile }));
  if (tallSuits(caps, s)) matrix.push(TALL);
  if (s.update) return matrix;
  const few = s.M <= STREAMED_ROWS;
  return [
    ...matrix,
    ...tiles(caps, s),
    ...(few ? [...vectors(caps, s), ...skinny(caps, s), ...held(caps, s), ...skinnyMatrix(s, caps)] : []),
  ];
}

function tiles(caps: Caps, s: LinearShape): TilePlan[] {
  const stage = stageOf(s);
  return TILES.map(([TM, TN, BK, blocks]): TilePlan => {
    const WG = (TM / 4 / blocks) * (TN / 4 / blocks);
    return { form: 'tile', TM, TN, BK, BM: blocks, BN: blocks, WG, stage };
  }).filter(({ TM, TN, BK, WG }) => {
    const bytes = BK * ((TM + TN) / 4 + 2) * (stage === 'f16' ? 8 : 16);
    if (WG > caps.maxInvocations || bytes > caps.maxWorkgroupStorage) return false;
    // Tiles mostly past the edge, and, where a dispatch may be long, those so small that a display's watchdog might end it.
    const suits = (tile: number, n: number) => tile < 2 * Math.max(n, 16) && 4 * tile >= Math.min(n, 256);
    return suits(TM, s.M) && suits(TN, Math.max(s.N, 32));
  });
}

function vectors(caps: Caps, s: LinearShape): VectorPlan[] {
  if (!streams(s)) return [];
  const rows = s.M <= 1 ? [1] : s.M <= 2 ? [1, 2] : [2, 4];
  return rows
    .flatMap((MR) => VECTORS.map(([NR, WG]) => ({ MR, NR, WG })))
    .map(({ MR, NR, WG }): VectorPlan => {
      return { form: 'vector', MR, NR, WG, subgroups: caps.subgroups ? Math.ceil(WG / caps.subgroups.min) : 0 };
    })
    .filter(({ MR, NR, WG, subgroups }) => {
      const floats = subgroups ? MR * NR * subgroups : WG * (MR * NR + 1);
      return WG % (MR * NR) === 0 && WG <= caps.maxInvocations && 4 * floats <= caps.maxWorkgroupStorage;
    });
}

const skinny = (caps: Caps, s: LinearShape): SkinnyPlan[] =>
  SKINNY.filter(([MR]) => (s.M === 1 ? MR === 1 : s.M >= 3 ? MR === 4 : true))
    .map(([MR, NR, SK, SR, D, CHAIN]) => skinnyPlan(caps, s, { MR, NR, SK, SR, D, CHAIN }))
    .filter((p) => p !== undefined);

const held = (caps: Caps, s: LinearShape): HeldPlan[] =>
  HELD.filter(([MR]) => (s.M >= 3 ? MR === 4 : MR <= s.M))
    .map(([MR, NR, workgroups, TURNS]) => heldPlan(s, MR, NR, workgroups, TURNS))
    .filter((p) => s.M <= 8 && heldFits(caps, s, p));

const skinnyMatrix = (s: LinearShape, caps: Caps): SkinnyMatrixPlan[] =>
  SKINNY_MATRIX.filter(([FM]) => (s.M <= 16 ? FM === 1 : FM > 1))
    .map(([FM, FN, SN, SK, D, SPLITS]): SkinnyMatrixPlan => ({ form: 'skinny matrix', FM, FN, SN, SK, D, SPLITS }))
    .filter((p) => skinnyMatrixFits(caps, s, p));

/** What tells a plan from the others of its shape: for tables and for the files of a tuning. */
export function planName(p: Plan): string {
  switch (p.form) {
    case 'tile':
      return `tile ${p.TM}x${p.TN}x${p.BK} of ${4 * p.BM}x${4 * p.BN}`;
    case 'lanes':
      return 'lanes';
    case 'vector':
      return `vector ${p.MR}x${p.NR} of ${p.WG}`;
    case 'matrix': {
      const { BM, BN, BK, WM, WN, SLICES, FENCED } = p.tile;
      return `matrix ${BM}x${BN}x${BK} of ${WM}x${WN}${SLICES > 1 ? ` x${SLICES}` : ''}${FENCED ? ' fenced' : ''}`;
    }
    case 'tall':
      return `tall ${p.BM}x${p.BN} of ${p.WM}x${p.WN}`;
    case 'skinny':
      return `skinny ${p.MR}x${p.NR} SK${p.SK} SR${p.SR} D${p.D} ${p.CHAIN ? `f16 ${4 * p.CHAIN}` : 'f32'}`;
    case 'held':
      return `held ${p.MR}x${p.NR} of ${p.BLOCKS * p.NR}${p.TURNS === 1 ? ' anew' : ''}`;
    case 'skinny matrix':
      return `skinny matrix ${16 * p.FM}x${16 * p.FN} SN${p.SN} SK${p.SK} D${p.D} splits ${p.SPLITS}`;
  }
}

/** The shape with all that no plan depends on taken out: of y's columns it is whether four of them can be one access. */
export function tuningShape(s: LinearShape): LinearShape {
  const { M, N, K, kind, w, group, meta, x, y, update } = s;
  const aligned = N % 4 === 0 && s.ldy % 4 === 0 && s.column % 4 === 0;
  const place = aligned ? { ldy: N, column: 0 } : { ldy: N + 1, column: 1 };
  return {
    M,
    N,
    K,
    kind,
    w,
    group,
    meta,
    x,
    y,
    ...place,
    update: update && { rank: update.rank, widths: update.widths },
  };
}

/** What a tuning finds a shape by: tuningShape as JSON. */
export const tuningKey = (s: LinearShape): string => JSON.stringify(tuningShape(s));
