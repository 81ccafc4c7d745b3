// GGUF's Q4_0 and Q4_1 blocks of 32 -> the packed int4 layout, group 32.
//
//   raw     bytes of ROWS rows, each K / 32 blocks: f16 d, (Q4_1: f16 m), 16 bytes; the low nibble of byte j is
//           element j, the high nibble element j + 16
//   words   u32 [.., K / 8]    k = 8 w + i at bits 4 i
//   params  u32 [.., K / 32]   Q4_0: (d, 8) for w = d (q - 8); Q4_1: (d, m) for w = d q + m
//   bad     set to dim.w where a scale is not finite
//   dim     (rows, K, first row in words, number of the tensor)
//
// One thread a block. Constants: Q4_1 (bool), WG.

@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> params: array<u32>;
@group(0) @binding(3) var<storage, read_write> bad: atomic<u32>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

/** 16 bits at an even byte offset. */
fn raw16(offset: u32) -> u32 { return (raw[offset / 4u] >> (8u * (offset & 2u))) & 0xffffu; }
/** 32 bits at an even byte offset. */
fn raw32(offset: u32) -> u32 { return raw16(offset) | (raw16(offset + 2u) << 16u); }

/** The four nibbles at bits 0, 8, 16, 24, moved together. */
fn gather(v: u32) -> u32 { return (v & 0xfu) | ((v >> 4u) & 0xf0u) | ((v >> 8u) & 0xf00u) | ((v >> 12u) & 0xf000u); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  let blocks = dim.y / 32u;
  if (i >= dim.x * blocks) { return; }
  let at = i * select(18u, 20u, Q4_1);
  let d = raw16(at);
  let b = select(0x4800u, raw16(at + 2u), Q4_1); // 0x4800 is 8.0
  let nibbles = at + select(2u, 4u, Q4_1);
  let out = dim.z * blocks + i;
  for (var w = 0u; w < 2u; w++) {
    let lo = raw32(nibbles + 8u * w);
    let hi = raw32(nibbles + 8u * w + 4u);
    words[4u * out + w] = gather(lo) | (gather(hi) << 16u);
    words[4u * out + 2u + w] = gather(lo >> 4u) | (gather(hi >> 4u) << 16u);
  }
  params[out] = d | (b << 16u);
  if ((d & 0x7c00u) == 0x7c00u || (b & 0x7c00u) == 0x7c00u) { atomicMax(&bad, dim.w); }
}
