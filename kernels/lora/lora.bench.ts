/**
 * The pair of low-rank products of an adapter of rank 32 at the shapes of training, alone, beside the int4 layer it
 * belongs to (compare `linear q4` at the same shape), and backward.
 */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, places, projections, Q4Noise, TOKENS, worst } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { linear } from '../linear/linear.ts';
import { loraBackward } from './lora.backward.ts';
import { lora } from './lora.ts';

const RANK = 32;
const SCALE = 2;
/** So small that an f16 does not overflow, however often such an update is added to it. */
const SMALL_SCALE = 2 ** -7;

type Shape = readonly [name: string, M: number, N: number, K: number];
const SHAPES: readonly Shape[] = [
  ['', 4096, 4096, 4096],
  ...(['0.5B', '7B', '32B'] as const).flatMap((model) =>
    projections(model).map(([name, N, K]): Shape => [name, TOKENS[1], N, K]),
  ),
];
const SOFTWARE: readonly Shape[] = [['', 128, 576, 576]];

export const bench: Bench = (gpu) =>
  (gpu.description.software ? SOFTWARE : SHAPES).flatMap((s) => [pair(gpu, s), withLinear(gpu, s), backward(gpu, s)]);

/** x, A and B, and what the products with them come to. */
class Operands {
  readonly gpu: Gpu;
  readonly x: Noise;
  readonly A: Noise;
  readonly B: Noise;
  readonly K: number;

  constructor(gpu: Gpu, [, M, N, K]: Shape) {
    this.gpu = gpu;
    this.K = K;
    this.x = new Noise(1, M * K, gpu.activation);
    this.A = new Noise(2, RANK * K, 'f32', 1 / Math.sqrt(K));
    this.B = new Noise(3, N * RANK, 'f32');
  }

  /** H[m, j] and the sum of its terms' sizes. */
  H(m: number, j: number): [value: number, size: number] {
    let [value, size] = [0, 0];
    for (let k = 0; k < this.K; k++) {
      const term = this.x.at(m * this.K + k) * this.A.at(j * this.K + k);
      value += term;
      size += Math.abs(term);
    }
    return [value, size];
  }

  /** The update of y[m, n], and the same of sizes. */
  update(m: number, n: number, scale: number): [value: number, size: number] {
    let [value, size] = [0, 0];
    for (let j = 0; j < RANK; j++) {
      const [h, s] = this.H(m, j);
      value += scale * h * this.B.at(n * RANK + j);
      size += Math.abs(scale * s * this.B.at(n * RANK + j));
    }
    return [value, size];
  }

  tensors(M: number, N: number): [x: Tensor, A: Tensor, B: Tensor] {
    const { gpu, K } = this;
    return [this.x.tensor(gpu, 'x', [M, K]), this.A.tensor(gpu, 'A', [RANK, K]), this.B.tensor(gpu, 'B', [N, RANK])];
  }

  /** What a sum of both products may be off by, as a share of its size: A, B and H may be staged in the operands' type. */
  get share(): number {
    return (this.K + RANK + 8) * EPS.f32 + 3 * EPS[this.gpu.activation];
  }
}

const sizeOf = (gpu: Gpu) => (gpu.activation === 'f16' ? 2 : 4);

/** y += scale · x Aᵀ Bᵀ, y being 0 in the run that is checked. */
function pair(gpu: Gpu, shape: Shape): BenchCase {
  const [name, M, N, K] = shape;
  const o = new Operands(gpu, shape);
  let made: Tensor[] = [];
  return {
    kernel: 'lora',
    shape: `${name} M=${M} N=${N} K=${K} r=${RANK}`.trim(),
    bytes: sizeOf(gpu) * M * (K + 2 * N) + 4 * RANK * (N + K + 2 * M),
    flops: 2 * M * RANK * (N + K),
    record(r) {
      const [x, A, B] = o.tensors(M, N);
      const y = gpu.tensor('y', gpu.activation, [M, N]);
      gpu.clear(y);
      made = [y, x, A, B];
      lora(r, { x, lora: { r: RANK, scale: SMALL_SCALE, A, B }, y: made[0], rows: gpu.dim('rows', M) });
    },
    check: () =>
      worst(gpu, made[0], places(M * N, 60), (i) => {
        const [value, size] = o.update(Math.floor(i / N), i % N, SMALL_SCALE);
        return { value, allowed: o.share * size + EPS[gpu.activation] * Math.abs(value) + 2 ** -25 };
      }),
    free: () => gpu.free(...made),
  };
}

/** y = x · Wᵀ + scale · x Aᵀ Bᵀ, W int4. */
function withLinear(gpu: Gpu, shape: Shape): BenchCase {
  const [name, M, N, K] = shape;
  const act = gpu.activation;
  const group = gpu.description.software ? 32 : 128;
  const o = new Operands(gpu, shape);
  let q4: Q4Noise;
  let made: Tensor[] = [];
  return {
    kernel: 'linear q4 with lora',
    shape: `${name} M=${M} N=${N} K=${K} g=${group} r=${RANK}`.trim(),
    bytes: sizeOf(gpu) * M * (K + N) + (N * K) / 2 + (4 * N * K) / group + 4 * RANK * (N + K),
    flops: 2 * M * (N * K + RANK * (N + K)),
    record(r) {
      q4 = new Q4Noise(N, K, group);
      const [x, A, B] = o.tensors(M, N);
      const weight = q4.weight(gpu);
      made = [poisoned(gpu, 'y', act, [M, N]), x, A, B, weight.words, weight.params];
      linear(r, { x, weight, y: made[0], rows: gpu.dim('rows', M), lora: { r: RANK, scale: SCALE, A, B } });
    },
    check: () =>
      worst(gpu, made[0], places(M * N, 60), (i) => {
        const [m, n] = [Math.floor(i / N), i % N];
        let [value, size] = o.update(m, n, SCALE);
        size *= o.share;
        let product = 0;
        for (let k = 0; k < K; k++) {
          const [a, w] = [o.x.at(m * K + k), q4.at(n, k)];
          product += a * w;
          size += Math.abs(a) * (Math.abs(w) + q4.largest) * (EPS[act] + K * EPS.f32);
        }
        value += product;
        // The product is stored before the update is added to it.
        return { value, allowed: size + EPS[act] * (Math.abs(product) + 2 * Math.abs(value)) };
      }),
    free: () => gpu.free(...made),
  };
}

/** Rows of H that are computed here; they stand for the others too, since all of H is as much work as the rest. */
const H_ROWS = 8;

/** dA, dB, and dx added to, with H kept. */
function backward(gpu: Gpu, shape: Shape): BenchCase {
  const [name, M, N, K] = shape;
  const act = gpu.activation;
  const o = new Operands(gpu, shape);
  const dy = new Noise(5, M * N, act);
  const kept = new Float32Array(M * RANK);
  let made: Tensor[] = [];
  /** dH[m, j] and the sum of its terms' sizes. */
  const dH = (m: number, j: number): [value: number, size: number] => {
    let [value, size] = [0, 0];
    for (let n = 0; n < N; n++) {
      const term = SMALL_SCALE * dy.at(m * N + n) * o.B.at(n * RANK + j);
      value += term;
      size += Math.abs(term);
    }
    return [value, size];
  };
  return {
    kernel: 'lora backward',
    shape: `${name} M=${M} N=${N} K=${K} r=${RANK}`.trim(),
    // dy is read for dH and dB, x for dA, dx is added to.
    bytes: sizeOf(gpu) * M * (2 * N + 3 * K) + 4 * RANK * (2 * (N + K) + 4 * M),
    flops: 4 * M * RANK * (N + K),
    record(r) {
      const [x, A, B] = o.tensors(M, N);
      for (let i = 0; i < Math.min(M, H_ROWS) * RANK; i++) kept[i] = o.H(Math.floor(i / RANK), i % RANK)[0];
      for (let i = H_ROWS * RANK; i < M * RANK; i++) kept[i] = kept[i % (H_ROWS * RANK)];
      const H = gpu.upload('H', 'f32', [M, RANK], kept);
      const [dA, dB] = [poisoned(gpu, 'dA', 'f32', [RANK, K]), poisoned(gpu, 'dB', 'f32', [N, RANK])];
      const dx = gpu.tensor('dx', act, [M, K]);
      gpu.clear(dx);
      made = [dA, dB, dx, x, A, B, H, dy.tensor(gpu, 'dy', [M, N])];
      const adapter = { r: RANK, scale: SMALL_SCALE, A, B };
      const rows = gpu.dim('rows', M);
      loraBackward(r, { x, lora: adapter, dy: made[7], rows, dx, dA: { data: dA }, dB: { data: dB }, H });
    },
    async check() {
      const share = 4 * (M + N + 8) * EPS.f32 + 3 * EPS[act];
      // One row of dA, which takes one column of dH in full.
      const j = RANK >> 1;
      const column = Array.from({ length: M }, (_, m) => dH(m, j));
      const row = places(K, 30).map((k) => j * K + k);
      const errors = [
        await worst(gpu, made[0], row, (i) => {
          let [value, size] = [0, 0];
          for (let m = 0; m < M; m++) {
            const x = o.x.at(m * K + (i % K));
            value += column[m][0] * x;
            size += column[m][1] * Math.abs(x);
          }
          return { value, allowed: share * size };
        }),
        await worst(gpu, made[1], places(N * RANK, 60), (i) => {
          let [value, size] = [0, 0];
          for (let m = 0; m < M; m++) {
            const term = SMALL_SCALE * dy.at(m * N + Math.floor(i / RANK)) * kept[m * RANK + (i % RANK)];
            value += term;
            size += Math.abs(term);
          }
          return { value, allowed: share * size };
        }),
        await worst(gpu, made[2], places(M * K, 12), (i) => {
          let [value, size] = [0, 0];
          for (let j = 0; j < RANK; j++) {
            const [h, s] = dH(Math.floor(i / K), j);
            value += h * o.A.at(j * K + (i % K));
            size += s * Math.abs(o.A.at(j * K + (i % K)));
          }
          return { value, allowed: share * size + 2 ** -25 };
        }),
      ];
      return Math.max(...errors);
    },
    free: () => gpu.free(...made),
  };
}
