//! The recent log in memory: what replicas that reconnect are served from.
//!
//! ```text
//!  chunks   [ records 1..=900 ] [ records 901..=1700 ] [ records 1701..   ]  ← new ones
//!  ↑ dropped whole, the oldest first, once they pass the limit together
//! ```
//! Records lie one after the other in chunks, because most are some dozens of bytes: an allocation for each would
//! cost more than the record, when it is made and again when it is dropped. It doesn't know what a record means.

use alloc::{
    collections::{VecDeque, vec_deque},
    vec::Vec,
};

/// Recent records of the log, in order.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    chunks: VecDeque<Chunk>,
    /// Records in all chunks.
    len: usize,
    /// Records that were dropped.
    dropped: usize,
    /// Their bytes.
    bytes: usize,
    /// What the next chunk is made of: one that was dropped.
    spare: Chunk,
}

/// Neighbouring records.
#[derive(Debug, Default)]
struct Chunk {
    /// The number of its first record, counting those that were dropped.
    first: usize,
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<u32>,
}

impl Backlog {
    /// Adds a record, which `write` appends to a buffer. Returns its bytes. Drops old ones past `bytes_max`.
    pub(super) fn push(&mut self, bytes_max: usize, write: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        while self.bytes > bytes_max
            && let Some(dropped) = self.chunks.pop_front()
        {
            self.len -= dropped.ends.len();
            self.dropped += dropped.ends.len();
            self.bytes -= dropped.bytes.len();
            self.spare = dropped.emptied();
        }
        if self.chunks.back().is_none_or(|chunk| chunk.bytes.len() >= CHUNK_BYTES) {
            let first = self.dropped + self.len;
            self.chunks.push_back(Chunk { first, ..core::mem::take(&mut self.spare) });
        }
        let Some(chunk) = self.chunks.back_mut() else { return &[] };
        let start = chunk.bytes.len();
        write(&mut chunk.bytes);
        self.len += 1;
        self.bytes += chunk.bytes.len() - start;
        // A chunk ends past 64 KiB, and a record's effects are at most 4 GiB: only a record that can't be, overflows.
        chunk.ends.push(u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX));
        chunk.bytes.get(start..).unwrap_or_default()
    }

    /// Records that are kept.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of those.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The records from the `first` oldest one on. Cost to find it: O(log chunks).
    pub(super) fn range(&self, first: usize) -> Records<'_> {
        let number = self.dropped + first;
        let at = self.chunks.partition_point(|chunk| chunk.first <= number).saturating_sub(1);
        let mut chunks = self.chunks.range(at.min(self.chunks.len())..);
        let current = chunks.next().map(|chunk| (chunk, number - chunk.first));
        Records { current, chunks }
    }

    /// The record after the `index` oldest ones. Cost: O(log chunks).
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let number = self.dropped + index;
        let chunk = self.chunks.get(self.chunks.partition_point(|chunk| chunk.first <= number).checked_sub(1)?)?;
        chunk.record(number - chunk.first)
    }
}

impl Chunk {
    /// An empty chunk in the same memory, unless a large record blew it up.
    fn emptied(mut self) -> Self {
        if self.bytes.capacity() > 2 * CHUNK_BYTES {
            return Self::default();
        }
        self.bytes.clear();
        self.ends.clear();
        self
    }

    fn record(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        self.bytes.get(start..end)
    }
}

/// Records in order.
#[derive(Debug)]
pub(super) struct Records<'a> {
    current: Option<(&'a Chunk, usize)>,
    chunks: vec_deque::Iter<'a, Chunk>,
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (chunk, index) = self.current?;
            if let Some(record) = chunk.record(index) {
                self.current = Some((chunk, index + 1));
                return Some(record);
            }
            self.current = self.chunks.next().map(|chunk| (chunk, 0));
        }
    }
}

/// Bytes at which a chunk is closed: about a thousand small records.
const CHUNK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_keeps_the_newest_records(
            sizes in prop::collection::vec(prop_oneof![0..50_usize, 20_000..90_000_usize], 1..60),
            bytes_max in prop_oneof![Just(0), 1..1_000_000_usize],
            first in any::<prop::sample::Index>(),
        ) {
            let mut backlog = Backlog::default();
            let mut all: Vec<Vec<u8>> = vec![];
            for (index, size) in sizes.into_iter().enumerate() {
                let record = vec![index as u8; size];
                prop_assert_eq!(backlog.push(bytes_max, |out| out.extend_from_slice(&record)), &record[..]);
                all.push(record);
                let kept = &all[all.len() - backlog.len()..];
                let first = first.index(kept.len() + 1);
                let found: Vec<_> = backlog.range(first).collect();
                prop_assert_eq!(found, &kept[first..]);
                prop_assert_eq!(backlog.get(first), kept.get(first).map(Vec::as_slice));
                // At most one chunk and one record more than the limit are kept, and nothing is dropped needlessly.
                let bytes: usize = kept.iter().map(Vec::len).sum();
                prop_assert!(bytes <= bytes_max + CHUNK_BYTES + 90_000);
                let everything: usize = all.iter().map(Vec::len).sum();
                prop_assert!(kept.len() == all.len() || everything > bytes_max);
            }
        }
    }
}
