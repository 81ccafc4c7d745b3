// int4 weights as the right operand of gemm.matrix.wgsl, [r, n] with the layer's outputs for r: W_VECTORS words of 8
// nibbles a read, all of one group. Unpacked by linear.matrix.q4.wgsl, included, as in the forward product.

@group(0) @binding(1) var<storage, read> w: array<Packed>;

struct RightRaw { words: Packed, param: Param }

fn right_read(at: vec2<u32>) -> RightRaw {
  return RightRaw(w[(at.x * (OUT_N / 8u) + at.y) / W_VECTORS], param(at.x * GROUPS, at.y * 8u));
}
fn right_put(to: u32, v: RightRaw, at: vec2<u32>, magic: vec2<u32>) { unpack(to, v.words, v.param, magic); }
