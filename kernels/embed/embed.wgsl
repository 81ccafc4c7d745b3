// h[t, :] = table[ids[t], :]
//
//   ids    u32  [T]
//   table  Word [COUNT, C]   rows FIRST .. FIRST + COUNT - 1 of the vocabulary
//   h      f32  [T, C]       the residual stream
//   dim.x  T
//
// A table larger than one binding comes in chunks of rows, one dispatch each: a dispatch writes the rows whose id
// it holds and leaves the others alone. A f16 table is read as u32 pairs, so that no tier needs f16 for it.
// One thread a word: neighbouring threads read neighbouring words of one row.
// Constants: FIRST, COUNT, WORDS (words a row), WG (threads). Aliases: Word (u32, vec2<f32> or f32), Wide (what a
// word holds, in f32). Function: widen(Word) -> Wide.

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> table: array<Word>;
@group(0) @binding(2) var<storage, read_write> h: array<Wide>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let token = index / WORDS;
  if (token >= dim.x) { return; }
  let id = ids[token];
  // An id below FIRST would wrap to a row far beyond COUNT, but say it plainly.
  if (id < FIRST || id - FIRST >= COUNT) { return; }
  h[index] = widen(table[(id - FIRST) * WORDS + index % WORDS]);
}
