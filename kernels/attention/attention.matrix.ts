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

/** Queries of a head that a workgroup takes, the tileRows of its Sequences. */
export const MATRIX_ROWS = 64;

/** How a workgroup goes about it: attention.matrix.wgsl has what these mean. */
export interface MatrixForm {
  /** K and V share one place. */
  shared: boolean;
  /** Rounds that K and V are read ahead. */
  ahead: number;
  /** Vectors that a row of scores is longer than they are: 1 or 2. */
  pad: number;
}

/** The form that plans take, as it was measured: LADDER.md. */
export const measuredForm = (D: number): MatrixForm => {
  const apart = { shared: false, ahead: 1, pad: 1 };
  return matrixBytes(D, apart) > SHARE ? { ...apart, shared: true } : apart;
};

/** Bytes of workgroup memory: K and V in one place or two, scores, weights, and `grown`. */
export function matrixBytes(D: number, { shared, pad }: MatrixForm): number {
  const row = KEYS / 4 + pad + KEYS / 8 + 1;
  return 16 * ((shared ? 1 : 2) * (KEYS * (D / 8 + 1) - 1) + MATRIX_ROWS * row - 1) + 4;
}

/** Whether subgroup matrices serve a shape: heads of 32, 64, 96 or 128 channels, whose halves are whole matrices. */
export function matrixFits(caps: Caps, { headDim }: AttentionShape, form = measuredForm(headDim)): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (headDim % 32 || headDim > 128) return false;
  return caps.maxInvocations >= THREADS && caps.maxWorkgroupStorage >= Math.max(24576, matrixBytes(headDim, form));
}

const THREADS = 2 * MATRIX_ROWS;

/** Records a form. */
export function attentionMatrix(r: Recorder, a: Attention, form = measuredForm(a.headDim)): void {
  const { heads, sequences } = a;
  r.dispatch({
    label: 'attention matrix',
    code: matrixCode(a, form, r.gpu.description.software),
    bindings: [a.qkv, sequences.tiles, a.y, sequences.tileCount, ...(a.lse ? [a.lse] : [])],
    grid: () => [heads, sequences.tileCount.count],
  });
}

/** The WGSL for a shape. `loops`: leave the loops over matrices as they are. */
export function matrixCode(
  { heads, kvHeads, headDim: D, lse }: AttentionShape & Pick<Attention, 'lse'>,
  form: MatrixForm,
  loops = false,
): string {
  const LOADS = (KEYS * D) / 8 / THREADS;
  const counts = {
    Q_LOADS: D / 16,
    LOADS,
    AHEAD: form.ahead,
    FM: 2,
    KD: D / 16,
    FD: D / 32,
    KK: KEYS / 16,
    QUADS: KEYS / 8,
  };
  const [before, turn, after] = source.split('// turn\n');
  const turns = Array.from({ length: form.ahead }, (_, i) =>
    turn
      .replaceAll('TURN', `${i}u`)
      .replaceAll('K_REGISTERS', `${((i + 1) % form.ahead) * LOADS}u`)
      .replaceAll('V_REGISTERS', `${i * LOADS}u`),
  );
  const text = specialise([before, ...turns, after].join(''), {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H: heads, KV: kvHeads, D, SCALE: float(Math.LOG2E / Math.sqrt(D)), ROWS: MATRIX_ROWS, KEYS },
      ...{ SHARED: form.shared, PAD: form.pad },
      ...counts,
    },
    include: [lseText(lse)],
  });
  return loops ? text : unroll(text, counts);
}
