//! A hash table that grows a segment at a time.
//!
//! This is extendible hashing (Fagin, Nievergelt, Pippenger and Strong, 1979): a directory, indexed by the topmost bits of
//! the hash, points to segments of bounded size. A full segment is split alone, so no insertion waits for the whole
//! table to move; the directory is a few bytes for hundreds of entries, and doubling it is a short copy.
//!
//! ```text
//! topmost 2 bits  00  01  10  11
//!                  └─┬─┘   │   └─ segment 11
//!          segment 0 ┘     └───── segment 10        a table of one segment has no directory
//! ```
//!
//! It knows no keys and computes no hash: callers pass both, so an entry can be looked up by whatever borrows from it.
//! The order of iteration follows from the hashes and the history of operations alone, on every machine.

mod column;
mod records;
mod segment;
#[cfg(test)]
mod tests;
mod warm;

use alloc::{vec, vec::Vec};

pub use self::column::{Column, Plain};
pub use self::records::{Keyed, Packed};
use self::segment::Segment;
pub(crate) use self::segment::allocation;
use crate::{hash::Rng, order};

/// A table of entries of one size, each with its hash beside it.
pub type Table<T> = Segmented<Plain<T>>;

/// A table of records of bytes that hold their own keys, packed by the segment: a dozen bytes a record beside its own.
pub type Records<K> = Segmented<Packed<K>>;

/// A hash table of entries that hold their own keys.
///
/// ```
/// use sanderling_core::{hash::hash, table::Table};
/// let mut table = Table::new();
/// table.insert_unique(hash(0, b"k"), (*b"k", 1));
/// let found = table.find_mut(hash(0, b"k"), |(key, _)| key == b"k").unwrap();
/// found.1 += 1;
/// assert_eq!(table.remove(hash(0, b"k"), |(key, _)| key == b"k"), Some((*b"k", 2)));
/// ```
#[derive(Debug, Clone)]
pub struct Segmented<C> {
    segments: Vec<Segment<C>>,
    /// The segment of every combination of the topmost `depth` bits; empty as long as there is one segment.
    directory: Vec<u32>,
    depth: u32,
    /// How many segments need all `depth` bits. When none does, the directory is halved.
    deepest_count: usize,
    len: usize,
    /// The most entries that a segment may hold by now: more than [`SEGMENT_MAX`] only where hashes are equal.
    segment_max: usize,
    segment_bytes: usize,
    /// What hashes are computed with, where they aren't kept.
    seed: u64,
    /// A hash of each segment that a split has made, for an owner who [notes](Records::note) something of segments.
    split: Vec<u64>,
}

impl<T> Table<T> {
    /// Returns an empty table, without allocating.
    #[must_use]
    pub const fn new() -> Self {
        Self::seeded(0)
    }

    /// Returns the entry under `hash` for which `eq` holds, to be changed in what doesn't enter its hash. Cost: O(1).
    #[inline]
    #[must_use]
    pub fn find_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let index = self.segment_of(hash);
        let segment = self.segments.get_mut(index)?;
        let index = segment.find(hash, eq)?;
        segment.entries.get_mut(index)
    }

    /// Yields what was in the table.
    pub fn into_entries(self) -> impl Iterator<Item = T> {
        self.segments.into_iter().flat_map(|segment| segment.entries.into_entries())
    }
}

impl<C> Segmented<C> {
    /// Returns an empty table, without allocating, whose hashes are computed with `seed`.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self {
            segments: Vec::new(),
            directory: Vec::new(),
            depth: 0,
            deepest_count: 0,
            len: 0,
            segment_max: SEGMENT_MAX,
            segment_bytes: 0,
            seed,
            split: Vec::new(),
        }
    }

    /// Returns what hashes are computed with.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<C: Column> Segmented<C> {
    /// Returns the entry under `hash` for which `eq` holds. Cost: O(1).
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, eq: impl FnMut(&C::Entry) -> bool) -> Option<&C::Entry> {
        let segment = self.segments.get(self.segment_of(hash))?;
        segment.entries.get(segment.find(hash, eq)?)
    }

    /// Brings what [`Segmented::find`] would read for these hashes, [`WARMED_MAX`] at most, near the processor, and calls
    /// `touch` with the entries that will probably be found.
    ///
    /// A lookup waits for memory several times, each time for what the one before said. Here the lookups go side by side, a
    /// step of all before the next step of any, so that the processor waits for all of them at once. Nothing follows
    /// from the outcome but speed. (Batched lookups of this kind: Kocberber, Falsafi and Grot, "Asynchronous memory
    /// access chaining", 2015.)
    pub fn warm(&self, hashes: &[u64], mut touch: impl FnMut(&C::Entry)) {
        if self.segments.len() < WARMED_SEGMENTS_MIN {
            return;
        }
        let mut sum = 0;
        for hash in hashes {
            sum += self.segments.get(self.segment_of(*hash)).map_or(0, |segment| segment.touch_home(*hash));
        }
        let mut guesses = [(usize::MAX, None); WARMED_MAX];
        for (guess, hash) in guesses.iter_mut().zip(hashes) {
            let segment = self.segment_of(*hash);
            *guess = (segment, self.segments.get(segment).and_then(|segment| segment.guess(*hash)));
        }
        for (segment, index) in guesses.into_iter().take(hashes.len()) {
            let Some(segment) = self.segments.get(segment) else { continue };
            match index {
                Some(index) => segment.entries.get(index).into_iter().for_each(&mut touch),
                // It isn't there, and may be about to be.
                None => sum += segment.entries.touch_end(),
            }
        }
        // Else the compiler would see that nobody wants to know.
        core::hint::black_box(sum);
    }

    /// Adds an entry that isn't in the table yet (else there are two, and lookups find either).
    ///
    /// Cost: O(1) amortised, and never more than one segment's worth of work at a time.
    pub fn insert_unique(&mut self, hash: u64, entry: C::Item<'_>) {
        if self.segments.is_empty() {
            // Many tables never have a second one.
            self.segments.reserve_exact(1);
            self.segments.push(Segment::new(0, 0));
        }
        let mut index = self.segment_of(hash);
        while self.segments.get(index).is_some_and(|segment| segment.len() >= SEGMENT_MAX) && self.split(index) {
            index = self.segment_of(hash);
        }
        if let Some(segment) = self.segments.get_mut(index) {
            let before = segment.allocated_bytes();
            segment.insert(hash, self.seed, entry);
            self.segment_bytes = self.segment_bytes + segment.allocated_bytes() - before;
            self.segment_max = self.segment_max.max(segment.len());
            self.len += 1;
        }
    }

    /// Removes the entry under `hash` for which `eq` holds, and returns it. Cost: O(1) amortised.
    pub fn remove(&mut self, hash: u64, eq: impl FnMut(&C::Entry) -> bool) -> Option<C::Removed> {
        let index = self.segment_of(hash);
        let segment = self.segments.get_mut(index)?;
        let found = segment.find(hash, eq)?;
        let before = segment.allocated_bytes();
        let entry = segment.remove(self.seed, found)?;
        self.segment_bytes = self.segment_bytes + segment.allocated_bytes() - before;
        self.len -= 1;
        if self.len == 0 && self.segments.capacity() > 1 {
            self.clear();
        } else {
            self.merge(index);
        }
        Some(entry)
    }

    /// Removes everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::seeded(self.seed);
    }

    /// Yields the entries, in an order that follows from hashes and history.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, C> {
        Iter { segments: self.segments.iter(), entries: None, index: 0, left: self.len }
    }

    /// Visits some of the entries, about `count`, and returns the cursor to go on from; 0 starts and ends.
    ///
    /// Entries are visited in the order of their hash and the cursor is a place in that order, nothing else. So each entry
    /// that is in the table from the first call to the last is visited exactly once, whatever is added, removed, split
    /// or merged in between. Entries that share the upper 48 bits of their hash are visited together. A cursor fits in 48 bits.
    ///
    /// Cost: O(`count`) and a segment.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a C::Entry)) -> u64 {
        let mut from = cursor;
        let mut left = count.max(1);
        let mut found: Vec<(u64, usize)> = Vec::new();
        while from < CURSOR_END {
            let Some(segment) = self.segments.get(self.segment_of(from << CURSOR_SHIFT)) else { return 0 };
            let hashes = (0..segment.len()).filter_map(|index| Some((index, segment.entries.hash(self.seed, index)?)));
            let places = hashes.map(|(index, hash)| (hash >> CURSOR_SHIFT, index));
            found.clear();
            found.extend(places.filter(|(place, _)| *place >= from));
            let mut next = (segment.prefix + 1) << (CURSOR_BITS - segment.depth);
            if found.len() > left {
                next = order::smallest(&mut found, left).map_or(next, |(last, _)| last + 1);
                found.retain(|(place, _)| *place < next);
            }
            order::sort(&mut found);
            found.iter().filter_map(|(_, index)| segment.entries.get(*index)).for_each(&mut visit);
            from = next;
            left = left.saturating_sub(found.len());
            if left == 0 {
                break;
            }
        }
        if from < CURSOR_END { from } else { 0 }
    }

    /// Returns the place of a hash in the order of [`Segmented::scan`]: a scan has passed it when its cursor is beyond.
    #[must_use]
    pub const fn place(hash: u64) -> u64 {
        hash >> CURSOR_SHIFT
    }

    /// Returns an entry drawn at random, each equally likely.
    ///
    /// Cost: O(1) expected: a segment and a place in it are drawn until the place is taken, at most a few times; if that
    /// fails, all segments are counted through.
    #[must_use]
    pub fn sample(&self, rng: &mut Rng) -> Option<&C::Entry> {
        let (segment, index) = self.draw(rng)?;
        self.segments.get(segment)?.entries.get(index)
    }

    /// Draws the segment of an entry, and the entry's index in it.
    fn draw(&self, rng: &mut Rng) -> Option<(usize, usize)> {
        if let [segment] = self.segments.as_slice() {
            return Some((0, rng.index(segment.len())));
        }
        for _ in 0..SAMPLE_TRIES_MAX {
            let at = rng.index(self.segments.len());
            let index = rng.index(self.segment_max);
            if index < self.segments.get(at)?.len() {
                return Some((at, index));
            }
        }
        let mut index = rng.index(self.len);
        for (at, segment) in self.segments.iter().enumerate() {
            if index < segment.len() {
                return Some((at, index));
            }
            index -= segment.len();
        }
        None
    }

    /// Returns the bytes that the table has allocated, without what its entries point to. Cost: O(1).
    #[must_use]
    pub const fn allocated_bytes(&self) -> usize {
        allocation(self.segments.capacity() * size_of::<Segment<C>>())
            + allocation(self.directory.capacity() * size_of::<u32>())
            + self.segment_bytes
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> usize {
        if self.depth == 0 {
            return 0;
        }
        self.directory.get((hash >> (u64::BITS - self.depth)) as usize).map_or(0, |index| *index as usize)
    }

    /// Splits a segment; returns false where that would need an absurdly large directory, because hashes are equal.
    fn split(&mut self, index: usize) -> bool {
        let Ok(upper_index) = u32::try_from(self.segments.len()) else { return false };
        let Some(depth) = self.segments.get(index).map(|segment| segment.depth) else { return false };
        if depth == self.depth && !self.double_directory() {
            return false;
        }
        let Some(segment) = self.segments.get_mut(index) else { return false };
        let before = segment.allocated_bytes();
        let upper = segment.split(self.seed);
        if upper.note != u64::MAX {
            let shift = u64::BITS - upper.depth;
            self.split.extend([segment.prefix << shift, upper.prefix << shift]);
        }
        self.segment_bytes = self.segment_bytes + segment.allocated_bytes() + upper.allocated_bytes() - before;
        if upper.depth == self.depth {
            self.deepest_count += 2;
        }
        self.direct(upper.depth, upper.prefix, upper_index);
        self.segments.push(upper);
        true
    }

    fn double_directory(&mut self) -> bool {
        let count = (1_usize << self.depth) * 2;
        if self.depth >= DEPTH_MAX || count > self.segments.len().saturating_mul(DIRECTORY_SKEW_MAX) {
            return false;
        }
        self.directory = if self.depth == 0 {
            vec![0, 0]
        } else {
            self.directory.iter().flat_map(|index| [*index, *index]).collect()
        };
        self.depth += 1;
        self.deepest_count = 0;
        true
    }

    /// Merges a segment with its buddy as long as both together are nearly empty, and halves the directory as long as
    /// nothing needs its last bit.
    fn merge(&mut self, mut index: usize) {
        while let Some(segment) = self.segments.get(index)
            && segment.depth > 0
            && segment.len() <= MERGED_MAX
        {
            let (depth, prefix) = (segment.depth, segment.prefix);
            let buddy_index = self.segment_of((prefix ^ 1) << (u64::BITS - depth));
            let Some(buddy) = self.segments.get(buddy_index) else { return };
            if buddy.depth != depth || segment.len() + buddy.len() > MERGED_MAX {
                return;
            }
            index = self.merge_buddies(index, buddy_index);
            if depth == self.depth {
                self.deepest_count -= 2;
                self.halve_directory();
            }
        }
    }

    /// Merges two segments and returns the place of the result, after what was last has taken the place of the other.
    fn merge_buddies(&mut self, index: usize, buddy_index: usize) -> usize {
        let last = self.segments.len() - 1;
        let buddy = self.segments.swap_remove(buddy_index);
        let index = if index == last { buddy_index } else { index };
        let Some(segment) = self.segments.get_mut(index) else { return index };
        let before = segment.allocated_bytes() + buddy.allocated_bytes();
        segment.merge(self.seed, buddy);
        self.segment_bytes = self.segment_bytes + segment.allocated_bytes() - before;
        let (depth, prefix) = (segment.depth, segment.prefix);
        self.direct(depth, prefix, index as u32);
        if let Some(moved) = self.segments.get(buddy_index) {
            self.direct(moved.depth, moved.prefix, buddy_index as u32);
        }
        if self.segments.len() < self.segments.capacity() / 4 {
            self.segments.shrink_to(self.segments.len() * 2);
        }
        index
    }

    fn halve_directory(&mut self) {
        while self.depth > 0 && self.deepest_count == 0 {
            self.depth -= 1;
            self.directory =
                if self.depth == 0 { Vec::new() } else { self.directory.iter().step_by(2).copied().collect() };
            self.deepest_count = self.segments.iter().filter(|segment| segment.depth == self.depth).count();
        }
    }

    /// Points every directory entry that begins with `prefix` to a segment.
    fn direct(&mut self, depth: u32, prefix: u64, index: u32) {
        let start = (prefix as usize) << (self.depth - depth);
        let end = start + (1 << (self.depth - depth));
        if let Some(range) = self.directory.get_mut(start..end) {
            range.fill(index);
        }
    }
}

impl<C> Default for Segmented<C> {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl<'a, C: Column> IntoIterator for &'a Segmented<C> {
    type Item = &'a C::Entry;
    type IntoIter = Iter<'a, C>;

    fn into_iter(self) -> Iter<'a, C> {
        self.iter()
    }
}

/// The entries of a table.
#[derive(Debug, Clone)]
pub struct Iter<'a, C> {
    segments: core::slice::Iter<'a, Segment<C>>,
    entries: Option<&'a C>,
    index: usize,
    left: usize,
}

impl<'a, C: Column> Iterator for Iter<'a, C> {
    type Item = &'a C::Entry;

    fn next(&mut self) -> Option<&'a C::Entry> {
        loop {
            if let Some(entry) = self.entries.and_then(|entries| entries.get(self.index)) {
                self.index += 1;
                self.left -= 1;
                return Some(entry);
            }
            (self.entries, self.index) = (Some(&self.segments.next()?.entries), 0);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<C: Column> ExactSizeIterator for Iter<'_, C> {}

/// Lookups that [`Segmented::warm`] does side by side: some more than the misses that a core keeps open at a time.
pub const WARMED_MAX: usize = 16;

/// A table of fewer segments is in the cache anyway.
const WARMED_SEGMENTS_MIN: usize = 16;

/// A segment that holds this many is split: few enough that a split takes microseconds, enough that the directory and
/// the segments' own size don't count; and what 512 slots index, three quarters full.
const SEGMENT_MAX: usize = 384;

/// Two halves that hold no more than this together are merged: far from [`SEGMENT_MAX`], so that they stay merged.
const MERGED_MAX: usize = SEGMENT_MAX / 4;

/// The directory may have this many entries for each segment. Random hashes need two or three; equal ones would need
/// ever more, and get larger segments instead.
const DIRECTORY_SKEW_MAX: usize = 32;

/// More bits than this would index a directory larger than any memory.
const DEPTH_MAX: u32 = if usize::BITS == 64 { 40 } else { 24 };

/// After so many draws in vain, with segments so uneven, all of them are counted through instead.
const SAMPLE_TRIES_MAX: usize = 64;

/// A scan's cursor is the upper part of a hash, so that it fits in a JavaScript number.
const CURSOR_BITS: u32 = 48;
const CURSOR_SHIFT: u32 = u64::BITS - CURSOR_BITS;
const CURSOR_END: u64 = 1 << CURSOR_BITS;
