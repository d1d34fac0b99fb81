//! Sorted sets: distinct members in order of their scores.

pub mod add;
pub mod blocking_commands;
mod bound;
mod change;
pub mod combine;
pub mod commands;
mod items;
mod large;
mod members;
mod numbers;
pub mod pops;
mod query;
pub mod ranges;
mod small;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use bound::{LexBound, ScoreBound};
pub use change::{ZSetChange, ZSetUndo};
pub use value::{Insert, Iter, ZSet};
