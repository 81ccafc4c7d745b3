// GGUF's Q4_K super-blocks of 256 -> the packed int4 layout, group 32, f32 scale and offset (offset32), exact.
//
//   raw     144 bytes a super-block: f16 d, f16 dmin, 12 bytes of 6-bit scales and mins, 128 bytes of nibbles;
//           each 32 bytes hold two sub-blocks, the first in the low nibbles
//   words   u32 [.., K / 8];  params u32 [.., 2 K / 32]: bits of d * scale and of -dmin * min
//   bad, dim as in ggml_q4.wgsl. One thread a sub-block of 32. Constants: WG.

@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> params: array<u32>;
@group(0) @binding(3) var<storage, read_write> bad: atomic<u32>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

fn raw8(offset: u32) -> u32 { return (raw[offset / 4u] >> (8u * (offset & 3u))) & 0xffu; }
fn gather(v: u32) -> u32 { return (v & 0xfu) | ((v >> 4u) & 0xf0u) | ((v >> 8u) & 0xf00u) | ((v >> 12u) & 0xf000u); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  let blocks = dim.y / 32u;
  if (i >= dim.x * blocks) { return; }
  let at = i / 8u * 144u;
  let j = i % 8u;
  let d = unpack2x16float(raw[at / 4u]);
  var scale = raw8(at + 4u + j) & 63u;
  var low = raw8(at + 8u + j) & 63u;
  if (j >= 4u) {
    let both = raw8(at + 8u + j);
    scale = (both & 15u) | ((raw8(at + j) >> 6u) << 4u);
    low = (both >> 4u) | ((raw8(at + 4u + j) >> 6u) << 4u);
  }
  let out = dim.z * blocks + i;
  let nibbles = at / 4u + 4u + 8u * (j / 2u);
  let shift = 4u * (j & 1u);
  for (var w = 0u; w < 4u; w++) {
    words[4u * out + w] = gather(raw[nibbles + 2u * w] >> shift) | (gather(raw[nibbles + 2u * w + 1u] >> shift) << 16u);
  }
  params[2u * out] = bitcast<u32>(d.x * f32(scale));
  params[2u * out + 1u] = bitcast<u32>(-d.y * f32(low));
  let bits = raw[at / 4u];
  if ((bits & 0x7c00u) == 0x7c00u || (bits & 0x7c000000u) == 0x7c000000u) { atomicMax(&bad, dim.w); }
}
