//! One bounded piece of a [`Table`](super::Table): entries in a dense column, found through a small open-addressed index.
//!
//! ```text
//! slots   │ tag·index │   –   │ tag·index │ …   a power of two of 16-bit slots, at most three quarters full
//!               │                   │
//! column  │ entry │ entry │ entry │ …     │     in order of insertion; the last one fills the place of a removed one
//! ```
//!
//! A slot holds the entry's index in as many low bits as the number of slots takes, and above them bits of its hash, so
//! that nearly every entry looked at is the one wanted. Collisions go to the next slot (linear probing, with backward
//! shifting on removal). A handful of entries needs no index. Nothing here depends on the width of a word or of a SIMD
//! register: the order of the entries is the same on every machine.

use alloc::vec::Vec;

use super::column::Column;

#[derive(Debug, Clone)]
pub(super) struct Segment<C> {
    pub(super) entries: C,
    slots: Vec<u16>,
    /// How many of the topmost bits the hashes of this segment have in common.
    pub(super) depth: u32,
    /// Those bits, as a number.
    pub(super) prefix: u64,
    /// What the table's owner has noted.
    pub(super) note: u64,
}

impl<C: Column> Segment<C> {
    pub(super) fn new(depth: u32, prefix: u64) -> Self {
        Self { entries: C::default(), slots: Vec::new(), depth, prefix, note: u64::MAX }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What the column and the slots take on the heap.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.entries.allocated_bytes() + allocation(self.slots.capacity() * size_of::<u16>())
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, mut eq: impl FnMut(&C::Entry) -> bool) -> Option<usize> {
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
        (unindexed..self.entries.len()).find(|index| self.entries.get(*index).is_some_and(&mut eq))
    }

    /// Reads the place where the index begins to look for a hash, without looking at what is there: nothing waits for it.
    #[inline]
    pub(super) fn touch_home(&self, hash: u64) -> usize {
        self.slots.get(hash as usize & self.slots.len().wrapping_sub(1)).map_or(0, |slot| usize::from(*slot))
    }

    /// Which entry [`Segment::find`] would look at first: a guess, read from the index alone. Nearly always it is the one,
    /// and there's none if there is no such entry.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let wanted = tag(hash, mask);
        let mut at = hash as usize & mask;
        while let Some(&slot) = self.slots.get(at)
            && slot != EMPTY
        {
            if slot & !(mask as u16) == wanted {
                return Some(usize::from(slot) & mask);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// The entries that the index has from the home of a hash on, without a gap.
    #[cfg(feature = "server")]
    pub(super) fn run(&self, hash: u64) -> impl Iterator<Item = usize> {
        let mask = self.slots.len().saturating_sub(1);
        let home = hash as usize & mask;
        let slots = self.slots.iter().cycle().skip(home).take(self.slots.len());
        slots.take_while(|slot| **slot != EMPTY).map(move |slot| usize::from(*slot) & mask)
    }

    pub(super) fn insert(&mut self, hash: u64, seed: u64, entry: C::Item<'_>) {
        let index = self.entries.len();
        self.entries.push(hash, entry);
        let needed = slots_for(self.entries.len());
        if needed > self.slots.len() {
            self.rebuild_index(seed, needed);
        } else if index < INDEXED_MAX {
            occupy(&mut self.slots, hash, index);
        }
    }

    pub(super) fn remove(&mut self, seed: u64, index: usize) -> Option<C::Removed> {
        let last = self.entries.len().checked_sub(1)?;
        let (hash, last_hash) = (self.entries.hash(seed, index)?, self.entries.hash(seed, last)?);
        if !self.slots.is_empty() {
            if let Some(at) = self.slot_of(hash, index) {
                self.vacate(seed, at);
                if last >= INDEXED_MAX {
                    occupy(&mut self.slots, last_hash, index);
                }
            }
            if index != last
                && let Some(at) = self.slot_of(last_hash, last)
                && let Some(slot) = self.slots.get_mut(at)
            {
                *slot = *slot - last as u16 + index as u16;
            }
        }
        let removed = self.entries.swap_remove(index);
        self.entries.shrink();
        // Twice what is needed is kept, so that removing and adding by turns doesn't rebuild each time.
        let needed = slots_for(last + last / 2);
        if self.slots.len() > needed {
            self.rebuild_index(seed, needed);
        }
        removed
    }

    /// Deepens this segment by one bit, and returns the new one with the entries whose bit is set.
    pub(super) fn split(&mut self, seed: u64) -> Self {
        self.depth += 1;
        self.prefix <<= 1;
        let mut upper = Self::new(self.depth, self.prefix | 1);
        let bit = 1_u64 << (u64::BITS - self.depth);
        let hashes = (0..self.len()).map(|index| self.entries.hash(seed, index).unwrap_or_default());
        let hashes: Vec<u64> = hashes.collect();
        upper.entries = self.entries.split(&hashes, bit);
        upper.note = self.note;
        let (upper_hashes, hashes): (Vec<u64>, Vec<u64>) = hashes.into_iter().partition(|hash| hash & bit != 0);
        index(&mut self.slots, slots_for(hashes.len()), hashes.into_iter());
        index(&mut upper.slots, slots_for(upper_hashes.len()), upper_hashes.into_iter());
        upper
    }

    /// Takes in the entries of the segment that differs in the last bit only, undoing a split.
    pub(super) fn merge(&mut self, seed: u64, buddy: Self) {
        self.depth -= 1;
        self.prefix >>= 1;
        self.entries.append(buddy.entries);
        self.note = self.note.min(buddy.note);
        self.rebuild_index(seed, slots_for(self.entries.len()));
    }

    fn rebuild_index(&mut self, seed: u64, slot_count: usize) {
        let Self { entries, slots, .. } = self;
        index(slots, slot_count, (0..entries.len()).map(|index| entries.hash(seed, index).unwrap_or_default()));
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
    fn vacate(&mut self, seed: u64, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut at = (hole + 1) & mask;
        while let Some(&slot) = self.slots.get(at)
            && slot != EMPTY
        {
            let home = self.entries.hash(seed, usize::from(slot) & mask).map_or(at, |hash| hash as usize & mask);
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
    pub(super) fn assert_consistent(&self, seed: u64) {
        for index in 0..self.len() {
            let hash = self.entries.hash(seed, index).unwrap();
            assert!(self.depth == 0 || hash >> (u64::BITS - self.depth) == self.prefix);
            assert_eq!(self.slot_of(hash, index).is_some(), !self.slots.is_empty() && index < INDEXED_MAX);
        }
        let occupied = self.slots.iter().filter(|slot| **slot != EMPTY).count();
        assert_eq!(occupied, if self.slots.is_empty() { 0 } else { self.len().min(INDEXED_MAX) });
        assert!(occupied * 4 <= self.slots.len() * 3 && self.slots.len() >= slots_for(self.len()));
    }
}

/// Makes an index of so many slots for entries with these hashes.
fn index(slots: &mut Vec<u16>, slot_count: usize, hashes: impl Iterator<Item = u64>) {
    slots.clear();
    slots.reserve_exact(slot_count);
    slots.resize(slot_count, EMPTY);
    slots.shrink_to_fit();
    if slot_count > 0 {
        hashes.take(INDEXED_MAX).enumerate().for_each(|(index, hash)| occupy(slots, hash, index));
    }
}

/// Writes an entry into the first free slot from its home on.
fn occupy(slots: &mut [u16], hash: u64, index: usize) {
    let Some(mask) = slots.len().checked_sub(1) else { return };
    let mut at = hash as usize & mask;
    while let Some(slot) = slots.get_mut(at) {
        if *slot == EMPTY {
            *slot = tag(hash, mask) | index as u16;
            return;
        }
        at = (at + 1) & mask;
    }
}

/// The part of the hash that a slot keeps beside the index: what the home slot doesn't already say.
#[inline]
fn tag(hash: u64, mask: usize) -> u16 {
    (hash >> 16) as u16 & !(mask as u16)
}

/// What an allocation of so many bytes takes: allocators keep a word beside it, and round up.
pub(crate) const fn allocation(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + size_of::<usize>()).next_multiple_of(2 * size_of::<usize>()),
    }
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
