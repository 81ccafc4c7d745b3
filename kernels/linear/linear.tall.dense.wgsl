// f16 weights for linear.tall.wgsl: a thread reads eight at a time and stages them as they are.
//
//   w   f16 [N, K]; [K, N] with BY_K

@group(0) @binding(1) var<storage, read> w: array<vec4<u32>>;

alias Packed = vec4<u32>;
alias Param = u32;

fn read_w(j: u32, n1: u32, step: u32) -> vec4<u32> {
  let at = place(j);
  if (BY_K) { return w[(step * BK + at.x) * (N / 8u) + n1 / 8u + at.y]; }
  return w[(n1 + at.x) * (K / 8u) + step * W_PARTS + at.y];
}
fn read_param(j: u32, n1: u32, step: u32) -> u32 { return 0u; }
fn halves(w: vec4<u32>, p: u32, c: u32, magic: vec2<u32>) -> vec4<u32> { return w; }
