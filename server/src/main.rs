//! The sanderling binary.
fn main() {}
