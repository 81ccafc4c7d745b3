// For the gradient: lse[t, h] = log2 of the sum of exp2 of a query's scores, f32 [T, H].
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

fn put_lse(query: u32, head: u32, top: f32, sum: f32) { lse[query * H + head] = top + log2(sum); }
