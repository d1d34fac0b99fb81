//! What a command does with the values under its keys, which decides what its caller must be allowed to do.
//!
//! Telling whether a key exists, how long its value is or of which type counts as part of writing, as in Redis: a write
//! answers with such things. What a value holds is told only to those who may read it.

use super::{Command, Flags};

/// What a command does with the values under its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// What the flags say: a command that doesn't write reads its keys. One that writes changes all of them and may
    /// tell what they held.
    #[default]
    Flags,
    /// Changes its keys without telling what they held.
    Blind,
    /// Is blind unless this option stands among its words.
    BlindUnless(RevealingOption),
    /// Replaces the first key's value by what it makes of the others'.
    FirstFromRest,
    /// Copies the first key's value to the second.
    FirstToSecond,
    /// Takes from the first key's value, and gives to the second's.
    FirstIntoSecond,
}

/// An option that makes a write tell what its key held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevealingOption {
    /// `SET key value … GET`.
    Get,
    /// `ZADD key … INCR score member`.
    Incr,
}

/// What a call does with the value under one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's place among the words, the name at 0.
    pub position: usize,
    /// What the value holds may come out, in the reply or under another key.
    pub reads: bool,
    /// The value may change.
    pub writes: bool,
}

impl Command {
    /// Says what the row does with the values under its keys, where the flags don't say it exactly.
    pub const fn accessing(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// What a call with these words, the name first, does with its keys.
    pub fn key_uses(&self, words: &[&[u8]]) -> impl Iterator<Item = KeyUse> + use<> {
        let access = self.access;
        let changes = self.flags.has(Flags::WRITE);
        let reveals = matches!(access, Access::BlindUnless(option) if option.stands_in(words));
        self.key_positions(words).enumerate().map(move |(index, position)| {
            let first = index == 0;
            let (reads, writes) = match access {
                Access::Flags => (true, changes),
                Access::Blind => (false, true),
                Access::BlindUnless(_) => (reveals, true),
                Access::FirstFromRest => (!first, first),
                Access::FirstToSecond => (first, !first),
                Access::FirstIntoSecond => (first, true),
            };
            KeyUse { position, reads, writes }
        })
    }
}

impl RevealingOption {
    fn stands_in(self, words: &[&[u8]]) -> bool {
        match self {
            Self::Get => words.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"get")),
            Self::Incr => {
                let mut options =
                    words.iter().skip(2).take_while(|word| ZADD_OPTIONS.iter().any(|option| is(word, option)));
                options.any(|word| is(word, b"incr"))
            }
        }
    }
}

fn is(word: &[u8], option: &[u8]) -> bool {
    word.eq_ignore_ascii_case(option)
}

/// The words that may stand before the first score. What comes after is scores and members, which may look like them.
const ZADD_OPTIONS: [&[u8]; 6] = [b"nx", b"xx", b"gt", b"lt", b"ch", b"incr"];
