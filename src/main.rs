//! The binary: hands the built-in registry to the command line.
fn main() {}
