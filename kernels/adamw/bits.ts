/** f32 numbers in a Dim, whose four fields are u32: kernels take them back with bitcast. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The bits of `x` rounded to f32. */
export function floatBits(x: number): number {
  f32[0] = x;
  return u32[0];
}
