// The numbers of one backward call, in a uniform for the reason that shape.wgsl gives.

struct Shape {
  N: u32,          // outputs of the layer
  K: u32,          // inputs
  LDY: u32,        // columns of dY
  COLUMN: u32,     // the first that is this layer's
  WORDS: u32,      // int4: u32 words of a row of W, ceil(K / 8)
  GROUPS: u32,     // int4: groups of a row, ceil(K / GROUP)
  PERM: u32,       // 1: perm says where dX's columns go
  ADD: u32,        // 1: add to what the result holds
  SCALE: f32,
  SPAN: u32,       // dX: columns of N that one workgroup sums, a multiple of STEP
  PART: u32,       // rows (dX) or elements (dW) from one split's results to the next's
  OFFSET: u32,     // dW: its first element in the buffer
  SITE: u32,       // dropout: which mask, and
  THRESHOLD: u32,  // its probability times 2^32, and
  GAIN: f32,       // 1 / (1 - p)
}
@group(0) @binding(4) var<uniform> shape: Shape;
