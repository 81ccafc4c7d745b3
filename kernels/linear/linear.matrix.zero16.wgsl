// w = a (q - b), a f16, b a small whole number (weights.ts): the difference is exact, the product rounds once.

struct Affine { a: vec2<f16>, b1024: vec2<f16>, b64: vec2<f16> }

fn affine(p: Param) -> Affine {
  let ab = bitcast<vec2<f16>>(p);
  return Affine(vec2(ab.x), vec2(ab.y + 1024.0h), vec2(ab.y + 64.0h));
}
fn from_1024(h: vec2<f16>, p: Affine) -> vec2<f16> { return (h - p.b1024) * p.a; }
fn from_64(h: vec2<f16>, p: Affine) -> vec2<f16> { return (h - p.b64) * p.a; }
