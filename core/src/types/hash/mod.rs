//! The hash type: its value, its changes, its commands.

mod change;
mod value;

pub use change::{HashChange, HashUndo};
pub use value::Hash;
