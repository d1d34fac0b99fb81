//! What a command does with the values under its keys, which decides what its caller must be allowed to do.
//!
//! Telling whether a key exists, how long its value is or of which type counts as part of writing, as in Redis: a write
//! answers with such things. What a value holds is told only to those who may read it.

#[cfg(feature = "server")]
use super::Keys;
use super::{Command, Flags};
#[cfg(feature = "server")]
use crate::num;

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
    /// Adds to the first key's value what the others hold.
    FirstWithRest,
    /// Tells only what a write would tell as well: whether a key or an element is there, how many there are.
    Existence,
    /// Tells what the value holds, and changes it where `SET` or `INCRBY` stands among the operations of `BITFIELD`.
    BitField,
    /// Reads its key, and writes to the one after the option `STORE` or `STOREDIST`, if there is one.
    Storing,
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
        let stored = self.stored_key(words).map(|position| KeyUse { position, reads: false, writes: true });
        let operates = access == Access::BitField && changes_bits(words);
        let reveals = matches!(access, Access::BlindUnless(option) if option.stands_in(words));
        let named = self.key_positions(words).enumerate().map(move |(index, position)| {
            let first = index == 0;
            let (reads, writes) = match access {
                Access::Flags => (true, changes),
                Access::Blind => (false, true),
                Access::BlindUnless(_) => (reveals, true),
                Access::FirstFromRest => (!first, first),
                Access::FirstToSecond => (first, !first),
                Access::FirstIntoSecond => (first, true),
                Access::FirstWithRest => (true, first),
                Access::Existence => (false, false),
                Access::BitField => (true, operates),
                Access::Storing => (true, false),
            };
            KeyUse { position, reads, writes }
        });
        named.chain(stored)
    }

    /// What access lists ask for: the same, but for the commands about which Redis's table says otherwise.
    #[cfg(feature = "server")]
    pub(crate) fn listed_key_uses(&self, words: &[&[u8]]) -> impl Iterator<Item = KeyUse> + use<> {
        let instead = match (self.container, self.name) {
            ("", "eval" | "evalsha" | "fcall") => Some((true, true)),
            ("", "pfcount" | "pfdebug" | "xreadgroup") => Some((true, false)),
            ("", "xautoclaim" | "xclaim" | "zadd") => Some((false, true)),
            ("memory", "usage") | ("object", _) => Some((false, false)),
            _ => None,
        };
        // Who names more keys than there are words is told so by the command, before it has looked at any.
        let all = match self.keys {
            Keys::Counted { at } => {
                let count = words.get(at).and_then(|count| num::parse_i64(count)).unwrap_or(0);
                usize::try_from(count).is_ok_and(|count| count < words.len().saturating_sub(at))
            }
            _ => true,
        };
        self.key_uses(words).filter(move |_| all).map(move |used| {
            let (reads, writes) = instead.unwrap_or((used.reads, used.writes));
            KeyUse { reads, writes, ..used }
        })
    }

    /// The position of the key after `STORE` or `STOREDIST`: the last such option counts, as when the command runs.
    fn stored_key(&self, words: &[&[u8]]) -> Option<usize> {
        if self.access != Access::Storing {
            return None;
        }
        // SORT's options stand after its key, those of GEORADIUS after what they measure from, and may look like options.
        let mut at = if self.name == "sort" { 2 } else { 5 };
        let mut stored = None;
        while let Some(word) = words.get(at) {
            at += match () {
                () if is(word, b"limit") => 3,
                () if is(word, b"by") || is(word, b"get") => 2,
                () if (is(word, b"store") || is(word, b"storedist")) && at + 1 < words.len() => {
                    stored = Some(at + 1);
                    2
                }
                () => 1,
            };
        }
        stored
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

/// Whether operations of `BITFIELD`, which stand after its key, change anything.
fn changes_bits(words: &[&[u8]]) -> bool {
    let mut at = 2;
    while let Some(word) = words.get(at) {
        at += match () {
            () if is(word, b"get") => 3,
            () if is(word, b"overflow") => 2,
            () => return true,
        };
    }
    false
}

fn is(word: &[u8], option: &[u8]) -> bool {
    word.eq_ignore_ascii_case(option)
}

/// The words that may stand before the first score. What comes after is scores and members, which may look like them.
const ZADD_OPTIONS: [&[u8]; 6] = [b"nx", b"xx", b"gt", b"lt", b"ch", b"incr"];
