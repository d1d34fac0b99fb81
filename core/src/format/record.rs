//! A log record: what one command or transaction did, and where it came from.

use core::fmt;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{effect::Effect, env::UnixMillis};

/// Position in a log: 1 for the first record, one more for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogSeq(pub u64);

impl LogSeq {
    /// The position after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Names a replica for good: 128 random bits, never used by two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub [u8; 16]);

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Position among the commands that a replica pushed: 1 for its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientSeq(pub u64);

impl ClientSeq {
    /// The position after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The pushed command that a record answers. Logged with the effects, so that a command pushed again after a
/// crash is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who pushed.
    pub client: ClientId,
    /// Its number.
    pub seq: ClientSeq,
}

/// What stands before a record's effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHeader {
    /// Position in the log.
    pub seq: LogSeq,
    /// When it was executed, on the server's timeline.
    pub time: UnixMillis,
    /// The pushed command behind it, if there was one.
    pub origin: Option<Origin>,
    /// Bytes of effects that follow.
    pub effects_bytes: u32,
}

/// A log record whose effects are still in their wire form.
///
/// ```text
/// postcard(RecordHeader) | (database u8 | postcard(Effect))*
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position, time, origin.
    pub header: RecordHeader,
    /// The effects, for [`Record::effects`].
    pub effects: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends a record to `out`. Effects past 4 GiB can't arise: no command's arguments reach that.
    pub fn encode(seq: LogSeq, time: UnixMillis, origin: Option<Origin>, effects: &[u8], out: &mut Vec<u8>) {
        let effects_bytes = u32::try_from(effects.len()).unwrap_or(u32::MAX);
        let header = RecordHeader { seq, time, origin, effects_bytes };
        *out = postcard::to_extend(&header, core::mem::take(out)).unwrap_or_default();
        out.extend_from_slice(effects.get(..effects_bytes as usize).unwrap_or(effects));
    }

    /// Reads a record from the front of `bytes`: the record and what follows it.
    ///
    /// # Errors
    /// If the bytes don't hold a record. The effects aren't looked at yet.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), postcard::Error> {
        let (header, rest): (RecordHeader, _) = postcard::take_from_bytes(bytes)?;
        let split = rest.split_at_checked(header.effects_bytes as usize);
        let (effects, rest) = split.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        Ok((Self { header, effects }, rest))
    }

    /// The record's effects with their databases, in order; ends with an error where the bytes are no effect.
    pub fn effects(&self) -> impl Iterator<Item = Result<(u8, Effect<'a>), postcard::Error>> + use<'a> {
        effects(self.effects)
    }
}

/// The effects in a run of (database, effect) pairs.
pub fn effects<'a>(mut bytes: &'a [u8]) -> impl Iterator<Item = Result<(u8, Effect<'a>), postcard::Error>> + use<'a> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        Some(match Effect::decode(bytes) {
            Ok((db, effect, rest)) => {
                bytes = rest;
                Ok((db, effect))
            }
            Err(error) => {
                bytes = &[];
                Err(error)
            }
        })
    })
}
