//! The data types, one folder each: the value, its changes, its commands.
//!
//! A new type is a folder here, a variant in [`crate::keyspace::Value`] and in [`crate::effect::Change`], and its
//! rows in [`crate::command::table`].

pub mod bitmap;
pub mod draw;
pub mod encoding;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod packed;
pub mod range;
pub mod set;
pub mod stream;
pub mod string;
pub mod zset;
