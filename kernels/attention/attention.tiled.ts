/** Attention on subgroup matrices, K and V loaded from tiles: the text that runs it. Formula: attention.tiled.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { tiles } from '../linear/tiles.ts';
import source from './attention.tiled.wgsl' with { type: 'text' };
import type { Attention, AttentionShape } from './attention.ts';
import { lseText } from './lse.ts';

/** How a workgroup goes about it: attention.tiled.wgsl has what these mean. */
export interface TiledForm {
  /** Queries of a head that a workgroup takes, the tileRows of its Sequences: 32 or 64. */
  rows: number;
  /** Heads of a group that a workgroup takes. */
  heads: number;
  /** How many matrices K and V are loaded ahead. */
  kAhead: number;
  vAhead: number;
}

const threads = ({ rows, heads }: TiledForm) => 2 * rows * heads;

/** Bytes of workgroup memory. */
export const tiledBytes = (D: number, { rows, heads }: TiledForm): number =>
  16 * heads * rows * Math.max(14, D / 16 + 1) + 4;

/** Whether a form can run a shape: heads of 32, 64, 96 or 128 channels, whose halves are whole matrices. */
export function tiledFits(caps: Caps, { headDim: D }: AttentionShape, form: TiledForm): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (D % 32 || D > 128 || form.kAhead > D / 16 || form.vAhead > D / 16) return false;
  return caps.maxInvocations >= threads(form) && caps.maxWorkgroupStorage >= tiledBytes(D, form);
}

/** Records a form: K and V into tiles, then attention. */
export function attentionTiled(r: Recorder, a: Attention, form: TiledForm): void {
  const { heads, kvHeads, headDim, sequences } = a;
  const column = heads * headDim;
  const kv = tiles(r, { x: a.qkv, rows: sequences.tokens, column, K: 2 * kvHeads * headDim }, 'k, v in tiles');
  r.dispatch({
    label: 'attention tiled',
    code: tiledCode(a, form, r.gpu.description.software),
    bindings: [a.qkv, sequences.tiles, a.y, sequences.tileCount, ...(a.lse ? [a.lse] : []), kv],
    grid: () => [kvHeads * Math.ceil(heads / kvHeads / form.heads), sequences.tileCount.count],
  });
}

/** The WGSL for a shape. `loops`: leave the loops over matrices as they are. */
export function tiledCode(
  { heads, kvHeads, headDim: D, lse }: AttentionShape & Pick<Attention, 'lse'>,
  form: TiledForm,
  loops = false,
): string {
  const counts = {
    ...{ HALVES: 2, Q_LOADS: D / 32, QUADS: 4, FM: 2, KD: D / 16, KD_2: D / 32, FD: D / 32, KK: 2, KK_FD: D / 16 },
    ...{ K_AHEAD: form.kAhead, V_AHEAD: form.vAhead },
  };
  const [before, scores, after] = source.split('  // scores\n');
  const text = specialise(before + scores + after.replace('    // next scores\n', scores), {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H: heads, KV: kvHeads, D, SCALE: float(Math.LOG2E / Math.sqrt(D)), ROWS: form.rows, HEADS: form.heads },
      KV_BINDING: lse ? 5 : 4,
      ...counts,
    },
    include: [lseText(lse)],
  });
  return loops ? text : unroll(text, counts);
}
