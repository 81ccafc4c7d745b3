// w = a q + b, a and b f16 (weights.ts): one rounding, that of the fused multiply-add.

struct Affine { a: vec2<f16>, b: vec2<f16> }

fn affine(p: Param) -> Affine {
  let ab = bitcast<vec2<f16>>(p);
  return Affine(vec2(ab.x), vec2(ab.y));
}
fn from_1024(h: vec2<f16>, p: Affine) -> vec2<f16> { return fma(h - 1024.0h, p.a, p.b); }
fn from_64(h: vec2<f16>, p: Affine) -> vec2<f16> { return fma(h - 64.0h, p.a, p.b); }
