//! The one place that asks the operating system for randomness.
//!
//! The standard library keys its hashers with secret random bits of the system. Such a hasher is a pseudo-random
//! function, so hashing a counter gives numbers that nobody can guess from those that they have seen.

use std::hash::{BuildHasher, RandomState};

/// A source of numbers that can't be guessed. Cost of one: some nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Entropy {
    key: RandomState,
    drawn: u64,
}

impl Entropy {
    /// Returns the next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.key.hash_one(self.drawn)
    }

    /// Yields what the next draws will give.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = u64> {
        (self.drawn + 1..).map(|number| self.key.hash_one(number))
    }
}

/// Returns a single number that can't be guessed.
pub(crate) fn number() -> u64 {
    Entropy::default().draw()
}
