// An operand of gemm.matrix.wgsl that is f32, rounded to f16 as it is staged. gemm.matrix.ts writes left or right for
// `side`. Constants: SIDE_LD, SIDE_COLUMN (multiples of 8).

@group(0) @binding(SIDE_BINDING) var<storage, read> side: array<vec4<f32>>;

alias SideRaw = mat2x4<f32>;

fn side_read(at: vec2<u32>) -> SideRaw {
  let i = at.x * (SIDE_LD / 4u) + SIDE_COLUMN / 4u + at.y * 2u;
  return mat2x4(side[i], side[i + 1u]);
}
fn side_halves(v: SideRaw) -> vec4<u32> { return halves(v); }
fn side_numbers(v: SideRaw) -> mat2x4<f32> { return v; }
