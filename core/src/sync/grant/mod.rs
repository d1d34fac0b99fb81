//! What a connected replica may do: the keys that it may read and write, the channels, the commands, and until when.
//!
//! A grant is what a token says after its signature was checked. It knows neither tokens nor signatures. Its patterns
//! hold in every database. Nothing is allowed but by a pattern: there is no default that allows.

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, format, string::String};

use super::interest::Interest;
use crate::{
    acl::CommandSet,
    command::{Command, Flags, find_row},
    env::UnixMillis,
    error::{Error, Result},
    limits::Limits,
    session::Guard,
};

/// What a connected replica may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who it is, for messages and for limits that several connections share.
    pub subject: Box<str>,
    /// The keys that it may hold and read.
    pub read: Interest,
    /// The keys that it may change.
    pub write: Interest,
    /// The channels that it may listen and publish to.
    pub channels: Interest,
    /// The commands that it may run.
    pub commands: CommandSet,
    /// When the grant ends; `None` for never.
    pub expires_at: Option<UnixMillis>,
    /// How much of everything it may have.
    pub limits: GrantLimits,
}

/// Bounds of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantLimits {
    /// Patterns that it may subscribe to, and channels that it may listen to.
    pub interest_patterns_max: usize,
    /// Bytes of answers that may wait for it to read them.
    pub pending_bytes_max: usize,
}

impl Grant {
    /// A grant of everything, for ever.
    pub fn everything() -> Self {
        Self {
            subject: "default".into(),
            read: Interest::everything(),
            write: Interest::everything(),
            channels: Interest::everything(),
            commands: CommandSet::everything(),
            expires_at: None,
            limits: GrantLimits::default(),
        }
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether it may hold and read a key.
    pub fn may_read(&self, key: &[u8]) -> bool {
        self.read.contains(key)
    }

    /// Whether it may change a key.
    pub fn may_write(&self, key: &[u8]) -> bool {
        self.write.contains(key)
    }

    /// Whether it may listen and publish to a channel.
    pub fn may_use_channel(&self, channel: &[u8]) -> bool {
        self.channels.contains(channel)
    }

    /// Whether it may listen to all channels that match a glob. As in Redis the glob has to be one of the granted ones:
    /// whether one glob is covered by others is not worked out.
    pub fn may_use_channel_glob(&self, glob: &[u8]) -> bool {
        self.channels.is_everything() || self.channels.has_glob(glob)
    }

    /// Checks that it may make a call, given as its words, the name first. Cost: O(rules + keys × patterns).
    ///
    /// # Errors
    /// `NOPERM` and Redis's words for what isn't allowed: the command, or the first of its keys that may not be read or
    /// written. What [`find_row`] answers to a call of no command.
    pub fn check_call(&self, words: &[&[u8]]) -> Result<()> {
        self.check_row(find_row(words)?.0, words)
    }

    /// Checks the same where the row of the call is known.
    ///
    /// # Errors
    /// As [`Grant::check_call`].
    pub(crate) fn check_row(&self, row: &Command, words: &[&[u8]]) -> Result<()> {
        if !self.commands.contains(row, words) {
            let (subject, command) = (&self.subject, row.full_name());
            return Err(Error::owned(format!(
                "NOPERM User {subject} has no permissions to run the '{command}' command"
            )));
        }
        if row.flags.has(Flags::ALL_KEYS) {
            let may = self.read.is_everything() && (!row.flags.has(Flags::WRITE) || self.write.is_everything());
            return if may { Ok(()) } else { Err(NOT_ALL_KEYS) };
        }
        for key_use in row.key_uses(words) {
            let Some(key) = words.get(key_use.position) else { continue };
            // What is there, and how much, is told to those who may read.
            let reads = key_use.reads || !key_use.writes;
            if reads && !self.may_read(key) || key_use.writes && !self.may_write(key) {
                return Err(Error::owned(format!("NOPERM No permissions to access the '{}' key", shown(key))));
            }
        }
        Ok(())
    }
}

impl Guard for Grant {
    fn check(&self, words: &[&[u8]]) -> Result<()> {
        self.check_call(words)
    }
}

impl Default for GrantLimits {
    fn default() -> Self {
        Self {
            interest_patterns_max: Limits::DEFAULT.interest_patterns_max,
            pending_bytes_max: Limits::DEFAULT.outbox_bytes_max,
        }
    }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key.get(..key.len().min(SHOWN_BYTES_MAX)).unwrap_or_default()).into_owned()
}

/// What a command gets that touches keys which it doesn't name.
const NOT_ALL_KEYS: Error = Error::new("NOPERM No permissions to access all keys, which this command needs");

/// Bytes of a key that an error shows.
const SHOWN_BYTES_MAX: usize = 128;
