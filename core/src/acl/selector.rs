//! What one selector of a user allows: commands, keys and channels together.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::Write;

use super::CommandSet;
use crate::{
    command::{Command, Flags, Group},
    glob,
};

/// Commands, and the keys and channels that they may be used on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub(crate) commands: CommandSet,
    pub(crate) keys: Patterns<KeyPattern>,
    pub(crate) channels: Patterns<Box<[u8]>>,
}

/// All, or what matches one of a few globs.
#[derive(Clone, Debug)]
pub(crate) enum Patterns<P> {
    All,
    Some(Vec<P>),
}

/// A glob of keys, and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPattern {
    pub(crate) glob: Box<[u8]>,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

/// What of a call isn't allowed; what is checked later is the greater. With a position among the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Denial {
    /// The command.
    Command,
    /// A key.
    Key(usize),
    /// A channel.
    Channel(usize),
}

impl<P> Default for Patterns<P> {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl<P> Patterns<P> {
    /// The globs; of `All` none.
    pub(crate) fn globs(&self) -> &[P] {
        match self {
            Self::All => &[],
            Self::Some(globs) => globs,
        }
    }

    /// Whether everything matches.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

impl Selector {
    /// Whether nothing needs to be checked.
    pub(crate) fn allows_all(&self) -> bool {
        self.commands.is_everything() && self.keys.is_all() && self.channels.is_all()
    }

    /// Checks a call, given as its words, the name first. Cost: O(rules + keys × patterns).
    pub(crate) fn check(&self, row: &Command, words: &[&[u8]]) -> Result<(), Denial> {
        if !row.flags.has(Flags::NO_AUTH) && !self.commands.contains(row, words) {
            return Err(Denial::Command);
        }
        if !self.keys.is_all() {
            for used in row.listed_key_uses(words) {
                let may = |key: &&[u8]| self.may_use_key(key, used.reads, used.writes);
                if !words.get(used.position).is_none_or(may) {
                    return Err(Denial::Key(used.position));
                }
            }
        }
        if let Some((last, is_pattern)) = channels(row) {
            for (position, channel) in words.iter().enumerate().take(last.saturating_add(1)).skip(1) {
                if !self.may_use_channel(channel, is_pattern) {
                    return Err(Denial::Channel(position));
                }
            }
        }
        Ok(())
    }

    fn may_use_key(&self, key: &[u8], reads: bool, writes: bool) -> bool {
        let fits = |pattern: &KeyPattern| {
            (pattern.reads || !reads) && (pattern.writes || !writes) && glob::matches(&pattern.glob, key)
        };
        self.keys.is_all() || self.keys.globs().iter().any(fits)
    }

    /// Whether every key may be read.
    pub(crate) fn may_read_all_keys(&self) -> bool {
        self.keys.is_all() || self.keys.globs().iter().any(|pattern| pattern.reads && *pattern.glob == *b"*")
    }

    /// Whether a channel may be used; of a pattern, whether it is one of the allowed ones, letter by letter.
    pub(crate) fn may_use_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let fits = |glob: &[u8]| if is_pattern { glob == channel } else { glob::matches(glob, channel) };
        self.channels.is_all() || self.channels.globs().iter().any(|glob| fits(glob))
    }

    /// The key patterns as rules.
    pub(crate) fn describe_keys(&self) -> String {
        match &self.keys {
            Patterns::All => "~*".into(),
            Patterns::Some(patterns) => joined(patterns.iter().map(|pattern| {
                let sign = match (pattern.reads, pattern.writes) {
                    (true, false) => "%R~",
                    (false, true) => "%W~",
                    _ => "~",
                };
                (sign, &*pattern.glob)
            })),
        }
    }

    /// The channel patterns as rules.
    pub(crate) fn describe_channels(&self) -> String {
        match &self.channels {
            Patterns::All => "&*".into(),
            Patterns::Some(globs) => joined(globs.iter().map(|glob| ("&", &**glob))),
        }
    }

    /// All of it as rules that make an empty selector this one.
    pub(crate) fn describe(&self) -> String {
        let mut text = self.describe_keys();
        if !text.is_empty() {
            text.push(' ');
        }
        if !self.channels.is_all() {
            text += "resetchannels ";
        }
        let channels = self.describe_channels();
        text += &channels;
        if !channels.is_empty() {
            text.push(' ');
        }
        // Writing to a string can't fail.
        let _ = write!(text, "{}", self.commands);
        text
    }
}

fn joined<'a>(patterns: impl Iterator<Item = (&'static str, &'a [u8])>) -> String {
    let mut text = String::new();
    for (sign, glob) in patterns {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}{sign}{}", String::from_utf8_lossy(glob));
    }
    text
}

/// Up to which word a call names channels, from the first after its name on, and whether they are patterns.
fn channels(row: &Command) -> Option<(usize, bool)> {
    match row.name {
        _ if row.group != Group::PubSub || !row.container.is_empty() => None,
        "publish" | "spublish" => Some((1, false)),
        "subscribe" | "ssubscribe" => Some((usize::MAX, false)),
        "psubscribe" => Some((usize::MAX, true)),
        _ => None,
    }
}
