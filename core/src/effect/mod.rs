//! Effects: what a command did, as deterministic, absolute changes to one key each.
//!
//! A command is an intent; executing it gives a reply and effects. Effects alone are logged, persisted, sent to
//! replicas and turned into notifications. Applying one never fails, never reads a clock and never draws a random
//! number, and it's the only way in which a keyspace changes: a command handler reads, decides, and applies. So a
//! copy that applies the effects of a command holds what executing it left behind, by construction.
//!
//! The wire form is postcard's. It numbers variants by position: **variants are appended, never moved or removed**;
//! a golden test locks the bytes.

mod apply;
#[cfg(test)]
pub(crate) mod tests;
mod undo;

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

pub use apply::{Applied, Collection, stored_value};
pub use undo::Undo;

use crate::{
    blob::Blob,
    env::UnixMillis,
    types::{
        hash::HashChange,
        list::ListChange,
        set::SetChange,
        stream::{StoredStream, StreamChange},
        string::StringChange,
        zset::ZSetChange,
    },
};

/// A change to one key of a logical database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect<'a> {
    /// The key; empty where the change concerns the whole database.
    #[serde(borrow)]
    pub key: Blob<'a>,
    /// What happens to it.
    #[serde(borrow)]
    pub change: Change<'a>,
}

/// What happens to a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change<'a> {
    /// The key goes away.
    Delete(Removal),
    /// The key holds this value and deadline now, whatever it held before.
    #[serde(borrow)]
    Put(Put<'a>),
    /// The key expires at this moment.
    ExpireAt(UnixMillis),
    /// The key doesn't expire any more.
    Persist,
    /// Every key of the database goes away.
    Flush,
    /// A change to a string.
    #[serde(borrow)]
    String(StringChange<'a>),
    /// A change to a list.
    #[serde(borrow)]
    List(ListChange<'a>),
    /// A change to a set.
    #[serde(borrow)]
    Set(SetChange<'a>),
    /// A change to a hash.
    #[serde(borrow)]
    Hash(HashChange<'a>),
    /// A change to a sorted set.
    #[serde(borrow)]
    ZSet(ZSetChange<'a>),
    /// A change to a stream.
    #[serde(borrow)]
    Stream(StreamChange<'a>),
}

/// Why a key went away. It makes no difference to the data, but to those who are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// A command removed it.
    Deleted,
    /// Its deadline passed.
    Expired,
    /// Memory was short.
    Evicted,
}

/// A whole value with its deadline: how a key travels in snapshots, and what `RENAME` and the `STORE` forms leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Put<'a> {
    /// The value.
    #[serde(borrow)]
    pub value: StoredValue<'a>,
    /// When the key expires; never if `None`.
    pub expires_at: Option<UnixMillis>,
}

/// The content of a value, independent of its layout in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StoredValue<'a> {
    /// A string's bytes.
    #[serde(borrow)]
    String(Blob<'a>),
    /// A list's elements, head first.
    #[serde(borrow)]
    List(Vec<Blob<'a>>),
    /// A set's members.
    #[serde(borrow)]
    Set(Vec<Blob<'a>>),
    /// A hash's fields with their values.
    #[serde(borrow)]
    Hash(Vec<(Blob<'a>, Blob<'a>)>),
    /// A sorted set's members with their scores, lowest first.
    #[serde(borrow)]
    ZSet(Vec<(f64, Blob<'a>)>),
    /// A stream's entries and groups.
    #[serde(borrow)]
    Stream(Box<StoredStream<'a>>),
    /// The fields of a hash some of which have deadlines.
    #[serde(borrow)]
    TimedHash(Vec<StoredField<'a>>),
}

/// A field of a hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredField<'a> {
    /// Its name.
    #[serde(borrow)]
    pub field: Blob<'a>,
    /// Its value.
    #[serde(borrow)]
    pub value: Blob<'a>,
    /// When it expires; never if `None`.
    pub expires_at: Option<UnixMillis>,
}

impl<'a> Effect<'a> {
    /// Makes an effect on `key`.
    pub fn new(key: &'a [u8], change: Change<'a>) -> Self {
        Self { key: key.into(), change }
    }

    /// Removes `key` because a command asked for it.
    pub fn delete(key: &'a [u8]) -> Self {
        Self::new(key, Change::Delete(Removal::Deleted))
    }

    /// Appends the wire form of the effect, after the database that it concerns, to `out`.
    pub fn encode(&self, db: u8, out: &mut Vec<u8>) {
        let mut buffer = core::mem::take(out);
        buffer.push(db);
        // Writing to a Vec can't fail, and no effect holds what postcard can't write.
        *out = postcard::to_extend(self, buffer).unwrap_or_default();
    }

    /// Reads one effect from the front of `bytes`: the database, the effect and what follows it.
    ///
    /// # Errors
    /// If the bytes don't hold an effect.
    pub fn decode(bytes: &'a [u8]) -> Result<(u8, Self, &'a [u8]), postcard::Error> {
        let (db, rest) = bytes.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        if *db >= crate::limits::DATABASES {
            return Err(postcard::Error::DeserializeBadEnum);
        }
        let (effect, rest) = postcard::take_from_bytes(rest)?;
        Ok((*db, effect, rest))
    }
}
