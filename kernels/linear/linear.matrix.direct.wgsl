// Whole matrices of an f32 y, for linear.matrix.wgsl where nothing but the sum is written (and maybe added to).

fn load_y(m: u32, n: u32) -> subgroup_matrix_result<f32, 16, 16> {
  return subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&y, (m * LDY + COLUMN + n) / 4u, LDY / 4u);
}
fn store_y(m: u32, n: u32, sum: subgroup_matrix_result<f32, 16, 16>) {
  subgroupMatrixStore<row_major>(&y, (m * LDY + COLUMN + n) / 4u, sum, LDY / 4u);
}
