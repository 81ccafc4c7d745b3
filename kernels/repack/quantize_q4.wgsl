// f32 rows -> int4, group 32, by each group's minimum and maximum: scale = (max - min) / 15, offset = min, both
// rounded to f16 first; q = round((w - offset) / scale). At most half a scale away from w, plus the offset's rounding.
//
//   x       f32 [rows, K];  words u32 [.., K / 8];  params u32 [.., K / 32], (scale, offset)
//   dim     (rows, K, first row in words, -)
// One thread a group. Constants: WG.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> params: array<u32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  let perRow = dim.y / 32u;
  if (i >= dim.x * perRow) { return; }
  var low = x[32u * i];
  var high = low;
  for (var k = 1u; k < 32u; k++) {
    low = min(low, x[32u * i + k]);
    high = max(high, x[32u * i + k]);
  }
  let packed = pack2x16float(vec2<f32>((high - low) / 15.0, low));
  let ab = unpack2x16float(packed);
  let inverse = select(0.0, 1.0 / ab.x, ab.x > 0.0);
  let out = dim.z * perRow + i;
  for (var w = 0u; w < 4u; w++) {
    var word = 0u;
    for (var k = 0u; k < 8u; k++) {
      let q = clamp(round((x[32u * i + 8u * w + k] - ab.y) * inverse), 0.0, 15.0);
      word |= u32(q) << (4u * k);
    }
    words[4u * out + w] = word;
  }
  params[out] = packed;
}
