//! Lists: sequences of binary strings with cheap ends.

pub mod blocking_commands;
mod change;
pub mod commands;
mod deque;
mod node;
pub mod search;
pub mod transfer;
mod value;

#[cfg(test)]
mod tests;

pub use change::{ListChange, ListUndo};
pub use value::{Iter, List, SMALL_LISTS_ARE_LISTPACKS, Side};
