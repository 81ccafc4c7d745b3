/** Random operands of a linear layer's shape. Blocks of a prime length repeat, so that no row meets its neighbour's numbers. */
import type { Linear, LinearShape } from '../../kernels/linear/linear.types.ts';
import type { DenseWeight, Weight } from '../../kernels/linear/weights.ts';
import { uniform } from '../data/random.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { DType, Tensor } from '../gpu/tensor.ts';
import { toHalf } from '../half.ts';

const BLOCK = 65521;

export class Operands {
  /** One call for each weight, all into one y. */
  readonly calls: readonly Linear[];
  readonly #gpu: Gpu;
  readonly #shape: LinearShape;
  readonly #made: Tensor[] = [];

  /** `weights`: how many W there are, for calls that are not to find theirs in a cache. Throws a UserError where one binding cannot hold an operand. */
  constructor(gpu: Gpu, s: LinearShape, weights: number) {
    this.#gpu = gpu;
    this.#shape = s;
    try {
      const x = this.#tensor('x', s.x, [s.M, s.K], floats(s.x, 1));
      const y = this.#tensor('y', s.y, [s.M, s.ldy], this.poison);
      const update = s.update && this.#update(s.update);
      // An f32 y may be the residual stream, which is added to. A shape does not say: the costlier of the two is timed.
      const common = { x, y, rows: gpu.dim('rows', s.M), column: s.column, add: s.y === 'f32', update };
      this.calls = Array.from({ length: weights }, () => ({ ...common, weight: this.#weight() }));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** What y is to hold before a call: NaN where it is written, numbers where it is added to. */
  get poison(): Uint32Array {
    return this.#shape.y === 'f32' ? floats('f32', 1) : Uint32Array.of(0xffffffff);
  }

  free(): void {
    this.#gpu.free(...this.#made);
  }

  #tensor(label: string, dtype: DType, shape: readonly number[], block: Uint32Array): Tensor {
    const t = this.#gpu.tensor(label, dtype, shape);
    this.#made.push(t);
    fill(this.#gpu, t, block);
    return t;
  }

  /** W of a deviation that keeps sums near one. */
  #weight(): Weight {
    const { N, K, kind, w, group = K, meta = 'offset16' } = this.#shape;
    if (kind === 'dense') {
      const dtype = w === 'f16' ? 'f16' : 'f32';
      const data = this.#tensor('W', dtype, [N, K], floats(dtype, 1 / Math.sqrt(K))) as DenseWeight['data'];
      return { kind, N, K, data };
    }
    const next = uniform(2);
    const nibbles = Uint32Array.from({ length: BLOCK }, () => next() * 2 ** 32);
    const words = this.#tensor('words', 'u32', [N, Math.ceil(K / 8)], nibbles);
    const width = Math.ceil(K / group) * (meta === 'offset32' ? 2 : 1);
    const params = this.#tensor('params', 'u32', [N, width], groups(meta, 0.2 / Math.sqrt(K)));
    return { kind, N, K, group, meta, words, params };
  }

  /** An adapter's H and B; its A, which has made H, is no operand. */
  #update({ rank, widths }: NonNullable<LinearShape['update']>): Linear['update'] {
    const { M, N } = this.#shape;
    const ranks = rank * (widths?.length ?? 1);
    const H = this.#tensor('H', 'f32', [M, ranks], floats('f32', 1));
    const B = this.#tensor('B', 'f32', [N, rank], floats('f32', 1 / Math.sqrt(ranks)));
    return { H, lora: { r: rank, scale: 1, A: B, B, widths } };
  }
}

/** Fills a tensor with words that repeat. */
export function fill(gpu: Gpu, t: Tensor, block: Uint32Array): void {
  const total = t.bytes / 4;
  // Few large writes: a poison of one word would be as many as there are words.
  const many = new Uint32Array(Math.min(total, block.length * Math.ceil(2 ** 18 / block.length)));
  for (let i = 0; i < many.length; i += block.length) many.set(block.subarray(0, many.length - i), i);
  for (let at = 0; at < total; at += many.length) gpu.write(t, many.subarray(0, total - at), 4 * at);
}

const blocks = new Map<string, Uint32Array>();

/** Normal numbers, two to a word where they are halves. */
function floats(dtype: 'f16' | 'f32', deviation: number): Uint32Array {
  const key = `${dtype} ${deviation}`;
  const known = blocks.get(key);
  if (known) return known;
  const next = uniform(1);
  const normal = () => deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const made =
    dtype === 'f32'
      ? new Uint32Array(Float32Array.from({ length: BLOCK }, normal).buffer)
      : Uint32Array.from({ length: BLOCK }, () => toHalf(normal()) + toHalf(normal()) * 65536);
  blocks.set(key, made);
  return made;
}

/** Scales about `size`, and offsets that put the middle of the nibbles near zero. */
function groups(meta: 'offset16' | 'zero16' | 'offset32', size: number): Uint32Array {
  const next = uniform(3);
  const scale = () => (0.75 + 0.5 * next()) * size;
  if (meta === 'offset32') {
    const pairs = Array.from({ length: BLOCK }, scale).flatMap((a) => [a, -a * (6 + 3 * next())]);
    return new Uint32Array(Float32Array.from(pairs).buffer);
  }
  return Uint32Array.from({ length: BLOCK }, () => {
    const a = scale();
    const b = meta === 'zero16' ? 6 + Math.floor(4 * next()) : -a * (6 + 3 * next());
    return toHalf(a) + toHalf(b) * 65536;
  });
}
