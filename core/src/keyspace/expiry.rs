//! Which keys expire next: a heap of deadlines that forgets lazily.
//!
//! Setting a deadline pushes (deadline, hash of the key); changing or removing one leaves the old pair behind,
//! which is recognised when it comes up because no entry with that hash is due any more. When stale pairs
//! outnumber the live ones the heap is rebuilt by its owner. 16 bytes a key with a deadline, O(log n) to set one,
//! and finding what is due never looks at keys that aren't.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::{env::UnixMillis, order};

/// The deadlines of one database.
#[derive(Debug, Default)]
pub(crate) struct ExpiryIndex {
    heap: BinaryHeap<Reverse<(UnixMillis, u64)>>,
}

impl ExpiryIndex {
    /// Notes that a key whose hash is `hash` expires at `at`.
    pub(crate) fn push(&mut self, at: UnixMillis, hash: u64) {
        self.heap.push(Reverse((at, hash)));
    }

    /// The hash of a key that may be due at `now`, without taking it.
    pub(crate) fn peek_due(&self, now: UnixMillis) -> Option<u64> {
        self.heap.peek().filter(|Reverse((at, _))| *at <= now).map(|Reverse((_, hash))| *hash)
    }

    /// Takes the hash of a key that may be due at `now`.
    pub(crate) fn pop_due(&mut self, now: UnixMillis) -> Option<u64> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, hash))| hash),
            _ => None,
        }
    }

    /// The earliest deadline that may still hold.
    pub(crate) fn next_at(&self) -> Option<UnixMillis> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether most pairs must be stale, given how many keys have a deadline.
    pub(crate) fn is_mostly_stale(&self, live: usize) -> bool {
        self.heap.len() > 64 + 2 * live
    }

    /// Forgets the pairs that don't hold any more, and repetitions. Cost: O(n log n) for n pairs, paid by the n
    /// changes that made them stale.
    pub(crate) fn retain(&mut self, mut holds: impl FnMut(UnixMillis, u64) -> bool) {
        let mut pairs = core::mem::take(&mut self.heap).into_vec();
        order::sort(&mut pairs);
        pairs.dedup();
        pairs.retain(|Reverse((at, hash))| holds(*at, *hash));
        self.heap = pairs.into();
    }

    /// What the heap takes.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<(UnixMillis, u64)>()
    }

    pub(crate) fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }
}
