// Columns of gemm.matrix.wgsl's results for act-order weights: the words' k-th column is dX's column perm[k].

@group(0) @binding(6) var<storage, read> perm: array<u32>;

fn column(n: u32) -> u32 { return perm[n]; }
