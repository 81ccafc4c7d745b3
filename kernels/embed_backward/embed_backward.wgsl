// dtable[ids[u] - FIRST, c] (+)= sum of dh[order[i], c] over i from offsets[u] to offsets[u + 1] - 1
//
//   dh       f32 [T, C]
//   ids      u32 [U]       the distinct ids of the batch
//   offsets  u32 [U + 1]
//   order    u32 [T]       token positions, those of one id together and ascending
//   dtable   f32 [COUNT, C]   rows FIRST .. FIRST + COUNT - 1 of the table's gradient
//   dim.x    U
//
// A scatter turned into a gather: a token that occurs five hundred times would need as many atomic additions, in
// whatever order the GPU likes. Here one thread has one column of one id and adds in the order of the tokens, so the
// same batch gives the same bits; neighbouring threads read neighbouring columns. A table larger than one binding comes
// in chunks, one dispatch each. Bound by memory: dh is read once.
// Constants: FIRST, COUNT, C, BLOCKS (of WG columns in a row), ADD (to what is there, instead of replacing it), WG.

@group(0) @binding(0) var<storage, read> dh: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> dtable: array<f32>;
@group(0) @binding(5) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = wg.x + wg.y * groups.x;
  let u = index / BLOCKS;
  let c = index % BLOCKS * WG + t;
  if (u >= dim.x || c >= C) { return; }
  let id = ids[u];
  if (id < FIRST || id - FIRST >= COUNT) { return; }
  let at = (id - FIRST) * C + c;
  var sum = 0.0;
  for (var i = offsets[u]; i < offsets[u + 1u]; i++) { sum += dh[order[i] * C + c]; }
  if (ADD) { sum += dtable[at]; }
  dtable[at] = sum;
}
