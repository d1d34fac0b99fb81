//! Records of bytes, back to back in pages: no allocation a record, and no pointer.
//!
//! ```text
//! starts │ page·offset │ page·offset │ …     one a record, in the order of their indexes
//!             │
//! pages  │ length │ record … │ length │ record … │ dead … │ free │    2 KB each; the last one grows as it is filled
//! long   │ (index, record) │ …               those of more than 255 bytes, each in an allocation of its own
//! ```
//!
//! Full pages are all of one size, and the last one of a few, so that what one table frees suits the next, and little
//! is copied to make room. What a record was removed from, or moved away from because its size changed, is dead until it
//! is worth the while to copy the rest together: a segment's worth of work at most, some tens of kilobytes.
//!
//! It doesn't know what is in a record but for where its key stands, which [`Keyed`] tells: a hash is computed when it
//! is needed, in splits and scans, instead of being kept in eight bytes.

use alloc::{boxed::Box, vec::Vec};
use core::marker::PhantomData;

use super::{Column, Records, allocation};
use crate::hash::hash;

/// Where the key stands in a record.
pub trait Keyed {
    /// Returns the key of a record.
    fn key(record: &[u8]) -> &[u8];
}

impl<K: Keyed> Records<K> {
    /// Returns the record with this key. Cost: O(1).
    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(hash(self.seed, key), |record| K::key(record) == key)
    }

    /// Returns the record with this key, to be changed in what isn't its key. Cost: O(1).
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut [u8]> {
        let hash = hash(self.seed, key);
        let index = self.segment_of(hash);
        let segment = self.segments.get_mut(index)?;
        let index = segment.find(hash, |record| K::key(record) == key)?;
        segment.entries.get_mut(index)
    }

    /// Adds a record, given in two parts, whose key isn't in the table yet. Cost: as [`Self::insert_unique`].
    pub fn insert(&mut self, key: &[u8], head: &[u8], tail: &[u8]) {
        self.insert_unique(hash(self.seed, key), (head, tail));
    }

    /// Puts a record, given in two parts, in the place of the one with this key; returns whether there was one.
    ///
    /// Cost: O(its length), and once in a while a segment's worth of work.
    pub fn replace(&mut self, key: &[u8], head: &[u8], tail: &[u8]) -> bool {
        let hash = hash(self.seed, key);
        let index = self.segment_of(hash);
        let Some(segment) = self.segments.get_mut(index) else { return false };
        let Some(found) = segment.find(hash, |record| K::key(record) == key) else { return false };
        if segment.entries.overwrite(found, head, tail) {
            return true;
        }
        let before = segment.allocated_bytes();
        segment.entries.replace(found, head, tail);
        self.segment_bytes = self.segment_bytes + segment.allocated_bytes() - before;
        true
    }

    /// Removes the record with this key; returns whether there was one. Cost: O(1) amortised.
    pub fn discard(&mut self, key: &[u8]) -> bool {
        self.remove(hash(self.seed, key), |record| K::key(record) == key).is_some()
    }

    /// Yields the records that share a segment with this hash.
    pub fn neighbours(&self, hash: u64) -> impl Iterator<Item = &[u8]> {
        let entries = self.segments.get(self.segment_of(hash)).map(|segment| &segment.entries);
        entries.into_iter().flat_map(|entries| (0..entries.len()).filter_map(|index| entries.get(index)))
    }

    /// Returns what the owner has noted of the segment of this hash: `u64::MAX` at first. Of two segments that are
    /// merged the lower note stays; those of a split keep the one, and [`Self::take_split`] tells of them.
    #[must_use]
    pub fn note(&self, hash: u64) -> u64 {
        self.segments.get(self.segment_of(hash)).map_or(u64::MAX, |segment| segment.note)
    }

    /// Notes something of the segment of this hash.
    pub fn set_note(&mut self, hash: u64, note: u64) {
        let index = self.segment_of(hash);
        if let Some(segment) = self.segments.get_mut(index) {
            segment.note = note;
        }
    }

    /// Takes a hash of a segment that a split has left, if there is one that wasn't taken yet.
    pub fn take_split(&mut self) -> Option<u64> {
        self.split.pop()
    }

    /// Returns the number of segments.
    #[must_use]
    pub const fn segment_count(&self) -> usize {
        self.segments.len()
    }
}

/// Records by index.
#[derive(Debug, Clone)]
pub struct Packed<K> {
    pages: Vec<Vec<u8>>,
    /// Which page a record stands on and where; from [`LONG`] on, which one of `long` it is.
    pub(super) starts: Vec<u32>,
    /// Records too long for the buffer, each with its index.
    long: Vec<(u32, Box<[u8]>)>,
    /// Bytes in the pages that no record has any more, and those that one has.
    dead_bytes: u32,
    live_bytes: u32,
    /// What the pages have allocated.
    page_bytes: usize,
    long_bytes: usize,
    keyed: PhantomData<fn() -> K>,
}

impl<K: Keyed> Packed<K> {
    /// Returns a record's bytes, to be changed in what doesn't enter its hash.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        match *self.starts.get(index)? {
            start if start < LONG => {
                let (page, offset) = place_of(start);
                let (length, rest) = self.pages.get_mut(page)?.get_mut(offset..)?.split_first_mut()?;
                rest.get_mut(..usize::from(*length))
            }
            long => self.long.get_mut((long - LONG) as usize).map(|(_, record)| &mut **record),
        }
    }

    /// Writes a record over another with the same key, if it is as long; returns whether it is.
    pub(super) fn overwrite(&mut self, index: usize, head: &[u8], tail: &[u8]) -> bool {
        let Some(place) = self.get_mut(index).filter(|place| place.len() == head.len() + tail.len()) else {
            return false;
        };
        if let Some((place_head, place_tail)) = place.split_at_mut_checked(head.len()) {
            place_head.copy_from_slice(head);
            place_tail.copy_from_slice(tail);
        }
        true
    }

    /// Puts a record with the same key in the place of another.
    pub(super) fn replace(&mut self, index: usize, head: &[u8], tail: &[u8]) {
        self.discard(index);
        let start = self.store(index, head, tail, PAGE_STEP);
        if let Some(place) = self.starts.get_mut(index) {
            *place = start;
        }
        self.shrink();
    }

    /// Stores the bytes of the record that has (or will have) this index; returns what `starts` is to hold. A page grows
    /// by `step` at a time.
    fn store(&mut self, index: usize, head: &[u8], tail: &[u8], step: usize) -> u32 {
        let length = head.len() + tail.len();
        match u8::try_from(length) {
            Ok(size) if self.pages.len() < PAGES_MAX => {
                let at = self.page_with_room(1 + length, step);
                let Some(page) = self.pages.get_mut(at) else { return DEAD };
                let offset = page.len();
                page.push(size);
                page.extend_from_slice(head);
                page.extend_from_slice(tail);
                self.live_bytes += 1 + u32::from(size);
                (at * PAGE_BYTES + offset) as u32
            }
            _ => {
                let mut record = Vec::with_capacity(length);
                record.extend_from_slice(head);
                record.extend_from_slice(tail);
                self.long_bytes += allocation(length);
                self.long.push((index as u32, record.into_boxed_slice()));
                LONG + (self.long.len() - 1) as u32
            }
        }
    }

    /// Forgets the bytes of a record, whose start is meaningless afterwards.
    fn discard(&mut self, index: usize) {
        let Some(&start) = self.starts.get(index) else { return };
        if start < LONG {
            let (page, offset) = place_of(start);
            let bytes =
                1 + self.pages.get(page).and_then(|page| page.get(offset)).map_or(0, |length| u32::from(*length));
            self.live_bytes -= bytes;
            self.dead_bytes += bytes;
            if let Some(place) = self.starts.get_mut(index) {
                *place = DEAD;
            }
            return;
        }
        let at = (start - LONG) as usize;
        if at < self.long.len() {
            let (_, record) = self.long.swap_remove(at);
            self.long_bytes -= allocation(record.len());
        }
        if let Some((moved, _)) = self.long.get(at)
            && let Some(place) = self.starts.get_mut(*moved as usize)
        {
            *place = start;
        }
        if let Some(place) = self.starts.get_mut(index) {
            *place = DEAD;
        }
    }

    /// Returns a page that has room for so many bytes, at most 256 of them.
    fn page_with_room(&mut self, needed: usize, step: usize) -> usize {
        let fits = self.pages.last().is_some_and(|page| page.len() + needed <= PAGE_BYTES);
        if !fits && self.dead_bytes > self.live_bytes / 8 {
            self.compact();
        }
        let count = self.pages.len();
        match self.pages.last_mut().filter(|page| page.len() + needed <= PAGE_BYTES) {
            Some(page) => {
                if page.capacity() - page.len() < needed {
                    let is_small = count == 1 && page.len() < SMALL_PAGE_BYTES;
                    // A few records don't take a whole step.
                    let room = if is_small {
                        needed.max(page.len() / 4)
                    } else {
                        steps(page.len() + needed, step) - page.len()
                    };
                    let before = allocation(page.capacity());
                    page.reserve_exact(room);
                    self.page_bytes = self.page_bytes + allocation(page.capacity()) - before;
                }
                count - 1
            }
            None => {
                let bytes = if count == 0 { needed.max(FIRST_PAGE_BYTES) } else { steps(needed, step) };
                if count == self.pages.capacity() {
                    self.pages.reserve_exact((count / 4).max(1));
                }
                let page = Vec::with_capacity(bytes);
                self.page_bytes += allocation(page.capacity());
                self.pages.push(page);
                count
            }
        }
    }

    /// Gives back what the last page has beyond the step that it needs, after it grew by larger ones.
    fn trim_last_page(&mut self) {
        if let Some(page) = self.pages.last_mut() {
            let before = allocation(page.capacity());
            page.shrink_to(steps(page.len(), PAGE_STEP));
            self.page_bytes = self.page_bytes + allocation(page.capacity()) - before;
        }
    }

    /// Copies what lives together.
    fn compact(&mut self) {
        let pages = core::mem::take(&mut self.pages);
        (self.dead_bytes, self.live_bytes, self.page_bytes) = (0, 0, 0);
        for index in 0..self.starts.len() {
            let Some(&start) = self.starts.get(index).filter(|start| **start < LONG) else { continue };
            let (page, offset) = place_of(start);
            let Some((length, rest)) = pages.get(page).and_then(|page| page.get(offset..)?.split_first()) else {
                continue;
            };
            let record = rest.get(..usize::from(*length)).unwrap_or_default();
            let start = self.store(index, record, &[], PAGE_BYTES);
            if let Some(place) = self.starts.get_mut(index) {
                *place = start;
            }
        }
        self.trim_last_page();
    }

    /// Adds a record that has been elsewhere, in larger steps than one that is new.
    fn take_in(&mut self, record: &[u8]) {
        let start = self.store(self.starts.len(), record, &[], PAGE_BYTES);
        self.push_start(start);
    }

    fn push_start(&mut self, start: u32) {
        let count = self.starts.len();
        if count == self.starts.capacity() {
            self.starts.reserve_exact((count / 8).max(4));
        }
        self.starts.push(start);
    }
}

impl<K> Default for Packed<K> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            starts: Vec::new(),
            long: Vec::new(),
            dead_bytes: 0,
            live_bytes: 0,
            page_bytes: 0,
            long_bytes: 0,
            keyed: PhantomData,
        }
    }
}

impl<K: Keyed> Column for Packed<K> {
    /// The record in two parts.
    type Item<'a> = (&'a [u8], &'a [u8]);
    type Entry = [u8];
    type Removed = ();

    fn len(&self) -> usize {
        self.starts.len()
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&[u8]> {
        match *self.starts.get(index)? {
            start if start < LONG => {
                let (page, offset) = place_of(start);
                let (length, rest) = self.pages.get(page)?.get(offset..)?.split_first()?;
                rest.get(..usize::from(*length))
            }
            long => self.long.get((long - LONG) as usize).map(|(_, record)| &**record),
        }
    }

    fn hash(&self, seed: u64, index: usize) -> Option<u64> {
        self.get(index).map(|record| hash(seed, K::key(record)))
    }

    fn touch_end(&self) -> usize {
        let start = self.starts.last().map_or(0, |start| *start as usize);
        start + self.pages.last().and_then(|page| page.last()).map_or(0, |byte| usize::from(*byte))
    }

    fn push(&mut self, _: u64, (head, tail): (&[u8], &[u8])) {
        let start = self.store(self.starts.len(), head, tail, PAGE_STEP);
        self.push_start(start);
    }

    fn swap_remove(&mut self, index: usize) -> Option<()> {
        let last = self.starts.len().checked_sub(1).filter(|last| index <= *last)?;
        self.discard(index);
        self.starts.swap_remove(index);
        if index != last
            && let Some(start) = self.starts.get(index).filter(|start| **start >= LONG)
            && let Some((owner, _)) = self.long.get_mut((*start - LONG) as usize)
        {
            *owner = index as u32;
        }
        Some(())
    }

    fn split(&mut self, hashes: &[u64], bit: u64) -> Self {
        let (mut lower, mut upper) = (Self::default(), Self::default());
        let upper_count = hashes.iter().filter(|hash| *hash & bit != 0).count();
        for (half, count) in [(&mut lower, hashes.len() - upper_count), (&mut upper, upper_count)] {
            half.starts.reserve_exact(count + count / 8);
        }
        for (index, hash) in hashes.iter().enumerate() {
            if let Some(record) = self.get(index) {
                let half = if hash & bit == 0 { &mut lower } else { &mut upper };
                half.take_in(record);
            }
        }
        lower.trim_last_page();
        upper.trim_last_page();
        *self = lower;
        upper
    }

    fn append(&mut self, other: Self) {
        for index in 0..other.len() {
            if let Some(record) = other.get(index) {
                self.take_in(record);
            }
        }
        self.trim_last_page();
    }

    fn shrink(&mut self) {
        if self.dead_bytes > (self.live_bytes / 4 * 3).max(PAGE_BYTES as u32 / 4)
            || self.live_bytes == 0 && self.dead_bytes > 0
        {
            self.compact();
        }
        let count = self.starts.len();
        if self.starts.capacity() > 16 && count < self.starts.capacity() / 2 {
            self.starts.shrink_to(count + count / 8);
        }
        if self.long.len() < self.long.capacity() / 4 {
            self.long.shrink_to(self.long.len() * 2);
        }
    }

    fn allocated_bytes(&self) -> usize {
        self.page_bytes
            + allocation(self.pages.capacity() * size_of::<Vec<u8>>())
            + allocation(self.starts.capacity() * size_of::<u32>())
            + allocation(self.long.capacity() * size_of::<(u32, Box<[u8]>)>())
            + self.long_bytes
    }
}

/// The page of a start, and the offset in it.
#[inline]
fn place_of(start: u32) -> (usize, usize) {
    (start as usize / PAGE_BYTES, start as usize % PAGE_BYTES)
}

/// So many steps of a page hold so many bytes.
fn steps(bytes: usize, step: usize) -> usize {
    bytes.next_multiple_of(step).min(PAGE_BYTES)
}

/// Eight of the longest records fit, so that little is lost at the end; dozens of most.
const PAGE_BYTES: usize = 2048;

/// By how much the page grows that is being filled. There is one to a segment, and half a page of air would be a
/// twelfth of what is in a segment of small records.
const PAGE_STEP: usize = 512;

/// What a table of few records begins with, and how far it grows by as much as it has to.
const FIRST_PAGE_BYTES: usize = 64;
const SMALL_PAGE_BYTES: usize = 256;

/// Starts from here on count the long records.
const LONG: u32 = 1 << 31;

/// Pages whose places a start below [`LONG`] can name.
const PAGES_MAX: usize = LONG as usize / PAGE_BYTES;

/// No record.
const DEAD: u32 = u32::MAX;
