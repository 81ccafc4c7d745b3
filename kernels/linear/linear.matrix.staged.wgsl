// Where linear.matrix.wgsl writes all of y through workgroup memory: never called.

fn load_y(m: u32, n: u32) -> subgroup_matrix_result<f32, 16, 16> { return subgroup_matrix_result<f32, 16, 16>(); }
fn store_y(m: u32, n: u32, sum: subgroup_matrix_result<f32, 16, 16>) {}
