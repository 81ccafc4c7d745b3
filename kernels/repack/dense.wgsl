// Weights of any stored kind -> f16 or f32, row-major: embeddings, and linears that are not int4.
//
//   raw     rows of F32, F16, BF16, or of blocks: Q8_0 (34 bytes for 32: f16 d, 32 i8), Q6_K (210 bytes for 256:
//           128 bytes of low nibbles, 64 of high pairs, 16 i8 scales, f16 d), Q4_0 and Q4_1 (ggml_q4.wgsl), Q4_K (q4_k.wgsl)
//   y       u32 [.., K / 2] two f16 a word, or f32 bits [.., K]
//   bad     set to dim.w where a value is not finite, or beyond f16's range with y in f16
//   dim     (rows, K (even), first row in y, number of the tensor)
// One thread two values. Constants: SOURCE (0 F32, 1 F16, 2 BF16, 3 Q8_0, 4 Q6_K, 5 Q4_0, 6 Q4_1, 7 Q4_K),
// TO_F16 (bool), WG.

@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> bad: atomic<u32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

fn raw8(offset: u32) -> u32 { return (raw[offset / 4u] >> (8u * (offset & 3u))) & 0xffu; }
fn raw_i8(offset: u32) -> f32 { return f32(i32(raw8(offset) << 24u) >> 24u); }
fn raw_f16(offset: u32) -> f32 { return unpack2x16float(raw8(offset) | (raw8(offset + 1u) << 8u)).x; }

fn q8_0(i: u32) -> f32 {
  let at = i / 32u * 34u;
  return raw_f16(at) * raw_i8(at + 2u + i % 32u);
}

fn q6_k(i: u32) -> f32 {
  let at = i / 256u * 210u;
  let half = (i % 256u) / 128u; // each half: 64 low bytes, 32 high bytes, 8 scales
  let r = i % 128u;             // r / 32 picks the nibble of the low byte and the pair of the high byte
  let low = (raw8(at + 64u * half + r % 64u) >> (4u * (r / 64u))) & 0xfu;
  let high = (raw8(at + 128u + 32u * half + r % 32u) >> (2u * (r / 32u))) & 3u;
  let scale = raw_i8(at + 192u + 8u * half + r / 16u);
  return raw_f16(at + 208u) * scale * (f32(low | (high << 4u)) - 32.0);
}

/** Byte j of a block of 32 holds element j in its low nibble and element j + 16 in its high one. */
fn nibble(bytes: u32, i: u32) -> f32 { return f32((raw8(bytes + i % 16u) >> (4u * (i % 32u / 16u))) & 0xfu); }

fn q4_0(i: u32) -> f32 {
  let at = i / 32u * 18u;
  return raw_f16(at) * (nibble(at + 2u, i) - 8.0);
}

fn q4_1(i: u32) -> f32 {
  let at = i / 32u * 20u;
  return raw_f16(at) * nibble(at + 4u, i) + raw_f16(at + 2u);
}

fn q4_k(i: u32) -> f32 {
  let at = i / 256u * 144u;
  let j = i % 256u / 32u; // two sub-blocks share 32 bytes, the even one has the low nibbles
  var scale = raw8(at + 4u + j) & 63u;
  var low = raw8(at + 8u + j) & 63u;
  if (j >= 4u) {
    let both = raw8(at + 8u + j);
    scale = (both & 15u) | ((raw8(at + j) >> 6u) << 4u);
    low = (both >> 4u) | ((raw8(at + 4u + j) >> 6u) << 4u);
  }
  let q = f32((raw8(at + 16u + 32u * (j / 2u) + i % 32u) >> (4u * (j & 1u))) & 0xfu);
  return raw_f16(at) * f32(scale) * q - raw_f16(at + 2u) * f32(low);
}

fn value(i: u32) -> f32 {
  switch SOURCE {
    case 0u: { return bitcast<f32>(raw[i]); }
    case 2u: { return bitcast<f32>(((raw[i / 2u] >> (16u * (i & 1u))) & 0xffffu) << 16u); }
    case 3u: { return q8_0(i); }
    case 4u: { return q6_k(i); }
    case 5u: { return q4_0(i); }
    case 6u: { return q4_1(i); }
    case 7u: { return q4_k(i); }
    default: { return raw_f16(2u * i); }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let id = (wg.x + wg.y * groups.x) * WG + t;
  let pairs = dim.y / 2u;
  if (id >= dim.x * pairs) { return; }
  let out = dim.z * pairs + id;
  let v = vec2<f32>(value(2u * id), value(2u * id + 1u));
  // By exponent, since a compiler may assume that no float is NaN.
  let exponents = bitcast<vec2<u32>>(v) & vec2<u32>(0x7f800000u);
  if (any(exponents == vec2<u32>(0x7f800000u))) { atomicMax(&bad, dim.w); }
  if (TO_F16) {
    if (any(abs(v) > vec2<f32>(65504.0))) { atomicMax(&bad, dim.w); }
    // Halves are copied as bits: converting could flush the subnormal ones.
    y[out] = select(pack2x16float(clamp(v, vec2<f32>(-65504.0), vec2<f32>(65504.0))), raw[id], SOURCE == 1u);
  } else {
    y[2u * out] = bitcast<u32>(v.x);
    y[2u * out + 1u] = bitcast<u32>(v.y);
  }
}
