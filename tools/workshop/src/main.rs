//! The learner's and teacher's command.

fn main() {}
