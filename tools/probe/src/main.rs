//! What a process sees, shares and may do.

fn main() {}
