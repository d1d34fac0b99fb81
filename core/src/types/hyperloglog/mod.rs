//! HyperLogLog: about how many different elements there were, in a string of at most 12 KB.
//!
//! The string is Redis's own, byte for byte, so that it can be exchanged with it: a [header](layout), then 16,384
//! [registers](registers), either six bits each or as runs. What a register says of the count is in [`estimate`].

mod add_commands;
#[cfg(feature = "server")]
mod debug_commands;
mod estimate;
mod layout;
mod read_commands;
mod registers;
#[cfg(test)]
mod tests;

pub use add_commands::COMMANDS as ADD_COMMANDS;
#[cfg(feature = "server")]
pub use debug_commands::COMMANDS as DEBUG_COMMANDS;
pub use read_commands::COMMANDS as READ_COMMANDS;
