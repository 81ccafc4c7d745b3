// Four numbers of [-127, 127] / factor as four i8 in a word.
//
// Added to 3 · 2^22, a small f32 is rounded to a whole number, to even where it lies between two, and its bits end in that
// number's two's complement: no conversion, which NVIDIA runs at a quarter of the rate.
fn bytes(v: vec4<f32>, factor: f32) -> u32 {
  let b = bitcast<vec4<u32>>(fma(v, vec4(factor), vec4(12582912.0)));
  return (b.x & 255u) | ((b.y & 255u) << 8u) | ((b.z & 255u) << 16u) | (b.w << 24u);
}
