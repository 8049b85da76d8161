//! The one binary of Emberkeep.

fn main() {}
