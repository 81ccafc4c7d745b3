// Dense f16 weights for linear.matrix.wgsl: staged as they are, 8 at a time.

fn param(row: u32, k: u32) -> Param { return 0u; }
fn unpack(to: u32, q: Packed, p: Param, magic: vec2<u32>) { stage[to] = q; }
