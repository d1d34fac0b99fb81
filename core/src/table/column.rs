//! What a segment keeps its entries in: a dense column of them, addressed by index.

use alloc::vec::Vec;

use super::allocation;

/// Entries in a row. An index means the same entry until one is removed; then the last one takes its place.
pub trait Column: Default {
    /// What is added.
    type Item<'a>;
    /// What is looked at.
    type Entry: ?Sized;
    /// What a removal gives back.
    type Removed;

    /// Returns the number of entries.
    fn len(&self) -> usize;
    /// Tells whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns an entry.
    fn get(&self, index: usize) -> Option<&Self::Entry>;
    /// Returns the hash of an entry, as it was added under it.
    fn hash(&self, seed: u64, index: usize) -> Option<u64>;
    /// Reads what an entry that is added will be written next to.
    fn touch_end(&self) -> usize {
        0
    }
    /// Adds an entry at the end.
    fn push(&mut self, hash: u64, entry: Self::Item<'_>);
    /// Removes an entry; the last one takes its place.
    fn swap_remove(&mut self, index: usize) -> Option<Self::Removed>;
    /// Moves the entries whose hash has this bit set to a column of their own, the hashes being these.
    fn split(&mut self, hashes: &[u64], bit: u64) -> Self;
    /// Takes in all entries of another.
    fn append(&mut self, other: Self);
    /// Gives memory back where much of it is unused.
    fn shrink(&mut self);
    /// Returns what is allocated on the heap, without what entries point to.
    fn allocated_bytes(&self) -> usize;
}

/// Entries of one size, and their hashes: what a split, a scan and a rebuilt index need, so that no key is read.
#[derive(Debug, Clone)]
pub struct Plain<T> {
    entries: Vec<T>,
    hashes: Vec<u64>,
}

impl<T> Plain<T> {
    /// Returns an entry, to be changed in what doesn't enter its hash.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.entries.get_mut(index)
    }

    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries
    }

    fn reserve(&mut self, count: usize) {
        let count = count + count / 8;
        self.entries.reserve_exact(count);
        self.hashes.reserve_exact(count);
    }
}

impl<T> Default for Plain<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), hashes: Vec::new() }
    }
}

impl<T> Column for Plain<T> {
    type Item<'a> = T;
    type Entry = T;
    type Removed = T;

    fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&T> {
        self.entries.get(index)
    }

    fn hash(&self, _: u64, index: usize) -> Option<u64> {
        self.hashes.get(index).copied()
    }

    fn push(&mut self, hash: u64, entry: T) {
        let index = self.entries.len();
        if index == self.entries.capacity() {
            // A quarter more at a time wastes less than doubling; the copies are bounded by the size of a segment.
            let more = (index / 4).max(4);
            self.entries.reserve_exact(more);
            self.hashes.reserve_exact(more);
        }
        self.entries.push(entry);
        self.hashes.push(hash);
    }

    fn swap_remove(&mut self, index: usize) -> Option<T> {
        if index >= self.entries.len() {
            return None;
        }
        self.hashes.swap_remove(index);
        Some(self.entries.swap_remove(index))
    }

    fn split(&mut self, _: &[u64], bit: u64) -> Self {
        let mut upper = Self::default();
        let Self { entries, hashes } = core::mem::take(self);
        let upper_count = hashes.iter().filter(|hash| *hash & bit != 0).count();
        upper.reserve(upper_count);
        self.reserve(entries.len() - upper_count);
        for (entry, hash) in entries.into_iter().zip(hashes) {
            let half = if hash & bit == 0 { &mut *self } else { &mut upper };
            half.entries.push(entry);
            half.hashes.push(hash);
        }
        upper
    }

    fn append(&mut self, other: Self) {
        self.reserve(other.len());
        self.entries.extend(other.entries);
        self.hashes.extend(other.hashes);
    }

    fn shrink(&mut self) {
        let count = self.entries.len();
        if self.entries.capacity() > 16 && count < self.entries.capacity() / 2 {
            self.entries.shrink_to(count + count / 4);
            self.hashes.shrink_to(count + count / 4);
        }
    }

    fn allocated_bytes(&self) -> usize {
        allocation(self.entries.capacity() * size_of::<T>()) + allocation(self.hashes.capacity() * size_of::<u64>())
    }
}
