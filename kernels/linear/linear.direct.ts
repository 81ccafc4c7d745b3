/** x · Wᵀ on subgroup matrices without staging x: the text of linear.direct.wgsl for a plan. An experiment. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import tilesSource from './linear.direct.tiles.wgsl' with { type: 'text' };
import source from './linear.direct.wgsl' with { type: 'text' };
import direct from './linear.matrix.direct.wgsl' with { type: 'text' };
import offset16 from './linear.matrix.offset16.wgsl' with { type: 'text' };
import offset32 from './linear.matrix.offset32.wgsl' with { type: 'text' };
import q4Source from './linear.matrix.q4.wgsl' with { type: 'text' };
import staged from './linear.matrix.staged.wgsl' with { type: 'text' };
import y4 from './linear.matrix.y4.wgsl' with { type: 'text' };
import zero16 from './linear.matrix.zero16.wgsl' with { type: 'text' };
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';

export type Part = 'x' | 'words' | 'unpack' | 'store' | 'barriers';

export interface DirectPlan {
  BM: number;
  BN: number;
  WM: number;
  WN: number;
  BK: 32 | 64;
  /** Where left matrices come from: x as it lies, x in tiles of 16 x 16, or the stage, as now. */
  x: 'rows' | 'tiles' | 'staged';
  /** What x is declared an array of. */
  element: 'vec4<u32>' | 'vec2<u32>' | 'u32' | 'f16' | 'vec4<f16>';
  /** Sets of left matrices: one is loaded as it is needed, of more all but one are ahead, or as many as `distance` says. */
  LEFT: 1 | 2 | 4;
  distance?: number;
  /** The next left matrices are loaded one a group of multiplications, not all at once. */
  LEFT_SPREAD: boolean;
  /** Right matrices ahead of the one that is multiplied. */
  AHEAD: 0 | 1 | 3 | 4;
  /** int4 unpacked to the stage, or f16 made once: copied to the stage, or loaded as it lies (in rows, in tiles). */
  w: 'q4' | 'f16 staged' | 'f16 rows' | 'f16 tiles';
  BUFFERS: 1 | 2;
  TURNS: 1 | 2;
  DEPTH: 1 | 2;
  unpack: 'before' | 'after' | 'spread';
  /** Words that a thread reads at once, if fewer than there are. */
  words?: 1 | 2;
  LINES: boolean;
  GROUP_M?: number;
  /** Left out, to see what they cost: the results are wrong. */
  without?: readonly Part[];
}

/** Operands that were made before: x in tiles, W as f16. */
export interface Made {
  x?: Tensor;
  w?: Tensor;
}

const HALVES = { 'vec4<u32>': 8, 'vec2<u32>': 4, u32: 2, f16: 1, 'vec4<f16>': 4 };
/** Places for right matrices, by AHEAD. */
const RB = [1, 2, 4, 4, 8];
const threads = (p: DirectPlan) => (p.BM / p.WM) * (p.BN / p.WN) * 32;
const wDirect = (p: DirectPlan) => p.w === 'f16 rows' || p.w === 'f16 tiles';
/** Vectors of one array of the stage. */
function stageVectors(p: DirectPlan): number {
  const step = ((wDirect(p) ? 0 : p.BN) + (p.x === 'staged' ? p.BM : 0)) * (p.BK / 8 + 1);
  // The epilogue's strips, at their narrowest where the stage is what they must fit in.
  const strips = (threads(p) / 32) * 16 * ((wDirect(p) ? 32 : 16) / 4 + 2);
  return Math.max(strips, p.BUFFERS === 2 && p.TURNS === 1 ? 2 * step : step);
}
const stageBytes = (p: DirectPlan) => 16 * stageVectors(p) * (p.BUFFERS === 2 && p.TURNS === 2 ? 2 : 1);

/** Whether a plan can run a shape, and means something. */
export function directFits(caps: Caps, s: LinearShape, p: DirectPlan): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (s.x !== 'f16' || s.kind !== 'q4' || s.group! % 32 || s.N % 4 || s.ldy % 4 || s.column % 4) return false;
  if (s.M < p.BM || s.N < p.BN || s.K % (p.BK * p.TURNS)) return false;
  if (p.x === 'staged' && (p.BUFFERS === 2 || p.element !== 'vec4<u32>')) return false;
  // Matrices ahead of a step's end are found again in the next by their place among the sets.
  if ((p.BK / 16) % p.LEFT || (p.x === 'staged' && p.LEFT === 4)) return false;
  if (p.LINES && p.element !== 'vec4<u32>') return false;
  if (p.DEPTH === 2 && (p.TURNS === 1 || p.unpack !== 'spread')) return false;
  if (wDirect(p) && (p.BUFFERS === 2 || p.x === 'staged')) return false;
  // Right matrices ahead of a step's end are found again in the next by their place among RB.
  if (wDirect(p) && ((p.BK / 16) * (p.WN / 16)) % RB[p.AHEAD]) return false;
  if ((p.x === 'tiles' || p.w === 'f16 tiles') && (s.M % 16 || s.N % 16)) return false;
  return threads(p) <= caps.maxInvocations && stageBytes(p) <= caps.maxWorkgroupStorage;
}

/** The WGSL of a call. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function directCode(a: Linear, s: LinearShape, p: DirectPlan, loops = false): string {
  const T = threads(p);
  if (a.weight.kind !== 'q4') throw new Error('int4 only');
  const { meta, group } = a.weight;
  const q4 = p.w === 'q4';
  const without = (part: Part) => p.without?.includes(part);
  let W_VECTORS = q4 ? (p.words ?? 4) : 1;
  while (W_VECTORS > 1 && ((p.BN * p.BK) / 8 / W_VECTORS) % T) W_VECTORS /= 2;
  const W_PARTS = p.BK / 8 / W_VECTORS;
  const W_LOADS = (p.BN * W_PARTS) / T;
  const whole = s.y === 'f32' && (a.scale ?? 1) === 1;
  const V = 4;
  const strips = (parts: number) => (T / 32) * 16 * (p.WN / parts / 4 + 2);
  const E_PARTS = [1, 2, 3, 4, 5, 6, 8].find(
    (parts) => (p.WN / 16) % parts === 0 && strips(parts) <= stageVectors(p) && p.WN / parts / V <= 32,
  )!;
  const E_ROWS = 2 ** Math.floor(Math.log2((32 * V * E_PARTS) / p.WN));
  const xDirect = p.x !== 'staged';
  const LINE = p.BK / 8 + 1;
  const each = HALVES[p.element];
  const A_K = xDirect ? (p.x === 'tiles' ? 256 : 16) / each : 2;
  const B_K = p.w === 'f16 tiles' ? 32 : 2;
  const AHEAD = p.AHEAD;
  const constants = {
    M: s.M,
    N: s.N,
    K: s.K,
    LDY: s.ldy,
    COLUMN: s.column,
    SCALE: float(a.scale ?? 1),
    ADD: a.add ?? false,
    BIAS: a.bias !== undefined,
    GROUP: group,
    GROUPS: Math.ceil(s.K / group),
    BM: p.BM,
    BN: p.BN,
    BK: p.BK,
    WM: p.WM,
    WN: p.WN,
    LEFT: p.LEFT,
    DISTANCE: p.distance ?? p.LEFT - 1,
    LEFT_SPREAD: p.LEFT_SPREAD,
    AHEAD,
    RB: RB[AHEAD],
    BUFFERS: p.BUFFERS,
    TURNS: p.TURNS,
    DEPTH: p.DEPTH,
    LINES: p.LINES,
    UNPACK: ['before', 'after', 'spread'].indexOf(p.unpack),
    X_DIRECT: xDirect,
    W_DIRECT: wDirect(p),
    FLIP: p.BUFFERS === 2 && p.TURNS === 1 ? p.BN * LINE : 0,
    STAGE: stageVectors(p),
    // Elements between rows, 16 rows, 16 of k; and from step to step, which a stage does not move on by.
    A_ROW: xDirect ? s.K / each : LINE,
    A_16: 16 * (xDirect ? s.K / each : LINE),
    A_LD: xDirect ? (p.x === 'tiles' ? 16 / each : s.K / each) : LINE,
    A_K,
    A_STEP: xDirect ? A_K : 0,
    B_ROW: wDirect(p) ? s.K / 8 : LINE,
    B_16: 16 * (wDirect(p) ? s.K / 8 : LINE),
    B_LD: wDirect(p) ? (p.w === 'f16 tiles' ? 2 : s.K / 8) : LINE,
    B_K,
    B_STEP: wDirect(p) ? B_K : 0,
    GROUP_M: p.GROUP_M ?? 8,
    T,
    PRELOAD: whole && (a.add ?? false),
    DIRECT: whole && !a.bias,
    V,
    W_VECTORS,
    W_PARTS,
    W_LOADS,
    PIECES: W_LOADS * W_VECTORS,
    X_LOADS: Math.max(1, (p.BM * p.BK) / 8 / T),
    KK: p.BK / 16,
    KK_FN: (p.BK / 16) * (p.WN / 16),
    FM: p.WM / 16,
    FN: p.WN / 16,
    EW: p.WN / E_PARTS,
    EN: p.WN / E_PARTS / 16,
    E_PARTS,
    E_ROWS,
    E_STEPS: 16 / E_ROWS,
  };

  const words = (set: string, i: string) => `ws[(${set}) * W_LOADS + ${i}]`;
  const metas = (set: string, i: string) => `ps[(${set}) * W_LOADS + ${i}]`;
  /** Reads load i of a step's words. */
  const read = (set: string, i: string, step: string, first = false) =>
    without('words') && !first
      ? `${words(set, i)} += ${step};`
      : `${words(set, i)} = w[w_from + ${step} * W_PARTS + ${i} * W_STEP * (STEPS * W_PARTS)];` +
        (q4 ? ` ${metas(set, i)} = param(p_from + ${i} * W_STEP * GROUPS, ${step} * BK + pk);` : '');
  /** Unpacks vector c of load i. */
  const unpack = (set: string, i: string, c: string, array: string, at: string) => {
    const q = `${words(set, i)}[${c}]`;
    const value = !q4
      ? words(set, i)
      : without('unpack')
        ? `vec4(${q}, ${q}, ${q} ^ bitcast<vec2<u32>>(vec2<f32>(affine(${metas(set, i)}).a)).x, magic.x)`
        : `weights(${q}, affine(${metas(set, i)}), magic)`;
    return `${array}[w_to + ${at} + ${i} * W_STEP * LINE + ${c}] = ${value};`;
  };
  const overLoads = (text: string) => `for (var i = 0u; i < W_LOADS; i++) { // unroll\n${text}\n}`;
  const overPieces = (text: string) => `for (var q = 0u; q < PIECES; q++) { // unroll\n${text}\n}`;
  const [I, C] = ['q / W_VECTORS', 'q % W_VECTORS'].map((t) => `(${t})`);
  const allPieces = (set: string, array: string, at: string) =>
    without('store') ? '' : overPieces(unpack(set, I, C, array, at));
  const barrier = without('barriers') ? '' : 'workgroupBarrier();';
  const readX = (step: string) =>
    `for (var i = 0u; i < X_LOADS; i++) { // unroll\nxs[i] = x[x_from + ${step} * (BK / 8u) + i * X_STEP * (K / 8u)];\n}`;
  const storeX = 'for (var i = 0u; i < X_LOADS; i++) { // unroll\nstage[x_to + i * X_STEP * LINE] = xs[i];\n}';

  let START = '';
  if (!wDirect(p)) {
    START += overLoads(read('0u', 'i', '0u', true));
    if (p.BUFFERS === 2) {
      START += overPieces(unpack('0u', I, C, 'stage', '0u'));
      if (p.without) START += overPieces(unpack('0u', I, C, p.TURNS === 2 ? 'stage2' : 'stage', 'FLIP'));
      START += overLoads(read(p.DEPTH === 2 ? '1u' : '0u', 'i', 'min(1u, STEPS - 1u)', true));
      START += 'workgroupBarrier();';
    }
    if (!xDirect) START += readX('0u');
  }
  if (p.LINES) START += 'seen = x[line_from + min(1u, STEPS - 1u) * (BK / 8u)].x;';

  /** A step; the stage it multiplies and the one that it unpacks to. */
  const turn = (text: string, TURN: number) => {
    const two = p.BUFFERS === 2 && p.TURNS === 2;
    const now = two && TURN === 1 ? 'stage2' : 'stage';
    const other = two && TURN === 0 ? 'stage2' : 'stage';
    const set = p.DEPTH === 2 ? `${1 - TURN}u` : '0u';
    let [start, among, end] = ['', '', ''];
    if (p.LINES) start += 'sink ^= seen; seen = x[line_from + after * (BK / 8u)].x;\n';
    if (wDirect(p)) {
      // Nothing is staged.
    } else if (p.BUFFERS === 1) {
      start += `${allPieces('0u', 'stage', '0u')}\n${xDirect ? '' : storeX}\n${barrier}\n${overLoads(read('0u', 'i', 'next'))}\n${xDirect ? '' : readX('next')}`;
      end = barrier;
    } else {
      const piece = without('store') ? '' : unpack(set, I, C, other, 'next_at');
      const again = `if (q % W_VECTORS == W_VECTORS - 1u) { ${read(set, I, 'after')} }`;
      if (p.DEPTH === 2) start += overLoads(read(`${TURN}u`, 'i', 'after'));
      if (p.unpack === 'before') start += overPieces(`${piece} ${again}`);
      if (p.unpack === 'after') end += overPieces(`${piece} ${again}`);
      if (p.unpack === 'spread')
        among = overPieces(`if (g == q * KK_FN / PIECES) { ${piece} ${p.DEPTH === 2 ? '' : again} }`);
      end += barrier;
    }
    return text
      .replace('STEP_START', start)
      .replace('AMONG', among)
      .replace('STEP_END', end)
      .replaceAll('STAGE_NOW', now)
      .replaceAll('TURN;', `${TURN}u;`);
  };

  const left = xDirect ? 'x' : 'stage';
  const right = wDirect(p) ? 'w' : 'STAGE_NOW';
  // Left out, matrices of x are loaded once, before the loop.
  const noX = without('x') && xDirect;
  if (noX)
    START += `for (var i = 0u; i < FM; i++) { // unroll\na[i] = LEFT_MATRIX(i, a_from);\na[(LEFT - 1u) * FM + i] = LEFT_MATRIX(i, a_from + A_K);\n}`;
  const parts = source.split('// turn\n');
  if (noX) parts[1] = parts[1].replaceAll(/a\[.*LEFT_MATRIX.*;/g, '');
  const [before, body, after] = parts
    .join('// turn\n')
    .replace(/^ *START\n/m, () => `${START}\n`)
    .replaceAll(/LEFT_MATRIX\(i, (.*)\);/g, (_, at: string) =>
      load('left', 'row_major', left, `${at} + i * A_16`, 'A_LD'),
    )
    .replaceAll(/RIGHT_MATRIX\((.*?), (b_.*)\);/g, (_, j: string, at: string) =>
      load('right', 'col_major', right, `${at} + ${j} * B_16`, 'B_LD'),
    )
    .split('// turn\n');
  const steps = Array.from({ length: p.TURNS }, (_, i) => turn(body, i)).join('\n');
  const text = specialise(`${before.replace('STAGE_NOW', 'stage')}${steps}${after}`, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: {
      X: p.element,
      Y: s.y,
      Sum: 'vec4<f32>',
      Packed: !q4 || W_VECTORS === 4 ? 'vec4<u32>' : W_VECTORS === 2 ? 'vec2<u32>' : 'array<u32, 1>',
      Param: q4 && meta === 'offset32' ? 'vec2<f32>' : 'u32',
    },
    constants,
    include: [...(q4 ? [{ offset16, zero16, offset32 }[meta], q4Source] : []), y4, whole ? direct : staged],
  });
  return loops ? text : unroll(text, constants);
}

const load = (side: string, major: string, array: string, at: string, stride: string) =>
  `subgroupMatrixLoad<subgroup_matrix_${side}<f16, 16, 16>, ${major}>(&${array}, ${at}, ${stride});`;

export function recordDirect(r: Recorder, a: Linear, p: DirectPlan, made: Made, label = 'linear'): void {
  const s = shapeOf(a);
  const { weight, rows } = a;
  if (weight.kind !== 'q4') throw new Error('int4 only');
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  const q4 = p.w === 'q4';
  r.dispatch({
    label: `${label} ${s.kind} direct`,
    code: directCode(a, s, p, r.gpu.description.software),
    bindings: [
      ...[p.x === 'tiles' ? made.x! : a.x, q4 ? weight.words : made.w!, a.y, rows, bias],
      ...(q4 ? [weight.params] : []),
    ],
    grid: () => fold(Math.ceil(rows.count / p.BM) * Math.ceil(s.N / p.BN)),
  });
}

/** Records `to` = x in tiles, or W as f16, in rows or in tiles. */
export function recordMade(r: Recorder, a: Linear, what: 'x' | 'w', tiles: boolean, to: Tensor): void {
  const { x, weight } = a;
  if (weight.kind !== 'q4') throw new Error('int4 only');
  const [ROWS, K] = what === 'x' ? x.shape : [weight.N, weight.K];
  const { meta, group } = weight;
  const eight =
    what === 'x' ? 'src[row * (K / 8u) + v]' : 'weights(src[i], affine(param(row * GROUPS, v * 8u)), magic)';
  const code = specialise(tilesSource.replace('EIGHT(row, v);', `${eight};`), {
    enable: ['f16'],
    alias: {
      From: what === 'x' ? 'vec4<u32>' : 'u32',
      ...(what === 'x' ? {} : { Packed: 'array<u32, 1>', Param: meta === 'offset32' ? 'vec2<f32>' : 'u32' }),
    },
    constants: { ROWS, K, TILES: tiles, GROUP: group, GROUPS: Math.ceil(K / group) },
    include:
      what === 'x'
        ? []
        : [
            { offset16, zero16, offset32 }[meta],
            q4Source.replace('@binding(5)', '@binding(2)').replace(/fn unpack[\s\S]*/, ''),
          ],
  });
  r.dispatch({
    label: `${what} as f16${tiles ? ' in tiles' : ''}`,
    code,
    bindings: [what === 'x' ? x : weight.words, to, ...(what === 'x' ? [] : [weight.params])],
    grid: fold(Math.ceil((ROWS * K) / 8 / 256)),
  });
}
