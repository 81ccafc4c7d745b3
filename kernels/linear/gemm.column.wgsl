// Columns of gemm.matrix.wgsl's results where they are in order.

fn column(n: u32) -> u32 { return n; }
