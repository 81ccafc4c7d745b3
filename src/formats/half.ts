/** The 16-bit floating-point formats, by their bits: IEEE binary16 (f16) and bfloat16. */

/** The value of f16 bits. */
export function f16ToNumber(bits: number): number {
  return F16[bits & 0xffff];
}

/** All 65,536 values; every one is exact in f32. */
const F16 = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
});

/** The nearest f16 (ties to even) of a number, as bits; beyond 65519.99 infinity, NaN a quiet NaN. */
export function numberToF16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const x = Math.abs(value);
  if (x >= 65520) return sign | 0x7c00;
  if (x < 2 ** -14) return sign | roundToEven(x * 2 ** 24);
  const exponent = exponentOf(x);
  // A mantissa that rounds up to 2048 carries into the exponent, as the addition does.
  return sign | (((exponent + 14) << 10) + roundToEven(x * 2 ** (10 - exponent)));
}

/** The nearest bf16 (ties to even) of an f32, as bits. */
export function numberToBf16(value: number): number {
  SCRATCH_F32[0] = value;
  const bits = SCRATCH_U32[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The value of bf16 bits. */
export function bf16ToNumber(bits: number): number {
  SCRATCH_U32[0] = (bits & 0xffff) << 16;
  return SCRATCH_F32[0];
}

/** The f32 with these bits. */
export function f32FromBits(bits: number): number {
  SCRATCH_U32[0] = bits;
  return SCRATCH_F32[0];
}

/** The bits of the nearest f32. */
export function f32ToBits(value: number): number {
  SCRATCH_F32[0] = value;
  return SCRATCH_U32[0];
}

const SCRATCH_F32 = new Float32Array(1);
const SCRATCH_U32 = new Uint32Array(SCRATCH_F32.buffer);

/** floor(log2(x)) of a normal positive float64, from its exponent field (Math.log2 may round up across a power). */
function exponentOf(x: number): number {
  SCRATCH_F64[0] = x;
  return ((SCRATCH_F64_WORDS[1] >>> 20) & 0x7ff) - 1023;
}

const SCRATCH_F64 = new Float64Array(1);
const SCRATCH_F64_WORDS = new Uint32Array(SCRATCH_F64.buffer);

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
