// Whole matrices of an f32 result of gemm.matrix.wgsl, where nothing but the sum is written.

fn store_out(i: u32, sum: subgroup_matrix_result<f32, 16, 16>) {
  subgroupMatrixStore<row_major>(&out, i / 4u, sum, OUT_LD / 4u);
}
