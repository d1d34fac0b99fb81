//! Geo commands: positions on the earth as the scores of a sorted set.
//!
//! A score is a cell of 2^26 × 2^26 on the map, its two numbers interleaved, so that what is near on the earth is mostly
//! near in the order of scores ([`cell`]). A search is a handful of ranges of scores that cover the area ([`area`]) and
//! a look at each member there. The numbering is Redis's, so a set can be exchanged with it.

mod add_commands;
mod area;
mod cell;
mod read_commands;
mod search;
mod search_commands;
#[cfg(test)]
mod tests;

pub use add_commands::COMMANDS as ADD_COMMANDS;
pub use read_commands::COMMANDS as READ_COMMANDS;
pub use search_commands::COMMANDS as SEARCH_COMMANDS;
