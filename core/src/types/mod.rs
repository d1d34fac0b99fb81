//! The value types, a folder each.

pub mod list;
