//! The hash type: its value, its changes, its commands.

mod change;
mod commands;
#[cfg(test)]
mod tests;
mod value;

pub use change::{HashChange, HashUndo};
pub use commands::COMMANDS;
pub use value::{Hash, Iter};
