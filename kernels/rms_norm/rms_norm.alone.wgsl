// Where no copy is wanted. Alias: X.
fn put_copy(at: u32, v: X) {}
