/**
 * What the products in i8 multiply: rows of x quantised a row at a time, int4 weights made i8 with a scale a row, both turned
 * first so that large numbers are spread over 32. Formulas and layouts: int8.*.wgsl.
 */
import type { Gpu } from '../../../src/gpu/gpu.ts';
import { type Dim, fold, Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../../src/gpu/wgsl.ts';
import type { Q4Weight, Weight } from '../weights.ts';
import bytes from './int8.bytes.wgsl' with { type: 'text' };
import columnsSource from './int8.columns.wgsl' with { type: 'text' };
import hadamard from './int8.hadamard.wgsl' with { type: 'text' };
import measured from './int8.measured.wgsl' with { type: 'text' };
import packed from './int8.packed.wgsl' with { type: 'text' };
import quantizeSource from './int8.quantize.wgsl' with { type: 'text' };
import rowsSource from './int8.rows.wgsl' with { type: 'text' };
import weightsSource from './int8.weights.wgsl' with { type: 'text' };

/** How many times 32 of k a product loads matrices of x ahead at most, past the end of a row of tiles too. */
const AHEAD = 3;

/** Rows of i8 in tiles of 16 x 32, and what a row is multiplied by. */
export interface Int8Rows {
  /** i8 [rows rounded up to 16, K] and AHEAD tiles more, for loads that go past the end; four in a u32. */
  tiles: Tensor;
  /** f32 [rows] */
  scale: Tensor;
  /** Columns in the tiles: zeros fill them up. */
  K: number;
}

/** Which way W is made i8: for x Wᵀ, in rows of k, or for dY W, in rows of n. */
export type Direction = 'rows' | 'columns';

/** What of a weight decides the text. */
export type Q4Shape = Pick<Q4Weight, 'N' | 'K' | 'group' | 'meta'>;

export const padded = (n: number, to: number): number => to * Math.ceil(n / to);
const words = (rows: number, K: number): number => (padded(rows, 16) * K) / 4 + AHEAD * 128;
const COUNTS = { EIGHT: 8, FOUR: 4 };

/**
 * Records columns `column` .. + `K` of x [M, …], f16, as i8, K rounded up to `to`, and gives what lives until the next call of
 * this shape and name.
 */
export function quantizeRows(
  r: Recorder,
  a: { x: Tensor; rows: Dim; column?: number; K?: number; to: number },
  name: string,
): Int8Rows {
  const { x, rows, column = 0 } = a;
  const [M, LD] = x.shape;
  const K = a.K ?? LD;
  if (x.dtype !== 'f16' || K % 32 || LD % 8 || column % 8) throw new Error(`${name}: ${x.label} does not fit`);
  const KP = padded(K, a.to);
  const tiles = r.scratch(`${name} as i8`, 'u32', [words(M, KP)]);
  const scale = r.scratch(`scales of ${name}`, 'f32', [M]);
  r.dispatch({
    label: 'int8 quantize',
    code: quantizeCode({ K, KP, LD, column }, r.gpu.caps.maxInvocations, r.gpu.description.software),
    bindings: [x, tiles, scale, rows],
    grid: () => fold(rows.count),
  });
  return { tiles, scale, K: KP };
}

/** The WGSL of quantizeRows. `loops`: leave the loops as they are. */
export function quantizeCode(
  { K, KP, LD, column }: { K: number; KP: number; LD: number; column: number },
  most: number,
  loops = false,
): string {
  // 32 numbers a thread, 64 of a long row: several workgroups then share a processor, one reading while another computes.
  const T = Math.min(most, padded(KP / 32 / (KP > 8192 ? 2 : 1), 32));
  const constants = { K, KP, LD, COLUMN: column, T, CHUNKS: Math.ceil(KP / 32 / T), ...COUNTS };
  return written(specialise(quantizeSource, { constants, include: [bytes, hadamard] }), constants, loops);
}

/**
 * Measures the scales of int4 weights as i8, which stay with them: once, since they are not trained. `columns`: those of dY W
 * too. Other weights are left as they are.
 */
export async function measureInt8(gpu: Gpu, weights: Iterable<Weight>, columns = false): Promise<void> {
  const r = new Recorder(gpu);
  const software = gpu.description.software;
  for (const weight of weights) {
    if (weight.kind !== 'q4' || !int8Weight(weight)) continue;
    weight.int8 ??= {};
    for (const direction of columns ? (['rows', 'columns'] as const) : (['rows'] as const)) {
      if (weight.int8[direction] || (direction === 'columns' && weight.N % 32)) continue;
      const scale = gpu.tensor(`${weight.words.label}: scales as i8, ${direction}`, 'f32', [
        direction === 'rows' ? weight.N : weight.K,
      ]);
      weight.int8[direction] = scale;
      r.dispatch({
        label: `int8 measure ${direction}`,
        code: weightCode(weight, { direction, KP: 0, measure: true }, software),
        bindings: [weight.words, weight.params, scale],
        grid: [1, direction === 'rows' ? Math.ceil(weight.N / 16) : Math.ceil(weight.K / 64), 1],
      });
    }
  }
  const recording = await r.finish();
  recording.replay();
  await gpu.idle();
  recording.free();
}

/** Whether a weight can be made i8: in its own order, 16 k or more of a row in a group. Pure. */
export const int8Weight = (w: Q4Weight): boolean => !w.perm && w.group % 16 === 0 && w.K % 32 === 0;

/**
 * Records W as i8, [N, K], or Wᵀ, [K, N], the summed index rounded up to `to`, in memory that layers of one shape share: as
 * i8 all layers would take twice what they take as int4. Throws an Error where the scales were not measured.
 */
export function requantize(r: Recorder, weight: Q4Weight, direction: Direction, to: number, name: string): Int8Rows {
  const { N, K, words: source, params, int8 } = weight;
  const scale = int8?.[direction];
  if (!scale) throw new Error(`${source.label}: scales as i8 were not measured`);
  const [rows, sums] = direction === 'rows' ? [N, K] : [K, N];
  const KP = padded(sums, to);
  const tiles = r.scratch(`${name} as i8`, 'u32', [words(rows, KP)]);
  r.dispatch({
    label: `int8 requantize ${direction} ${weight.meta}`,
    code: weightCode(weight, { direction, KP }, r.gpu.description.software),
    bindings: [source, params, scale, tiles],
    grid:
      direction === 'rows'
        ? [Math.ceil(KP / 32 / (THREADS.rows / 16)), Math.ceil(N / 16), 1]
        : [Math.ceil(K / 8 / THREADS.columns), KP / 32, 1],
  });
  return { tiles, scale, K: KP };
}

const THREADS = { rows: 256, columns: 64, measure: 256 };

/** The WGSL of `requantize`, or of what measures its scales. */
export function weightCode(
  { N, K, group, meta }: Q4Shape,
  { direction, KP, measure = false }: { direction: Direction; KP: number; measure?: boolean },
  loops = false,
): string {
  const constants = {
    ...{ N, K, ...(direction === 'rows' ? { KP } : { NP: KP }), MEASURE: measure },
    ...{ GROUP: group, GROUPS: Math.ceil(K / group), ZERO_POINT: meta === 'zero16', WIDE: meta === 'offset32' },
    ...{ T: measure ? THREADS.measure : THREADS[direction], ...COUNTS },
  };
  const source = direction === 'rows' ? rowsSource : columnsSource;
  const include = [bytes, hadamard, weightsSource, measure ? measured : packed];
  return written(specialise(source, { constants, include }), constants, loops);
}

const written = (text: string, counts: Record<string, unknown>, loops: boolean): string =>
  loops ? text : unroll(text, counts);
