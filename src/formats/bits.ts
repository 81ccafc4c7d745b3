/** bfloat16, and numbers by the bits of their f32; binary16 is in ../half.ts. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The f32 with these bits. */
export function f32FromBits(bits: number): number {
  u32[0] = bits;
  return f32[0];
}

/** The bits of the nearest f32. */
export function f32ToBits(value: number): number {
  f32[0] = value;
  return u32[0];
}

/** The value of bf16 bits, exact. */
export function fromBf16(bits: number): number {
  return f32FromBits(bits << 16);
}

/** The nearest bf16 (ties to even) of an f32, as bits; overflow gives infinity. */
export function toBf16(value: number): number {
  const bits = f32ToBits(value);
  // Rounding could carry a NaN's last bits away and leave infinity.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
