// Where queries.matrix.wgsl makes ds again.
fn put_ds(tile: vec4<u32>, head: u32, key: u32, query: u32, gradient: vec4<u32>) {}
