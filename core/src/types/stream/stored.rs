//! A whole stream, as it travels in snapshots and from key to key.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::StreamId;
use crate::{blob::Blob, env::UnixMillis};

/// The content of a stream, independent of its layout in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredStream<'a> {
    /// The id that was given last.
    pub last_id: StreamId,
    /// The highest id that was removed by its name.
    pub max_deleted: StreamId,
    /// How many entries were ever added.
    pub added: u64,
    /// The entries in order: the id, and fields with their values.
    #[serde(borrow)]
    pub entries: Vec<(StreamId, Vec<Blob<'a>>)>,
    /// The groups by name.
    #[serde(borrow)]
    pub groups: Vec<StoredGroup<'a>>,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredGroup<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Blob<'a>,
    /// The last entry that was delivered for the first time.
    pub last_id: StreamId,
    /// How many entries had come by then, if that is known.
    pub entries_read: Option<u64>,
    /// The consumers by name.
    #[serde(borrow)]
    pub consumers: Vec<StoredConsumer<'a>>,
}

/// A consumer, with what it hasn't acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredConsumer<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Blob<'a>,
    /// When it was heard of last.
    pub seen_at: UnixMillis,
    /// What is pending, by id.
    pub pending: Vec<StoredDelivery>,
}

/// The last delivery of an entry to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDelivery {
    /// The entry.
    pub id: StreamId,
    /// When it was delivered.
    pub at: UnixMillis,
    /// How often it has been.
    pub count: u64,
}
