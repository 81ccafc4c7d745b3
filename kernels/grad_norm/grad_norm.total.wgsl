// stats = (norm of the gradients without their loss scale,
//          1 if every element is finite and the norm too, else 0,
//          the factor that takes the scale off and clips: inverse * min(1, limit / (norm + 1e-6)),
//          how many elements are not finite)                   (clipping as torch.nn.utils.clip_grad_norm_)
//
//   partial  vec2<f32> [PARTIALS]   (sum of squares, elements that are not finite), from grad_norm.wgsl
//   stats    f32 [4]
//   dim.x    f32 bits of the loss scale: inverse is 1 / dim.x
//   dim.y    f32 bits of the norm to clip to, 0 for no clipping
//
// One workgroup; fixed order. Constants: PARTIALS, WG (threads, a power of two).

@group(0) @binding(0) var<storage, read> partial: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

const EXPONENT = 0x7f800000u;
var<workgroup> sums: array<vec2<f32>, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) t: u32) {
  var sum = vec2<f32>(0.0);
  for (var i = t; i < PARTIALS; i += WG) { sum += partial[i]; }
  sums[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { sums[t] += sums[t + half]; }
    workgroupBarrier();
  }
  if (t > 0u) { return; }

  let inverse = 1.0 / bitcast<f32>(dim.x);
  let limit = bitcast<f32>(dim.y);
  let finite = sums[0].y == 0.0 && (bitcast<u32>(sums[0].x) & EXPONENT) != EXPONENT;
  let norm = sqrt(sums[0].x);
  stats[0] = norm;
  stats[1] = select(0.0, 1.0, finite);
  stats[2] = inverse * select(1.0, min(1.0, limit / (norm + 1e-6)), limit > 0.0);
  stats[3] = sums[0].y;
}
