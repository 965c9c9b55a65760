//! Generation of stubs and documentation, and checks.
fn main() {}
