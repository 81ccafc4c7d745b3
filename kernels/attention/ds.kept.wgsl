// ds for queries.long.wgsl, by ds.wgsl: f16, of the queries of a key from `query` on.
@group(0) @binding(8) var<storage, read_write> ds_kept: array<vec4<u32>>;

fn put_ds(tile: vec4<u32>, head: u32, key: u32, query: u32, gradient: vec4<u32>) {
  ds_kept[ds_at(tile.z, head, key - tile.z, query - tile.z)] = gradient;
}
