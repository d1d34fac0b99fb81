//! What both sides work out alike, so that it needn't travel: a command's seed, and what it did as one number.

use crate::{
    format::{ClientId, ClientSeq},
    hash::hash,
};

/// The seed that a pushed command runs with, on the replica and on the hub: what `SPOP` draws here it draws there.
pub fn entropy_of(client: ClientId, seq: ClientSeq) -> u64 {
    hash(seq.0, &client.0)
}

/// What commands in a row did and replied, as one number.
///
/// A replica sends its guess along with what it pushes. If the hub comes to the same, it needn't say more than that.
/// Two outcomes share a number once in 2⁶⁴; digests of the data would show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess(u64);

impl Guess {
    /// What a replica sends that doesn't know: no outcome has this number.
    pub const NONE: u64 = 0;

    /// The guess about no command.
    pub const fn new() -> Self {
        Self(SEED)
    }

    /// Adds a command: its effects as they are logged, and its reply in RESP3.
    pub fn add(&mut self, effects: &[u8], reply: &[u8]) {
        self.0 = hash(hash(self.0, effects), reply);
    }

    /// The number.
    pub const fn number(self) -> u64 {
        if self.0 == Self::NONE { 1 } else { self.0 }
    }
}

impl Default for Guess {
    fn default() -> Self {
        Self::new()
    }
}

const SEED: u64 = 0x5a4d_e211_96f1_0c37;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn of(outcomes: &[(Vec<u8>, Vec<u8>)]) -> u64 {
        let mut guess = Guess::new();
        outcomes.iter().for_each(|(effects, reply)| guess.add(effects, reply));
        guess.number()
    }

    proptest! {
        #[test]
        fn other_outcomes_have_another_number(
            one in prop::collection::vec(any::<(Vec<u8>, Vec<u8>)>(), 0..4),
            other in prop::collection::vec(any::<(Vec<u8>, Vec<u8>)>(), 0..4),
        ) {
            prop_assert_eq!(of(&one) == of(&other), one == other);
            prop_assert_ne!(of(&one), Guess::NONE);
        }
    }
}
