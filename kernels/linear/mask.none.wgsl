// No dropout: every element stays as it is.

fn mask4(m: u32, k: u32) -> vec4<f32> { return vec4(1.0); }
