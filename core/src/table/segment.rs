//! One bounded piece of a [`Table`](super::Table): entries in a dense vector, found through a small open-addressed index.
//!
//! ```text
//! slots   │ tag·index │   –   │ tag·index │ …   a power of two of 16-bit slots, at most three quarters full
//!               │                   │
//! entries │  T  │  T  │  T  │ …           │     in order of insertion; the last one fills the place of a removed one
//! hashes  │ u64 │ u64 │ u64 │ …                 what a split, a scan and a rebuilt index need, so that no key is read
//! ```
//!
//! A slot holds the entry's index in as many low bits as the number of slots takes, and above them bits of its hash, so
//! that nearly every entry looked at is the one wanted. Collisions go to the next slot (linear probing, with backward
//! shifting on removal). A handful of entries needs no index. Nothing here depends on the width of a word or of a SIMD
//! register: the order of the entries is the same on every machine.

use alloc::vec::Vec;

#[derive(Debug, Clone)]
pub(super) struct Segment<T> {
    entries: Vec<T>,
    hashes: Vec<u64>,
    slots: Vec<u16>,
    /// How many of the topmost bits the hashes of this segment have in common.
    pub(super) depth: u32,
    /// Those bits, as a number.
    pub(super) prefix: u64,
}

impl<T> Segment<T> {
    pub(super) const fn new(depth: u32, prefix: u64) -> Self {
        Self { entries: Vec::new(), hashes: Vec::new(), slots: Vec::new(), depth, prefix }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    pub(super) fn entries_mut(&mut self) -> &mut [T] {
        &mut self.entries
    }

    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries
    }

    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// What the three vectors take on the heap.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<T>()
            + self.hashes.capacity() * size_of::<u64>()
            + self.slots.capacity() * size_of::<u16>()
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, mut eq: impl FnMut(&T) -> bool) -> Option<usize> {
        if !self.slots.is_empty() {
            let mask = self.slots.len() - 1;
            let wanted = tag(hash, mask);
            let mut at = hash as usize & mask;
            // An empty slot ends this: a quarter of them is always empty.
            while let Some(&slot) = self.slots.get(at)
                && slot != EMPTY
            {
                let index = usize::from(slot) & mask;
                if slot & !(mask as u16) == wanted && self.entries.get(index).is_some_and(&mut eq) {
                    return Some(index);
                }
                at = (at + 1) & mask;
            }
        }
        let unindexed = if self.slots.is_empty() { 0 } else { INDEXED_MAX };
        if unindexed >= self.entries.len() {
            return None;
        }
        let candidates = self.hashes.iter().zip(&self.entries).enumerate().skip(unindexed);
        candidates.into_iter().find_map(|(index, (other, entry))| (*other == hash && eq(entry)).then_some(index))
    }

    /// Where [`Segment::find`] would look first, as an entry's index: a guess, read from the index alone.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let slot = *self.slots.get(hash as usize & mask)?;
        (slot != EMPTY).then_some(usize::from(slot) & mask)
    }

    pub(super) fn insert(&mut self, hash: u64, entry: T) {
        let index = self.entries.len();
        if index == self.entries.capacity() {
            // A quarter more at a time wastes less than doubling; the copies are bounded by the size of a segment.
            let more = (index / 4).max(4);
            self.entries.reserve_exact(more);
            self.hashes.reserve_exact(more);
        }
        self.entries.push(entry);
        self.hashes.push(hash);
        let needed = slots_for(self.entries.len());
        if needed > self.slots.len() {
            self.rebuild_index(needed);
        } else if index < INDEXED_MAX {
            self.occupy(hash, index);
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        let last = self.entries.len().checked_sub(1)?;
        let (hash, last_hash) = (*self.hashes.get(index)?, *self.hashes.get(last)?);
        if !self.slots.is_empty() {
            if let Some(at) = self.slot_of(hash, index) {
                self.vacate(at);
                if last >= INDEXED_MAX {
                    self.occupy(last_hash, index);
                }
            }
            if index != last
                && let Some(at) = self.slot_of(last_hash, last)
                && let Some(slot) = self.slots.get_mut(at)
            {
                *slot = *slot - last as u16 + index as u16;
            }
        }
        self.hashes.swap_remove(index);
        let entry = self.entries.swap_remove(index);
        self.shrink();
        Some(entry)
    }

    /// Deepens this segment by one bit, and returns the new one with the entries whose bit is set.
    pub(super) fn split(&mut self) -> Self {
        self.depth += 1;
        self.prefix <<= 1;
        let mut upper = Self::new(self.depth, self.prefix | 1);
        let bit = 1_u64 << (u64::BITS - self.depth);
        let entries = core::mem::take(&mut self.entries);
        let hashes = core::mem::take(&mut self.hashes);
        let upper_count = hashes.iter().filter(|hash| *hash & bit != 0).count();
        upper.reserve(upper_count);
        self.reserve(entries.len() - upper_count);
        for (entry, hash) in entries.into_iter().zip(hashes) {
            let half = if hash & bit == 0 { &mut *self } else { &mut upper };
            half.entries.push(entry);
            half.hashes.push(hash);
        }
        self.rebuild_index(slots_for(self.entries.len()));
        upper.rebuild_index(slots_for(upper.entries.len()));
        upper
    }

    /// Takes in the entries of the segment that differs in the last bit only, undoing a split.
    pub(super) fn merge(&mut self, buddy: Self) {
        self.depth -= 1;
        self.prefix >>= 1;
        self.reserve(buddy.entries.len());
        self.entries.extend(buddy.entries);
        self.hashes.extend(buddy.hashes);
        self.rebuild_index(slots_for(self.entries.len()));
    }

    fn reserve(&mut self, count: usize) {
        let count = count + count / 4;
        self.entries.reserve_exact(count);
        self.hashes.reserve_exact(count);
    }

    /// Gives memory back where half of it is unused.
    fn shrink(&mut self) {
        let count = self.entries.len();
        if self.entries.capacity() > 16 && count < self.entries.capacity() / 2 {
            self.entries.shrink_to(count + count / 4);
            self.hashes.shrink_to(count + count / 4);
        }
        // Twice what is needed is kept, so that removing and adding by turns doesn't rebuild each time.
        let needed = slots_for(count + count / 2);
        if self.slots.len() > needed {
            self.rebuild_index(needed);
        }
    }

    fn rebuild_index(&mut self, slot_count: usize) {
        self.slots.clear();
        self.slots.reserve_exact(slot_count);
        self.slots.resize(slot_count, EMPTY);
        self.slots.shrink_to_fit();
        if slot_count > 0 {
            for index in 0..self.hashes.len().min(INDEXED_MAX) {
                if let Some(hash) = self.hashes.get(index) {
                    self.occupy(*hash, index);
                }
            }
        }
    }

    /// Writes an entry into the first free slot from its home on.
    fn occupy(&mut self, hash: u64, index: usize) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut at = hash as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == EMPTY {
                *slot = tag(hash, mask) | index as u16;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn slot_of(&self, hash: u64, index: usize) -> Option<usize> {
        if index >= INDEXED_MAX {
            return None;
        }
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = *self.slots.get(at)?;
            if slot == EMPTY {
                return None;
            }
            if usize::from(slot) & mask == index {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Empties a slot, and moves back into it what had to go past it.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut at = (hole + 1) & mask;
        while let Some(&slot) = self.slots.get(at)
            && slot != EMPTY
        {
            let home = self.hashes.get(usize::from(slot) & mask).map_or(at, |hash| *hash as usize & mask);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                if let Some(place) = self.slots.get_mut(hole) {
                    *place = slot;
                }
                hole = at;
            }
            at = (at + 1) & mask;
        }
        if let Some(place) = self.slots.get_mut(hole) {
            *place = EMPTY;
        }
    }

    /// Panics where the index and the entries disagree.
    #[cfg(test)]
    pub(super) fn assert_consistent(&self) {
        assert_eq!(self.entries.len(), self.hashes.len());
        for (index, hash) in self.hashes.iter().enumerate() {
            assert!(self.depth == 0 || hash >> (u64::BITS - self.depth) == self.prefix);
            assert_eq!(self.slot_of(*hash, index).is_some(), !self.slots.is_empty() && index < INDEXED_MAX);
        }
        let occupied = self.slots.iter().filter(|slot| **slot != EMPTY).count();
        assert_eq!(occupied, if self.slots.is_empty() { 0 } else { self.len().min(INDEXED_MAX) });
        assert!(occupied * 4 <= self.slots.len() * 3 && self.slots.len() >= slots_for(self.len()));
    }
}

/// The part of the hash that a slot keeps beside the index: what the home slot doesn't already say.
#[inline]
fn tag(hash: u64, mask: usize) -> u16 {
    (hash >> 16) as u16 & !(mask as u16)
}

/// How many slots keep `count` entries at most three quarters full.
fn slots_for(count: usize) -> usize {
    if count <= UNINDEXED_MAX {
        return 0;
    }
    (count + count.div_ceil(3)).next_power_of_two().min(SLOTS_MAX)
}

/// No entry: its index would have to be the number of slots, less one, and they are never that full.
const EMPTY: u16 = u16::MAX;

/// So few entries are compared by hash one after another.
const UNINDEXED_MAX: usize = 8;

/// What 16 bits can address.
const SLOTS_MAX: usize = 1 << 16;

/// Entries past this one have no slot, and are searched in order. Only tens of thousands of equal hashes get a segment
/// here, since any others would have been split.
const INDEXED_MAX: usize = SLOTS_MAX / 4 * 3;
