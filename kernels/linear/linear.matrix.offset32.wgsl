// w = a q + b, a and b f32 (weights.ts), rounded to f16 at the end.

alias Affine = vec2<f32>;

fn affine(p: Param) -> Affine { return p; }
fn from_1024(h: vec2<f16>, p: Affine) -> vec2<f16> { return vec2<f16>(fma(vec2<f32>(h - 1024.0h), p.xx, p.yy)); }
fn from_64(h: vec2<f16>, p: Affine) -> vec2<f16> { return vec2<f16>(fma(vec2<f32>(h - 64.0h), p.xx, p.yy)); }
