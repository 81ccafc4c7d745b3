// Where all results of gemm.matrix.wgsl go through workgroup memory: never called.

fn store_out(i: u32, sum: subgroup_matrix_result<f32, 16, 16>) {}
