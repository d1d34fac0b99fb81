//! The hash type: its value, its changes, its commands.

mod borrowed;
mod change;
mod commands;
mod deadlines;
pub mod expiry_commands;
pub mod get_set_commands;
#[cfg(test)]
mod tests;
mod value;
mod view;

pub use borrowed::{HashRef, Iter};
pub use change::{HashChange, HashUndo};
pub use commands::COMMANDS;
pub use value::Hash;
pub use view::HashView;
