/** What a linear layer is asked to do, and the numbers of it that a plan looks at. */
import type { Dim } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { DropoutMask } from './shape.backward.ts';
import type { Lora, Q4Meta, Weight } from './weights.ts';

/**
 * y[m, column + n] (+)= scale · Σk x[m, k] W[n, k] + bias[n] + lora.scale · (d(x) Aᵀ Bᵀ)[m, n], for m < rows.
 * Nothing else of y is touched. Sums are f32 in a fixed order.
 */
export interface Linear {
  /** [M, K], f16 or f32; M is the capacity. */
  x: Tensor;
  weight: Weight;
  /** [M, ldy], f16 or f32 */
  y: Tensor;
  /** How many rows there are, at most M. */
  rows: Dim;
  /** First column of y that is written, default 0: q, k and v share one y. */
  column?: number;
  /** f32 [N] */
  bias?: Tensor;
  /** Adds to what y holds, which must then be f32: the residual stream. */
  add?: boolean;
  /** Multiplies x·Wᵀ before bias and adapter are added, default 1. */
  scale?: number;
  /** An adapter on all of the layer's columns. */
  lora?: Lora;
  /** Masks the x that the adapter sees. */
  dropout?: DropoutMask;
  /** f32 [M, ranks]: where to keep d(x) Aᵀ, for the backward pass. */
  H?: Tensor;
  /** x as tiles.ts leaves it, where that has been made already: for the form that reads it so. */
  xTiles?: Tensor;
  /**
   * For `product` alone: d(x) Aᵀ is in H, f32 [M, ranks], or f16 in tiles where the form reads tiles, and scale · H Bᵀ is to be
   * part of the product's own sums.
   */
  update?: { lora: Lora; H: Tensor };
}

/** The numbers of a Linear that a plan looks at. */
export interface LinearShape {
  /** Most rows there can be. */
  M: number;
  N: number;
  K: number;
  kind: Weight['kind'];
  /** How W is stored: f16 or f32 where it is dense, u32 words of nibbles where it is int4. */
  w: 'f16' | 'f32' | 'u32';
  /** int4: consecutive k that share a scale. */
  group?: number;
  meta?: Q4Meta;
  x: 'f16' | 'f32';
  y: 'f16' | 'f32';
  /** Columns of y, N or more. */
  ldy: number;
  column: number;
  /** Adapters in the product's own sums: their rank and how many columns each one has. */
  update?: { rank: number; widths?: readonly number[] };
}

/** Whether K is made of whole chunks of linear.vector.wgsl. */
export const streams = (s: LinearShape): boolean =>
  s.kind === 'q4' ? s.K % 32 === 0 && s.group! % 32 === 0 : s.K % 4 === 0;

/** What linear.tile.wgsl stages operands as: f16 where neither has more. */
export const stageOf = (s: LinearShape): 'f16' | 'f32' => (s.x === 'f16' && s.w !== 'f32' ? 'f16' : 'f32');

/** Checks that the tensors of a call fit each other, and gives its numbers. Throws an Error that names what does not. */
export function shapeOf(a: Linear): LinearShape {
  const { weight, x, y, column = 0 } = a;
  const { N, K } = weight;
  const [M, columns] = x.shape;
  const [rows, ldy] = y.shape;
  const wrong = (what: string) => new Error(`linear ${x.label} -> ${y.label}: ${what}`);
  if (columns !== K) throw wrong(`x has ${columns} columns and W takes ${K}`);
  if (rows < M) throw wrong(`y has ${rows} rows and x up to ${M}`);
  if (column + N > ldy) throw wrong(`columns ${column} to ${column + N} do not fit y's ${ldy}`);
  if (x.dtype === 'u32' || y.dtype === 'u32') throw wrong('x and y must be f16 or f32');
  const update = a.update && { rank: a.update.lora.r, widths: a.update.lora.widths };
  const common = { M, N, K, x: x.dtype, y: y.dtype, ldy, column, update };
  if (weight.kind === 'dense') return { ...common, kind: 'dense', w: weight.data.dtype };
  if (weight.group % 8) throw wrong(`group ${weight.group} is not a multiple of 8`);
  return { ...common, kind: 'q4', w: 'u32', group: weight.group, meta: weight.meta };
}
