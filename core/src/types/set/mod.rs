//! The set type: its value, its changes, its commands.

mod change;
mod value;

pub use change::{SetChange, SetUndo};
pub use value::Set;
