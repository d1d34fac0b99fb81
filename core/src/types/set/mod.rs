//! The set type: its value, its changes, its commands.

mod change;
#[cfg(test)]
mod tests;
mod value;

pub use change::{SetChange, SetUndo};
pub use value::{Iter, Member, Set};
