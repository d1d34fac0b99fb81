//! Strings: binary-safe bytes, and integers that are kept as such.

mod change;
mod commands;
mod counters;
mod value;

pub use change::{Expiry, StringChange, StringUndo};
pub use commands::COMMANDS;
pub use counters::COMMANDS as COUNTER_COMMANDS;
pub use value::Str;
