/** Attention on subgroup matrices: which shapes it serves, and the text that runs them. Formula: attention.matrix.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import source from './attention.matrix.wgsl' with { type: 'text' };
import type { AttentionShape } from './attention.ts';

/** Queries a workgroup takes, and keys it takes at a time. */
export const MATRIX = { ROWS: 64, KEYS: 32 } as const;

const THREADS = 128;
/** Of workgroup memory: two workgroups that take no more share a processor of an H200 (results/h200/gemm-ceilings.txt). */
const SHARE = 23 * 1024;

/** Bytes of workgroup memory: K and V in one place or two, scores, weights, and `grown`. */
function memoryBytes(D: number, places: number): number {
  const { ROWS, KEYS } = MATRIX;
  const vectors = places * (KEYS * (D / 8 + 1) - 1) + ROWS * (KEYS / 4 + 1) + ROWS * (KEYS / 8 + 1) - 1;
  return 16 * vectors + 4;
}

/** Whether subgroup matrices serve a shape: heads of 32, 64, 96 or 128 channels, whose halves are whole matrices. */
export function matrixFits(caps: Caps, { headDim }: AttentionShape): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  return headDim % 32 === 0 && headDim <= 128 && caps.maxInvocations >= THREADS && caps.maxWorkgroupStorage >= 24576;
}

/** The WGSL for a shape. `loops`: leave the loops over matrices as they are. */
export function matrixCode({ heads, kvHeads, headDim: D }: AttentionShape, loops = false): string {
  const { ROWS, KEYS } = MATRIX;
  const counts = {
    Q_LOADS: (ROWS * D) / 8 / THREADS,
    LOADS: (KEYS * D) / 8 / THREADS,
    FM: 2,
    KD: D / 16,
    FD: D / 32,
    KK: KEYS / 16,
    QUADS: KEYS / 8,
  };
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      H: heads,
      KV: kvHeads,
      D,
      SCALE: float(Math.LOG2E / Math.sqrt(D)),
      ROWS,
      KEYS,
      SHARED: memoryBytes(D, 2) > SHARE,
      ...counts,
    },
  });
  return loops ? text : unroll(text, counts);
}
