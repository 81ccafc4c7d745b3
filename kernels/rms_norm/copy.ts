/** What both kernels write once more where they are asked to: `put_copy`, or one that does nothing. */
import type { Tensor } from '../../src/gpu/tensor.ts';

/** `type`: the WGSL type of the copy's elements. The text it is included in has the alias X, what is copied. */
export const copyText = (copy: Tensor | undefined, binding: number, type: string): string =>
  copy
    ? `@group(0) @binding(${binding}) var<storage, read_write> copy: array<${type}>;
fn put_copy(at: u32, v: X) { copy[at] = ${type}(v); }
`
    : 'fn put_copy(at: u32, v: X) {}\n';
