//! Harmless attacks that prove what a step isolates.

fn main() {}
