import { describe, expect, test } from 'vitest';
import { DIRECT } from '../../scripts/device/gemm.plans.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { toHalf } from '../../src/half.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { type DirectPlan, directCode, directFits, type Part, recordDirect, recordMade } from './linear.direct.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';

/** Every plan at a small size: few numbers a lane, so that a CPU runs them. */
function small(p: DirectPlan): DirectPlan {
  const by = p.AHEAD === 4 ? 1 : 2;
  return { ...p, BM: (p.BM / p.WM) * 16, BN: p.BN / by, WM: 16, WN: p.WN / by };
}

describeMatrixGpu('linear direct', (gpu) => {
  test.each(DIRECT)('%s', async (_, plan) => {
    const p = small(plan);
    const g = gpu();
    const [M, N, K, rows] = [144, 144, 256, 139];
    const x = normal(1, M * K, 'f16');
    const next = uniform(3);
    const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
    const groups = N * (K / 32);
    const a = Array.from({ length: groups }, () => (0.05 + next()) * 0.2);
    const params = Uint32Array.from(a, (s) => toHalf(s) + toHalf(-s * 15 * next()) * 65536);
    const W = dequantizeRef(words, params, N, K, 32, 'offset16');
    const call: Linear = {
      x: toGpu(g, 'x', 'f16', [M, K], x),
      weight: {
        kind: 'q4',
        N,
        K,
        group: 32,
        meta: 'offset16',
        words: g.upload('words', 'u32', [N, K / 8], words),
        params: g.upload('params', 'u32', [params.length], params),
      },
      y: poisoned(g, 'y', 'f16', [M, N]),
      rows: g.dim('rows', rows),
    };
    expect(directFits(g.caps, shapeOf(call), p)).toBe(true);
    const r = new Recorder(g);
    const made = { x: poisoned(g, 'x made', 'f16', [M, K]), w: poisoned(g, 'w made', 'f16', [N, K]) };
    recordMade(r, call, 'x', true, made.x);
    recordMade(r, call, 'w', p.w === 'f16 tiles', made.w);
    recordDirect(r, call, p, made);
    (await r.finish()).replay();
    const got = await fromGpu(g, call.y);
    const sums = linearRef(x, W, M, N, K, {});
    const sizes = linearRef(x.map(Math.abs), W.map(Math.abs), M, N, K, {});
    const poison = (v: number) => (Number.isNaN(v) ? 1e6 : v);
    const written = Array.from({ length: M * N }, (_, i) => i < rows * N);
    expectClose(
      got.map(poison),
      written.map((w, i) => (w ? sums[i] : 1e6)),
      EPS.f16,
      written.map((w, i) => (w ? sizes[i] * (4 * EPS.f16 + (K + 8) * EPS.f32) : 0)),
    );
  });
});

describe('direct', () => {
  test.skipIf('Deno' in globalThis)('every plan compiles, written out and with parts left out', async () => {
    const s = { ...{ M: 4096, N: 4096, K: 4096, kind: 'q4', w: 'u32', x: 'f16', y: 'f16' }, ldy: 4096, column: 0 };
    const texts: string[] = [];
    const call = (meta: string) => ({ weight: { kind: 'q4', meta, group: 32 } }) as unknown as Linear;
    for (const [i, [name, p]] of DIRECT.entries()) {
      expect(directFits(H200, { ...s, group: 32 } as LinearShape, p), name).toBe(true);
      texts.push(directCode(call(['offset16', 'zero16', 'offset32'][i % 3]), s as LinearShape, p));
    }
    const parts: Part[][] = [['x'], ['words'], ['unpack'], ['store'], ['barriers'], ['x', 'words', 'unpack', 'store']];
    for (const without of parts)
      for (const [, p] of DIRECT.slice(0, 5))
        texts.push(directCode(call('offset16'), s as LinearShape, { ...p, without }));
    await compileAll(texts);
  });
});
