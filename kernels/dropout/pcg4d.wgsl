// Random bits that are a pure function of where they are asked for: the hash pcg4d (Jarzynski and Olano, "Hash functions
// for GPU rendering", JCGT 9:3, 2020), four words to four words. Nothing is stored between calls, so a backward pass asks
// at the same place again and gets the forward pass's mask. An include: it has no bindings, no entry point.
//
// The place is (index / 4, site, step, seed): one block of four words serves four neighbouring elements. Twenty
// multiply-adds a block, where Philox 4x32-10 takes some three hundred instructions in WGSL, which has no 64-bit
// product: on an H200 that was half of a whole LoRA step. Its twin on the host is mask.ts.

// Four random words.
fn pcg4d(place: vec4<u32>) -> vec4<u32> {
  var v = place * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

// Whether the elements 4 block .. 4 block + 3 of a site stay: each is dropped with probability threshold / 2^32.
fn keep4(key: vec2<u32>, step: u32, site: u32, block: u32, threshold: u32) -> vec4<bool> {
  return pcg4d(vec4<u32>(block, site ^ (key.y * 0x9e3779b9u), step, key.x)) >= vec4<u32>(threshold);
}

// Whether one element stays; equal to keep4(..., index / 4, ...)[index % 4].
fn keep(key: vec2<u32>, step: u32, site: u32, index: u32, threshold: u32) -> bool {
  return keep4(key, step, site, index / 4u, threshold)[index % 4u];
}
