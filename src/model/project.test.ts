/**
 * Adapters of a projection on subgroup matrices, at a size of which the product is linear.tall.wgsl's: what is recorded, and
 * on a GPU whose workgroup memory holds that product's, also what comes out.
 */
import { expect, test } from 'vitest';
import { dropoutRef } from '../../kernels/dropout/dropout.ref.ts';
import { keyOf } from '../../kernels/dropout/philox.ts';
import { dequantizeRef } from '../../kernels/linear/linear.ref.ts';
import type { Q4Weight } from '../../kernels/linear/weights.ts';
import { describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { Recorder } from '../gpu/recorder.ts';
import { toHalf } from '../half.ts';
import { project } from './decoder.ts';
import type { Projection } from './weights.ts';

const [M, K, r] = [4096, 512, 32];
const WIDTHS = [1024, 512, 512];
const N = 2048;
const ROWS = 4085;
const p = 0.25;
const place = { key: keyOf(9), step: 4, site: 6, p };

interface Case {
  name: string;
  /** Columns of each part, and whether its columns of x are permuted. */
  parts: [N: number, perm?: boolean][];
  /** Columns of each adapter by block. */
  loras: number[][];
  kept: boolean;
  labels: string[];
}

const UP = 'lora B dense matrix';
const CASES: Case[] = [
  {
    ...{ name: 'one part, q, k and v side by side', parts: [[N]], loras: [WIDTHS], kept: true },
    labels: ['lora A dense rows, tiles', 'linear q4 tall'],
  },
  {
    ...{ name: 'one part, no H kept', parts: [[N]], loras: [[N]], kept: false },
    labels: ['lora A dense rows, tiles', 'linear q4 tall'],
  },
  {
    ...{ name: 'one part in act-order', parts: [[N, true]], loras: [[N]], kept: false },
    labels: ['lora A dense rows', 'permute_columns', 'tiles f16', 'linear q4 tall'],
  },
  {
    ...{ name: 'two parts, one adapter', parts: [[1024], [1024]], loras: [WIDTHS], kept: true },
    labels: ['lora A dense rows, tiles', 'linear q4 tall', 'linear q4 tall', UP],
  },
  {
    ...{ name: 'two parts, two adapters', parts: [[1024], [1024]], loras: [[1024], [1024]], kept: false },
    labels: ['lora A dense rows, tiles', 'linear q4 tall', 'linear q4 tall', UP, 'lora A dense rows', UP],
  },
  {
    ...{ name: 'two parts, one in act-order', parts: [[1024, true], [1024]], loras: [[1024], [1024]], kept: false },
    labels: [
      ...['permute_columns', 'tiles f16', 'linear q4 tall', 'tiles f16', 'linear q4 tall'],
      ...['lora A dense rows', UP, 'lora A dense rows', UP],
    ],
  },
];

describeMatrixGpu('a projection with adapters', (gpu, emulated) => {
  test.each(CASES)('$name', async (c) => {
    const g = gpu();
    const { caps } = g;
    const next = uniform(3);
    const x = normal(1, M * K, 'f16');
    const W = new Float64Array(N * K);
    const projection: Projection = { N, K, linears: [], parts: [], loras: [] };
    let column = 0;
    for (const [n, permuted] of c.parts) {
      const words = Uint32Array.from({ length: (n * K) / 8 }, () => next() * 2 ** 32);
      const params = Uint32Array.from({ length: (n * K) / 32 }, () => {
        const a = ((0.5 + next()) * 0.2) / Math.sqrt(K);
        return (toHalf(a) | (toHalf(-7.5 * a) << 16)) >>> 0;
      });
      // Columns back to front.
      const perm = Uint32Array.from({ length: K }, (_, k) => K - 1 - k);
      const own = dequantizeRef(words, params, n, K, 32, 'offset16');
      for (let i = 0; i < n * K; i++) W[column * K + (permuted ? i - (i % K) + perm[i % K] : i)] = own[i];
      const weight: Q4Weight = {
        ...{ kind: 'q4', N: n, K, group: 32, meta: 'offset16' },
        words: g.upload('words', 'u32', [n, K / 8], words),
        params: g.upload('params', 'u32', [n, K / 32], params),
        perm: permuted ? g.upload('perm', 'u32', [K], perm) : undefined,
      };
      projection.parts.push({ column, weight });
      column += n;
    }
    const adapters = c.loras.map((widths, i) => ({
      widths,
      A: normal(10 + i, widths.length * r * K, 'f32', K ** -0.5),
      B: normal(20 + i, widths.reduce((a, b) => a + b) * r, 'f32', 0.2),
    }));
    column = 0;
    for (const [i, { widths, A, B }] of adapters.entries()) {
      const n = B.length / r;
      const matrices = { A: toGpu(g, 'A', 'f32', [A.length / K, K], A), B: toGpu(g, 'B', 'f32', [n, r], B) };
      const several = widths.length > 1 ? widths : undefined;
      projection.loras.push({ column, site: place.site + i, lora: { r, scale: 2, ...matrices, widths: several } });
      column += n;
    }
    const y = poisoned(g, 'y', 'f16', [M, N]);
    const recorder = new Recorder(g);
    const held = { ...caps };
    // The plans are an H200's, whatever runs this.
    Object.assign(caps, H200);
    project(recorder, projection, {
      ...{ x: toGpu(g, 'x', 'f16', [M, K], x), y, rows: g.dim('rows', ROWS) },
      dropout: { p, state: g.dim('state', ...place.key, place.step) },
      H: c.kept ? (_, ranks) => poisoned(g, 'H', 'f32', [M, ranks]) : undefined,
    });
    Object.assign(caps, held);
    expect(recorder.dispatches.map((d) => d.label)).toEqual(c.labels);
    if (emulated) return;

    const recording = await recorder.finish();
    recording.replay();
    const got = await fromGpu(g, y);
    const mask = dropoutRef(new Float64Array(M * K).fill(1), place);
    const [values, expected, atol] = [[], [], []] as number[][];
    for (const m of [0, 47, 48, 1000, 2047, 3311, ROWS - 1]) {
      const hidden = adapters.map(({ A }) =>
        Array.from({ length: A.length / K }, (_, j) => {
          let [sum, size] = [0, 0];
          for (let k = 0; k < K; k++) {
            const term = x[m * K + k] * mask[m * K + k] * A[j * K + k];
            sum += term;
            size += Math.abs(term);
          }
          return [sum, size];
        }),
      );
      for (let n = 0; n < N; n++) {
        let [sum, size, update, updateSize, first] = [0, 0, 0, 0, 0];
        for (let k = 0; k < K; k++) {
          sum += x[m * K + k] * W[n * K + k];
          size += Math.abs(x[m * K + k] * W[n * K + k]);
        }
        for (const [i, { B, widths }] of adapters.entries()) {
          const own = n - first;
          first += B.length / r;
          if (own < 0 || own >= B.length / r) continue;
          let block = 0;
          for (let edge = widths[0]; own >= edge; edge += widths[++block]);
          for (let j = 0; j < r; j++) {
            const [h, s] = hidden[i][block * r + j];
            update += 2 * h * B[own * r + j];
            updateSize += Math.abs(2 * s * B[own * r + j]);
          }
        }
        values.push(got[m * N + n]);
        expected.push(sum + update);
        // As in linear.tall.test.ts; A and H are rounded too, and y is once more where the update is added to it.
        const share = (K + r + 16) * EPS.f32;
        atol.push(size * (share + 4 * EPS.f16) + updateSize * (share + 3.01 * EPS.f16) + EPS.f16 * Math.abs(sum));
      }
    }
    expectClose(values, expected, EPS.f16, atol);
    for (const at of [ROWS * N, M * N - 1]) expect(got[at]).toBeNaN();
  });
});
