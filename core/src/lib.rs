//! sanderling-core
#![no_std]

extern crate alloc;

pub mod glob;
pub mod hash;
pub mod keyspace;
pub mod num;
pub mod table;
pub mod types;
