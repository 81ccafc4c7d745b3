// Stages dense rows for linear.backward.wgsl as they lie: w4 reads along k already. See dense.*.wgsl.

const W_STEP = 4u;

fn column(k: u32) -> u32 { return k; }

fn stage_w(to: u32, n: u32, k: u32) { ws[to] = vec4<Stage>(w4(min(n, shape.N - 1u), k)); }
