// Where several workgroups share a sum: each writes its part, f32 [SPLITS, M, N]. Constants: M (x's capacity).

@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

fn put(m: u32, n: u32, v: f32, split: u32) {
  if (n < shape.N) { parts[(split * M + m) * shape.N + n] = v; }
}
