/** Attention on subgroup matrices: which shapes it serves, and the text that runs them. Formula: attention.matrix.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import source from './attention.matrix.wgsl' with { type: 'text' };
import type { Attention, AttentionShape } from './attention.ts';
import { lseText } from './lse.ts';

/** Keys a workgroup takes at a time. */
const KEYS = 32;

/** Of workgroup memory: two workgroups that take no more share a processor of an H200 (results/h200/occupancy.txt). */
const SHARE = 24 * 1024;

/** Queries of a head that a workgroup takes. */
export const MATRIX_ROWS = 64;

/** Whether K and V share one place in workgroup memory: where two, with scores and weights, would be more than SHARE. */
export function matrixShares(D: number): boolean {
  const row = KEYS / 4 + 2 + KEYS / 8 + 1;
  return 16 * (2 * (KEYS * (D / 8 + 1) - 1) + MATRIX_ROWS * row - 1) + 4 > SHARE;
}

/** Whether subgroup matrices serve a shape: heads of 32, 64, 96 or 128 channels, whose halves are whole matrices. */
export function matrixFits(caps: Caps, { headDim }: AttentionShape): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (headDim % 32 || headDim > 128) return false;
  return caps.maxInvocations >= THREADS && caps.maxWorkgroupStorage >= SHARE;
}

const THREADS = 2 * MATRIX_ROWS;

/** Records a call that fits. */
export function attentionMatrix(r: Recorder, a: Attention): void {
  const { list, count } = a.sequences.tiles({ rows: MATRIX_ROWS });
  r.dispatch({
    label: 'attention matrix',
    code: matrixCode(a, r.gpu.description.software),
    bindings: [a.qkv, list, a.y, count, ...(a.lse ? [a.lse] : [])],
    grid: () => [a.heads, count.count],
  });
}

/** The WGSL for a shape. `loops`: leave the loops over matrices as they are. */
export function matrixCode(
  { heads, kvHeads, headDim: D, lse }: AttentionShape & Pick<Attention, 'lse'>,
  loops = false,
): string {
  const LOADS = (KEYS * D) / 8 / THREADS;
  const counts = {
    Q_LOADS: D / 16,
    LOADS,
    FM: 2,
    KD: D / 16,
    FD: D / 32,
    KK: KEYS / 16,
    QUADS: KEYS / 8,
  };
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H: heads, KV: kvHeads, D, SCALE: float(Math.LOG2E / Math.sqrt(D)), ROWS: MATRIX_ROWS, KEYS },
      SHARED: matrixShares(D),
      ...counts,
    },
    include: [lseText(lse)],
  });
  return loops ? text : unroll(text, counts);
}
