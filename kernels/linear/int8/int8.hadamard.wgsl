// v H: 32 numbers turned by the Hadamard matrix of that order, H[i, j] = (-1)^(bits that i and j share), H Hᵀ = 32 I. Products stay
// what they were, (x H)(W H)ᵀ = 32 x Wᵀ, but one large number becomes 32 of a fifth of its size (times √32), so that a step of i8
// that spans it still tells the others apart (QuIP#, Tseng et al. 2024; QuaRot, Ashkboos et al. 2024).
fn hadamard(a: array<vec4<f32>, 8>) -> array<vec4<f32>, 8> {
  var v = a;
  for (var i = 0u; i < EIGHT; i++) { // unroll
    let s = vec4(v[i].x + v[i].y, v[i].x - v[i].y, v[i].z + v[i].w, v[i].z - v[i].w);
    v[i] = vec4(s.xy + s.zw, s.xy - s.zw);
  }
  for (var i = 0u; i < FOUR; i++) { // unroll
    let low = v[2u * i];
    v[2u * i] = low + v[2u * i + 1u];
    v[2u * i + 1u] = low - v[2u * i + 1u];
  }
  for (var i = 0u; i < FOUR; i++) { // unroll
    let low = v[i / 2u * 4u + i % 2u];
    v[i / 2u * 4u + i % 2u] = low + v[i / 2u * 4u + i % 2u + 2u];
    v[i / 2u * 4u + i % 2u + 2u] = low - v[i / 2u * 4u + i % 2u + 2u];
  }
  for (var i = 0u; i < FOUR; i++) { // unroll
    let low = v[i];
    v[i] = low + v[i + 4u];
    v[i + 4u] = low - v[i + 4u];
  }
  return v;
}

fn largest(v: array<vec4<f32>, 8>) -> f32 {
  var most = vec4(0.0);
  for (var i = 0u; i < EIGHT; i++) { // unroll
    most = max(most, abs(v[i]));
  }
  return max(max(most.x, most.y), max(most.z, most.w));
}
