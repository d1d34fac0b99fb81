//! Records of bytes, back to back in one buffer a segment: no allocation a record, and no pointer.
//!
//! ```text
//! starts │ 0 │ 53 │ … │                      one a record, in the order of their indexes
//!          │    ╰────────────╮
//! bytes  │ length │ record … │ length │ record … │ dead … │ length │ record … │ free
//! long   │ (index, record) │ …               those of more than 255 bytes, each in an allocation of its own
//! ```
//!
//! What a record was removed from, or moved away from because its size changed, is dead until it is worth the while to
//! copy the rest together: a segment's worth of work at most, some tens of kilobytes.
//!
//! It doesn't know what is in a record but for where its key stands, which [`Keyed`] tells: a hash is computed when it
//! is needed, in splits and scans, instead of being kept in eight bytes.

use alloc::{boxed::Box, vec::Vec};
use core::marker::PhantomData;

use super::{Column, allocation};
use crate::hash::hash;

/// Where the key stands in a record.
pub trait Keyed {
    /// Returns the key of a record.
    fn key(record: &[u8]) -> &[u8];
}

/// Records by index.
#[derive(Debug, Clone)]
pub struct Packed<K> {
    bytes: Vec<u8>,
    /// Where a record starts in `bytes`; from [`LONG`] on, which one of `long` it is.
    starts: Vec<u32>,
    /// Records too long for the buffer, each with its index.
    long: Vec<(u32, Box<[u8]>)>,
    dead_bytes: usize,
    long_bytes: usize,
    keyed: PhantomData<fn() -> K>,
}

impl<K: Keyed> Packed<K> {
    /// Returns a record's bytes, to be changed in what doesn't enter its hash.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        match *self.starts.get(index)? {
            start if start < LONG => {
                let start = start as usize;
                let length = usize::from(*self.bytes.get(start)?);
                self.bytes.get_mut(start + 1..start + 1 + length)
            }
            long => self.long.get_mut((long - LONG) as usize).map(|(_, record)| &mut **record),
        }
    }

    /// Puts a record with the same key in the place of another.
    pub(super) fn replace(&mut self, index: usize, head: &[u8], tail: &[u8]) {
        if let Some(place) = self.get_mut(index)
            && place.len() == head.len() + tail.len()
        {
            if let Some((place_head, place_tail)) = place.split_at_mut_checked(head.len()) {
                place_head.copy_from_slice(head);
                place_tail.copy_from_slice(tail);
            }
            return;
        }
        self.discard(index);
        let start = self.store(index, head, tail);
        if let Some(place) = self.starts.get_mut(index) {
            *place = start;
        }
        self.shrink();
    }

    /// Stores the bytes of the record that has (or will have) this index; returns what `starts` is to hold.
    fn store(&mut self, index: usize, head: &[u8], tail: &[u8]) -> u32 {
        let length = head.len() + tail.len();
        match u8::try_from(length) {
            Ok(size) if self.bytes.len() + length < LONG as usize => {
                self.make_room(1 + length);
                let start = self.bytes.len();
                self.bytes.push(size);
                self.bytes.extend_from_slice(head);
                self.bytes.extend_from_slice(tail);
                start as u32
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
            self.dead_bytes += 1 + self.bytes.get(start as usize).map_or(0, |length| usize::from(*length));
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

    /// Makes room for some bytes: an eighth more, unless that much is dead.
    fn make_room(&mut self, needed: usize) {
        if self.bytes.capacity() - self.bytes.len() >= needed {
            return;
        }
        let live = self.bytes.len() - self.dead_bytes;
        if self.dead_bytes > live / 8 {
            self.compact(needed.max(live / 8));
        } else {
            self.bytes.reserve_exact(needed.max(self.bytes.len() / 8));
        }
    }

    /// Copies what lives together, with so much room behind it.
    fn compact(&mut self, room: usize) {
        let live = self.bytes.len() - self.dead_bytes;
        let mut bytes = Vec::with_capacity(live + room);
        for start in &mut self.starts {
            if *start >= LONG {
                continue;
            }
            let from = *start as usize;
            let length = self.bytes.get(from).map_or(0, |length| usize::from(*length));
            *start = bytes.len() as u32;
            bytes.extend_from_slice(self.bytes.get(from..=from + length).unwrap_or_default());
        }
        self.bytes = bytes;
        self.dead_bytes = 0;
    }
}

impl<K> Default for Packed<K> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            starts: Vec::new(),
            long: Vec::new(),
            dead_bytes: 0,
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
                let (length, rest) = self.bytes.get(start as usize..)?.split_first()?;
                rest.get(..usize::from(*length))
            }
            long => self.long.get((long - LONG) as usize).map(|(_, record)| &**record),
        }
    }

    fn hash(&self, seed: u64, index: usize) -> Option<u64> {
        self.get(index).map(|record| hash(seed, K::key(record)))
    }

    fn push(&mut self, _: u64, (head, tail): (&[u8], &[u8])) {
        let index = self.starts.len();
        let start = self.store(index, head, tail);
        if index == self.starts.capacity() {
            self.starts.reserve_exact((index / 8).max(4));
        }
        self.starts.push(start);
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

    fn split(&mut self, seed: u64, bit: u64) -> Self {
        let (mut lower, mut upper) = (Self::default(), Self::default());
        let is_upper: Vec<bool> =
            (0..self.len()).map(|index| self.hash(seed, index).is_some_and(|hash| hash & bit != 0)).collect();
        let (mut bytes, mut counts) = ([0; 2], [0; 2]);
        for (index, is_upper) in is_upper.iter().enumerate() {
            let half = usize::from(*is_upper);
            if let (Some(bytes), Some(count)) = (bytes.get_mut(half), counts.get_mut(half)) {
                *count += 1;
                *bytes += self.get(index).map_or(0, |record| record.len().min(usize::from(u8::MAX)) + 1);
            }
        }
        for (half, (bytes, count)) in [&mut lower, &mut upper].into_iter().zip(bytes.into_iter().zip(counts)) {
            half.bytes.reserve_exact(bytes + bytes / 8);
            half.starts.reserve_exact(count + count / 8);
        }
        for (index, is_upper) in is_upper.iter().enumerate() {
            if let Some(record) = self.get(index) {
                let half = if *is_upper { &mut upper } else { &mut lower };
                half.push(0, (record, &[]));
            }
        }
        *self = lower;
        upper
    }

    fn append(&mut self, other: Self) {
        self.bytes.reserve_exact(other.bytes.len() + other.bytes.len() / 8);
        for index in 0..other.len() {
            if let Some(record) = other.get(index) {
                self.push(0, (record, &[]));
            }
        }
    }

    fn shrink(&mut self) {
        let live = self.bytes.len() - self.dead_bytes;
        if self.bytes.capacity() > 256 && live < self.bytes.capacity() / 2 {
            self.compact(live / 8);
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
        allocation(self.bytes.capacity())
            + allocation(self.starts.capacity() * size_of::<u32>())
            + allocation(self.long.capacity() * size_of::<(u32, Box<[u8]>)>())
            + self.long_bytes
    }
}

/// Starts from here on count the long records; below, a buffer has two gigabytes.
const LONG: u32 = 1 << 31;

/// No record.
const DEAD: u32 = u32::MAX;
