// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n], for GPUs whose subgroup is a CPU's vector register.
//
//   x, y, dim   see x.*.wgsl, y.scalar.wgsl, which are included
//   W           see lanes.q4.wgsl, lanes.dense.wgsl
//
// lavapipe runs the 8 lanes of a subgroup as one AVX register and pays for a read from workgroup memory eight
// times, once a lane. So there is none here: lane l holds rows n0 + l, + 8, + 16, + 24 of W and row m0 + l of x, and
// a subgroup makes 8 x 32 outputs by broadcasting x from its lane, one instruction. Measured 3x the tile form there.
// Constants: WG (a multiple of 8).

alias Rows = array<vec4<f32>, 8>;

fn step(acc: ptr<function, Rows>, x: f32, w: vec4<f32>) {
  (*acc)[0] += subgroupBroadcast(x, 0u) * w;
  (*acc)[1] += subgroupBroadcast(x, 1u) * w;
  (*acc)[2] += subgroupBroadcast(x, 2u) * w;
  (*acc)[3] += subgroupBroadcast(x, 3u) * w;
  (*acc)[4] += subgroupBroadcast(x, 4u) * w;
  (*acc)[5] += subgroupBroadcast(x, 5u) * w;
  (*acc)[6] += subgroupBroadcast(x, 6u) * w;
  (*acc)[7] += subgroupBroadcast(x, 7u) * w;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.y * 8u;
  let l = t % 8u;
  let n0 = (wg.x * (WG / 8u) + t / 8u) * 32u + l;
  let m = m0 + l;
  let rows = min(vec4(n0) + vec4(0u, 8u, 16u, 24u), vec4(shape.N - 1u));
  var acc: Rows;
  for (var g = 0u; g * shape.GROUP < shape.K; g++) {
    let p = scales(rows, g);
    for (var k = g * shape.GROUP; k < min((g + 1u) * shape.GROUP, shape.K); k += 8u) {
      let w = weights(rows, k, p);
      let a = x4(m, k);
      step(&acc, a.x, w[0]);
      step(&acc, a.y, w[1]);
      step(&acc, a.z, w[2]);
      step(&acc, a.w, w[3]);
      let b = x4(m, k + 4u);
      step(&acc, b.x, w[4]);
      step(&acc, b.y, w[5]);
      step(&acc, b.z, w[6]);
      step(&acc, b.w, w[7]);
    }
  }
  for (var i = 0u; i < min(8u, dim.x - m0); i++) {
    put(m0 + i, n0, acc[i].x);
    put(m0 + i, n0 + 8u, acc[i].y);
    put(m0 + i, n0 + 16u, acc[i].z);
    put(m0 + i, n0 + 24u, acc[i].w);
  }
}
