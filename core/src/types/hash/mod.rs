//! The hash type: its value, its changes, its commands.

mod change;
#[cfg(test)]
mod tests;
mod value;

pub use change::{HashChange, HashUndo};
pub use value::{Hash, Iter};
