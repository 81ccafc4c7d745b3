// A group's two numbers as linear.skinny.wgsl reads them ahead of their use: f16 and f16 in a word.

fn decode(p: u32) -> vec2<f32> { return unpack2x16float(p); }
