//! Strings: binary-safe bytes, and integers that are kept as such.

mod change;
mod commands;
mod counters;
mod lcs;
mod value;

pub use change::{Expiry, StringChange, StringUndo};
pub use commands::COMMANDS;
pub use counters::COMMANDS as COUNTER_COMMANDS;
pub use lcs::COMMANDS as LCS_COMMANDS;
pub use value::{Str, StrBuf};
