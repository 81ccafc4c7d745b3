// Where linear.tall.wgsl sums no adapter: never called.

fn stage_b(n1: u32, t: u32) {}
fn load_h(m: u32, n1: u32, s: u32) -> subgroup_matrix_left<f16, 16, 16> { return subgroup_matrix_left<f16, 16, 16>(); }
