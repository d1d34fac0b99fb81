//! The set type: its value, its changes, its commands.

mod algebra_commands;
mod change;
mod commands;
#[cfg(test)]
mod tests;
mod value;

pub use algebra_commands::COMMANDS as ALGEBRA_COMMANDS;
pub use change::{SetChange, SetUndo};
pub use commands::COMMANDS;
pub use value::{Iter, Member, Set};
