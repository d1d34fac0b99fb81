//! Snapshot chunks: keys with their values and deadlines, as the effects that put them there.
//!
//! A chunk's payload is a run of (database, effect) pairs, like a record's, each a `Put`. Loading a chunk is applying it.

use alloc::vec::Vec;

use crate::{
    effect::{Change, Effect, Put, stored_value},
    keyspace::Entry,
    limits::CHUNK_BYTES,
};

/// Packs entries into chunks of about [`CHUNK_BYTES`].
#[derive(Debug, Default)]
pub struct ChunkWriter {
    bytes: Vec<u8>,
}

impl ChunkWriter {
    /// Makes a writer with an empty chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry of database `db`. Returns a chunk once enough has gathered.
    pub fn push(&mut self, db: u8, entry: Entry<'_>) -> Option<Vec<u8>> {
        let put = Put { value: stored_value(entry.value), expires_at: entry.expires_at };
        Effect::new(entry.key, Change::Put(put)).encode(db, &mut self.bytes);
        (self.bytes.len() >= CHUNK_BYTES).then(|| core::mem::take(&mut self.bytes))
    }

    /// The last chunk, if it holds anything.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.bytes.is_empty()).then_some(self.bytes)
    }
}

/// Reads the entries of a chunk.
#[derive(Debug)]
pub struct ChunkReader<'a>(&'a [u8]);

impl<'a> ChunkReader<'a> {
    /// Reads from a chunk's payload.
    pub fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    /// The effects that put the chunk's keys in place.
    pub fn effects(self) -> impl Iterator<Item = Result<(u8, Effect<'a>), postcard::Error>> + use<'a> {
        super::effects(self.0)
    }
}
