/**
 * What adapters.ts tries: tiles of kernels/linear/gemm.matrix.ts by what is thin, and of whole layers' dW and dX; and what
 * lora.ts tries of kernels/lora/down.ts.
 */
import type { GemmPlan } from '../../kernels/linear/gemm.matrix.ts';
import type { DownPlan } from '../../kernels/lora/down.ts';

export type Tile = Omit<GemmPlan, 'form'>;

const whole = (n: number) => Math.ceil(n / 16) * 16;
/** Out has few columns: a rank's. */
export const narrow = (n: number): Tile[] =>
  [
    [64, 16],
    [128, 16],
    [128, 32],
    [32, 16],
  ].flatMap(([BM, WM]) =>
    ([64, 32] as const).flatMap((BK) =>
      [1, 2, 4].map((splits) => ({ BM, BN: whole(n), BK, WM, WN: whole(n), splits })),
    ),
  );
/** Out has few rows. */
export const flat = (m: number): Tile[] =>
  [
    [128, 32],
    [64, 16],
    [256, 32],
  ].flatMap(([BN, WN]) =>
    ([64, 32] as const).flatMap((BK) =>
      [4, 8, 16].map((splits) => ({ BM: whole(m), BN, BK, WM: whole(m), WN, splits })),
    ),
  );
/** The sum is short. */
export const shallow: Tile[] = [
  [128, 128, 64, 64],
  [128, 128, 32, 64],
  [64, 64, 32, 32],
  [128, 64, 32, 32],
  [64, 128, 32, 64],
  [64, 128, 32, 32],
].map(([BM, BN, WM, WN]) => ({ BM, BN, BK: 32, WM, WN, splits: 1 }));

/** dW's tiles, most promising first: SmolLM2's widths are multiples of 192, or of 96 or 64. */
export const SQUARE: Omit<Tile, 'splits'>[] = (
  [
    [96, 96, 32, 48, 48],
    [128, 128, 64, 64, 64],
    [128, 128, 32, 64, 64],
    [96, 192, 32, 48, 96],
    [96, 96, 64, 48, 48],
    [64, 64, 64, 32, 32],
    [128, 128, 32, 32, 64],
    [64, 192, 32, 64, 48],
    [192, 96, 32, 48, 48],
    [128, 64, 64, 64, 32],
    [64, 64, 32, 32, 32],
    [128, 128, 64, 32, 64],
    [128, 96, 32, 64, 48],
    [192, 192, 32, 96, 48],
  ] as const
).map(([BM, BN, BK, WM, WN]) => ({ BM, BN, BK, WM, WN }));

/** dX's tiles of int4 layers, beside the plan's 128 x 128 x 64 of 64 x 64. */
export const GRADIENT: Tile[] = (
  [
    [128, 128, 32, 64, 64],
    [96, 128, 32, 48, 64],
    [128, 64, 32, 64, 32],
    [64, 128, 32, 32, 64],
    [128, 128, 32, 32, 64],
    [64, 64, 32, 32, 32],
    [128, 128, 64, 64, 64],
  ] as const
).map(([BM, BN, BK, WM, WN]) => ({ BM, BN, BK, WM, WN, splits: 1 }));

/** Bytes of workgroup memory where rows are summed over, as gemm.matrix.ts counts them. */
export const stageBytes = (p: Omit<Tile, 'splits'>): number => 16 * p.BK * (p.BM / 8 + p.BN / 8 + 2);

/**
 * A guess at how long dW [N, K] over `rows` rows takes, in multiplications a processor makes one after another: waves of
 * workgroups, as many at once as memory and registers hold of 132 processors (results/h200/occupancy.txt), each of a span
 * and of what starting costs; and writing and reading the parts.
 */
function guess(p: Tile, N: number, K: number, rows: number): number {
  const threads = (p.BM / p.WM) * (p.BN / p.WN) * 32;
  const registers = Math.floor(65536 / (threads * ((p.WM * p.WN) / 32 + 64)));
  const held = Math.max(1, Math.min(Math.floor(49152 / stageBytes(p)), registers));
  const waves = Math.ceil((Math.ceil(N / p.BM) * Math.ceil(K / p.BN) * p.splits) / (132 * held));
  return waves * held * p.BM * p.BN * (rows / p.splits + 128) + (p.splits > 1 ? 2.6 * p.splits * N * K : 0);
}

/** The first `tiles` of SQUARE for dW [N, K] over `rows` rows with the spans that should suit each; the first few also with quite other spans. */
export function square(N: number, K: number, rows: number, tiles: number, twice: number): Tile[] {
  return SQUARE.slice(0, tiles).flatMap((tile, i) => {
    const [best, ...others] = Array.from({ length: 16 }, (_, s): Tile => ({ ...tile, splits: s + 1 })).sort(
      (a, b) => guess(a, N, K, rows) - guess(b, N, K, rows),
    );
    const far = ({ splits }: Tile) => Math.max(splits / best.splits, best.splits / splits) > 1.6;
    return i < twice ? [best, others.find(far)!] : [best];
  });
}

/** A plan for H in one dispatch, and others: of other rows, more subgroups, shorter steps. */
export function atOnceBeside(now: DownPlan): DownPlan[] {
  const all: DownPlan[] = [
    now,
    ...[32, 48, 64].map((BM) => ({ ...now, BM })),
    now.COLS > 1 ? { ...now, COLS: 3 } : { ...now, COLS: 2, SLICES: 4 },
    { ...now, SLICES: 2 * now.SLICES },
    ...([64, 128] as const).map((BK) => ({ ...now, BK, SLICES: Math.min(now.SLICES, BK / 16) })),
  ];
  return [...new Map(all.map((p) => [JSON.stringify(p), p])).values()];
}
