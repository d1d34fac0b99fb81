//! Lists: sequences of binary strings with cheap ends.

mod change;
mod deque;
mod node;
mod value;

#[cfg(test)]
mod tests;

pub use change::{ListChange, ListUndo};
pub use value::{Iter, List, SMALL_LISTS_ARE_LISTPACKS, Side};
