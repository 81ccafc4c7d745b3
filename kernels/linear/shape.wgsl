// The numbers of one call. They are a uniform and not constants, so that the linears of all layers and models share
// a few pipelines: compiling one costs a software driver seconds.

struct Shape {
  N: u32,       // outputs
  K: u32,       // inputs
  LDY: u32,     // columns of y
  COLUMN: u32,  // the first one written
  WORDS: u32,   // int4: u32 words of a row of W, ceil(K / 8)
  GROUPS: u32,  // int4: groups of a row, ceil(K / GROUP)
  GROUP: u32,   // k's that share a scale, a multiple of 8; K where W is dense
  BIAS: u32,    // 1: add bias[n]
  SCALE: f32,
}
@group(0) @binding(5) var<uniform> shape: Shape;
