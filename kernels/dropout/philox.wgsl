// Random bits that are a pure function of a counter and a key: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Nothing is stored between calls, so a backward pass
// asks for the same counter again and gets the forward pass's mask. An include: it has no bindings, no entry point.
//
// A mask's counter is (index / 4, site, step, 0): one block of four words serves four neighbouring elements.
// Its twin on the host is philox.ts.

// The 64-bit product of two words, (high, low): WGSL multiplies into 32 bits only, so halves are multiplied.
fn philox_product(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let cross0 = a0 * b1;
  let cross1 = a1 * b0;
  let carry = ((a0 * b0) >> 16u) + (cross0 & 0xffffu) + (cross1 & 0xffffu);
  return vec2<u32>(a1 * b1 + (cross0 >> 16u) + (cross1 >> 16u) + (carry >> 16u), a * b);
}

// Four random words.
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let p0 = philox_product(0xd2511f53u, c.x);
    let p1 = philox_product(0xcd9e8d57u, c.z);
    c = vec4<u32>(p1.x ^ c.y ^ k.x, p1.y, p0.x ^ c.w ^ k.y, p0.y);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// Whether the elements 4 block .. 4 block + 3 of a site stay: each is dropped with probability threshold / 2^32.
fn keep4(key: vec2<u32>, step: u32, site: u32, block: u32, threshold: u32) -> vec4<bool> {
  return philox(vec4<u32>(block, site, step, 0u), key) >= vec4<u32>(threshold);
}

// Whether one element stays; equal to keep4(..., index / 4, ...)[index % 4].
fn keep(key: vec2<u32>, step: u32, site: u32, index: u32, threshold: u32) -> bool {
  return keep4(key, step, site, index / 4u, threshold)[index % 4u];
}
