//! What the engine is told about the outside at each call: the time and a seed for randomness.
//!
//! Core owns no clock and no source of randomness. A shell fills an [`Env`] and hands it in, so that the same
//! calls with the same environments give the same replies on every platform, and a pending command can be
//! executed again with the time and the seed that it first ran with.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, on the server's timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The moment `ms` milliseconds later; stops at the end of time instead of overflowing.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`, 0 if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The environment of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Env {
    /// Now, on the server's timeline.
    pub now: UnixMillis,
    /// A number that nobody can guess where it matters; the seed of what `SPOP` and its like draw.
    pub entropy: u64,
}

impl Env {
    /// An environment at `now_ms` whose randomness follows from `entropy`.
    pub const fn new(now_ms: u64, entropy: u64) -> Self {
        Self { now: UnixMillis(now_ms), entropy }
    }
}
