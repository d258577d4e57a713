//! The popgate binary.

fn main() {}
