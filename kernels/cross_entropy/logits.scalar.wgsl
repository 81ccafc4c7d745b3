// One logit a read, for any V. Alias: Read (f32 or f16).

const WIDTH = 1u;

fn largest(v: Read) -> f32 { return f32(v); }
/// exp(v - top)
fn total(v: Read, top: f32) -> f32 { return exp(f32(v) - top); }
fn at(v: Read, i: u32) -> f32 { return f32(v); }

/// gain (exp(v - lse) - one), one where `own` is 0.
fn gradient(v: Read, lse: f32, gain: f32, own: u32) -> Read {
  return Read(gain * (exp(f32(v) - lse) - select(0.0, 1.0, own == 0u)));
}
