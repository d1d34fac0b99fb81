//! Values that don't fit in a record: collections but the smallest hashes, and strings that are long or were changed in
//! place.
//!
//! They stand in chunks that never move, so growing by one is never more than one chunk's allocation. A number stays
//! good until its value is taken; then it is given out again.

use alloc::vec::Vec;

use super::ValueBuf;
use crate::table::allocation;

/// Values by number.
#[derive(Debug, Default)]
pub(super) struct Objects {
    chunks: Vec<Vec<Slot>>,
    /// The first of the chain of vacant places.
    vacant: Option<u32>,
    len: usize,
    /// What the values take on the heap.
    heap_bytes: usize,
}

#[derive(Debug)]
enum Slot {
    Value(ValueBuf),
    Vacant { next: Option<u32> },
}

impl Objects {
    pub(super) fn get(&self, number: u32) -> Option<&ValueBuf> {
        let (chunk, index) = split(number);
        match self.chunks.get(chunk)?.get(index)? {
            Slot::Value(value) => Some(value),
            Slot::Vacant { .. } => None,
        }
    }

    /// Changes a value, and keeps count of what it takes.
    pub(super) fn change<R>(&mut self, number: u32, change: impl FnOnce(&mut ValueBuf) -> R) -> Option<R> {
        let (chunk, index) = split(number);
        let Slot::Value(value) = self.chunks.get_mut(chunk)?.get_mut(index)? else { return None };
        let before = value.heap_bytes();
        let result = change(value);
        self.heap_bytes = self.heap_bytes - before + value.heap_bytes();
        Some(result)
    }

    pub(super) fn insert(&mut self, value: ValueBuf) -> u32 {
        self.heap_bytes += value.heap_bytes();
        self.len += 1;
        if let Some(number) = self.vacant {
            let (chunk, index) = split(number);
            if let Some(slot) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(index)) {
                self.vacant = if let Slot::Vacant { next } = slot { *next } else { None };
                *slot = Slot::Value(value);
                return number;
            }
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            let is_first = self.chunks.is_empty();
            self.chunks.push(if is_first { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let at = self.chunks.len() - 1;
        let Some(chunk) = self.chunks.last_mut() else { return 0 };
        chunk.push(Slot::Value(value));
        (at * CHUNK + chunk.len() - 1) as u32
    }

    pub(super) fn take(&mut self, number: u32) -> Option<ValueBuf> {
        let (chunk, index) = split(number);
        let slot = self.chunks.get_mut(chunk)?.get_mut(index)?;
        let before = core::mem::replace(slot, Slot::Vacant { next: self.vacant });
        let Slot::Value(value) = before else {
            *slot = before;
            return None;
        };
        self.vacant = Some(number);
        self.len -= 1;
        self.heap_bytes -= value.heap_bytes();
        if self.len == 0 {
            *self = Self::default();
        }
        Some(value)
    }

    /// What the chunks and the values take. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        let first = self.chunks.first().map_or(0, Vec::capacity);
        let others = self.chunks.len().saturating_sub(1) * allocation(CHUNK * size_of::<Slot>());
        allocation(self.chunks.capacity() * size_of::<Vec<Slot>>())
            + allocation(first * size_of::<Slot>())
            + others
            + self.heap_bytes
    }

    /// What is kept count of, counted anew.
    pub(super) fn counted_bytes(&self) -> usize {
        let values = self.chunks.iter().flatten().map(|slot| match slot {
            Slot::Value(value) => value.heap_bytes(),
            Slot::Vacant { .. } => 0,
        });
        self.allocated_bytes() - self.heap_bytes + values.sum::<usize>()
    }
}

/// What a value takes beside what it has on the heap.
pub(super) const PLACE_BYTES: usize = size_of::<Slot>();

fn split(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

/// Values of a chunk: 8 KB.
const CHUNK: usize = 256;

const _: () = assert!(size_of::<Slot>() <= 32 || usize::BITS != 64);
