//! Sorted sets: distinct members in order of their scores.

mod bound;
mod change;
mod large;
mod members;
mod small;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use bound::{LexBound, ScoreBound};
pub use change::{ZSetChange, ZSetUndo};
pub use value::{Insert, Iter, ZSet};
