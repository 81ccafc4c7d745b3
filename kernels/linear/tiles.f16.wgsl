// tiles.wgsl of f16.

alias Eight = vec4<u32>;
fn halves(v: Eight) -> vec4<u32> { return v; }
