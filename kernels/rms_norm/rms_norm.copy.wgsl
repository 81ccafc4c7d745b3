// What a row has, once more, in a type of its own. Constant: COPY_BINDING. Alias: X, Copy.
@group(0) @binding(COPY_BINDING) var<storage, read_write> copy: array<Copy>;

fn put_copy(at: u32, v: X) { copy[at] = Copy(v); }
