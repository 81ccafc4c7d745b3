// p -= decay p;  m += GAIN1 (g - m);  v += GAIN2 (g^2 - v);  p -= step m / (sqrt(v) root + EPS)
// with g = factor gradients                 (Loshchilov and Hutter 2019, in the order of torch.optim.AdamW)
//
//   p, m, v    f32 [N], as vectors of four: masters and moments, changed in place
//   gradients  f32 [N], as vectors of four
//   stats      f32 [4] from grad_norm: (-, 0 to leave everything as it is, factor, -)
//   dim        f32 bits of (step = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t), decay = lr weight decay, -)
//
// One thread four elements; a tail's padding is computed too and read by nobody. Bound by memory: 28 bytes an element.
// Decay is subtracted, not multiplied as 1 - decay: lr 1e-4 times .01 would keep one digit of it in f32.
// Constants: VECTORS (N / 4, rounded up), GAIN1 and GAIN2 (f32, 1 - beta: subtracted in f32, .999 would keep four digits
// of it), EPS (f32), WG (threads).

@group(0) @binding(0) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  if (i >= VECTORS || stats[1] == 0.0) { return; }
  let step = bitcast<f32>(dim.x);
  let root = bitcast<f32>(dim.y);
  let decay = bitcast<f32>(dim.z);
  let g = gradients[i] * stats[2];
  let first = m[i] + GAIN1 * (g - m[i]);
  let second = v[i] + GAIN2 * (g * g - v[i]);
  m[i] = first;
  v[i] = second;
  let kept = p[i] - decay * p[i];
  p[i] = kept - step * first / (sqrt(second) * root + EPS);
}
