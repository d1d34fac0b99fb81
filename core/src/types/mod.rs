//! The value types, a folder each, and what they share.

pub mod encoding;
pub mod list;
pub mod packed;
pub mod zset;
