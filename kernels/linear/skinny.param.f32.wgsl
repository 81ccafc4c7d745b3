// A group's two numbers as linear.skinny.wgsl reads them ahead of their use: f32 and f32.

fn decode(p: vec2<f32>) -> vec2<f32> { return p; }
