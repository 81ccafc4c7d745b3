// An operand of gemm.matrix.wgsl that is f16, 8 numbers a read. gemm.matrix.ts writes left or right for `side`.
// Constants: SIDE_LD, SIDE_COLUMN (multiples of 8).

@group(0) @binding(SIDE_BINDING) var<storage, read> side: array<vec4<u32>>;

alias SideRaw = vec4<u32>;

fn side_read(at: vec2<u32>) -> SideRaw { return side[at.x * (SIDE_LD / 8u) + SIDE_COLUMN / 8u + at.y]; }
fn side_halves(v: SideRaw) -> vec4<u32> { return v; }
fn side_numbers(v: SideRaw) -> mat2x4<f32> {
  return mat2x4(vec4<f32>(bitcast<vec4<f16>>(v.xy)), vec4<f32>(bitcast<vec4<f16>>(v.zw)));
}
