// int4 weights for linear.tall.wgsl: a thread reads W_VECTORS words of eight nibbles, all of one group, and unpacks them with
// linear.matrix.q4.wgsl, included.
//
//   w       u32 [N, K / 8], 1, 2 or 4 at a time; [K, N / 8] with BY_K
//   params  Param [N, K / GROUP]; [K, N / GROUP] with BY_K

const WIDTH = 8u * W_VECTORS;

@group(0) @binding(1) var<storage, read> w: array<Packed>;

fn read_w(j: u32, n1: u32, step: u32) -> Packed {
  let at = place(j);
  if (BY_K) { return w[(step * BK + at.x) * (N / WIDTH) + n1 / WIDTH + at.y]; }
  return w[(n1 + at.x) * (K / WIDTH) + step * W_PARTS + at.y];
}
fn read_param(j: u32, n1: u32, step: u32) -> Param {
  let at = place(j);
  if (BY_K) { return param((step * BK + at.x) * GROUPS, n1 + at.y * WIDTH); }
  return param((n1 + at.x) * GROUPS, step * BK + at.y * WIDTH);
}
fn halves(words: Packed, p: Param, c: u32, magic: vec2<u32>) -> vec4<u32> { return weights(words[c], affine(p), magic); }
