// tiles.wgsl of f32.

alias Eight = mat2x4<f32>;
fn halves(v: Eight) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(v[0])), bitcast<vec2<u32>>(vec4<f16>(v[1])));
}
