// The scales of weights as i8, where they are known, and the numbers in units of them.

@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

fn put_scale(n: u32, value: f32) {}
fn inverse_of(n: u32) -> f32 { return select(0.0, 1.0 / scale[n], scale[n] > 0.0); }
fn put(at: u32, sixteen: vec4<u32>) { out[at] = sixteen; }
