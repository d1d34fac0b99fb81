//! Which keys expire next: a heap of segments of the table, by the earliest deadline in each.
//!
//! A key's deadline stands in its record. Beside each segment the table keeps a note: no key in it is due earlier. The
//! heap has a pair (note, a hash in the segment) for each segment in which a key has a deadline; when the note changes,
//! or a segment splits, another pair is pushed, and the one before is recognised as stale because it isn't the note.
//! So a deadline costs nothing beside its eight bytes in the record, setting one is mostly a comparison, and finding
//! what is due looks at the keys of one segment.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::{env::UnixMillis, order, table::allocation};

/// The earliest deadlines of one database.
#[derive(Debug, Default)]
pub(crate) struct ExpiryIndex {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
}

impl ExpiryIndex {
    /// Notes that in the segment of `hash` nothing is due before `at`.
    pub(crate) fn push(&mut self, at: u64, hash: u64) {
        self.heap.push(Reverse((at, hash)));
    }

    /// The pair with the earliest deadline.
    pub(crate) fn peek(&self) -> Option<(u64, u64)> {
        self.heap.peek().map(|Reverse(pair)| *pair)
    }

    /// Every pair, those that don't hold any more included.
    #[cfg(feature = "server")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.heap.iter().map(|Reverse(pair)| *pair)
    }

    /// A pair drawn at random.
    #[cfg(feature = "server")]
    pub(crate) fn draw(&self, rng: &mut crate::hash::Rng) -> Option<(u64, u64)> {
        self.heap.as_slice().get(rng.index(self.heap.len())).map(|Reverse(pair)| *pair)
    }

    /// Forgets the pair with the earliest deadline.
    pub(crate) fn pop(&mut self) {
        self.heap.pop();
    }

    /// The earliest deadline that may still hold.
    pub(crate) fn next_at(&self) -> Option<UnixMillis> {
        self.peek().map(|(at, _)| UnixMillis(at))
    }

    /// Whether most pairs must be stale, given how many segments there are.
    pub(crate) fn is_mostly_stale(&self, segments: usize) -> bool {
        self.heap.len() > 64 + 4 * segments
    }

    /// Forgets the pairs that don't hold any more, and repetitions. Cost: O(n log n) for n pairs, paid by the n
    /// changes that made them stale.
    pub(crate) fn retain(&mut self, mut holds: impl FnMut(u64, u64) -> bool) {
        let mut pairs = core::mem::take(&mut self.heap).into_vec();
        order::sort(&mut pairs);
        pairs.dedup();
        pairs.retain(|Reverse((at, hash))| holds(*at, *hash));
        self.heap = pairs.into();
    }

    /// What the heap takes.
    pub(crate) fn allocated_bytes(&self) -> usize {
        allocation(self.heap.capacity() * size_of::<(u64, u64)>())
    }

    pub(crate) fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }
}
