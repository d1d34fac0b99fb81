//! The deadlines of a hash's fields, beside the hash: one that has none takes nothing for them.
//!
//! Found by field in a table, and by time in an ordered set of (deadline, hash of the field), so that what is due is
//! found without looking at what isn't. It knows nothing of values.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

use crate::{env::UnixMillis, hash::hash, table::Table};

/// When fields expire.
#[derive(Clone, Debug)]
pub(super) struct Deadlines {
    seed: u64,
    /// Eight bytes of a deadline and then the field, in one allocation each.
    fields: Table<Box<[u8]>>,
    order: BTreeSet<(UnixMillis, u64)>,
    /// What the allocations hold.
    bytes: usize,
}

impl Deadlines {
    /// None yet; `seed` is one that nobody can guess where it matters.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, fields: Table::new(), order: BTreeSet::new(), bytes: 0 }
    }

    /// How many fields have one.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When a field expires.
    pub(super) fn get(&self, field: &[u8]) -> Option<UnixMillis> {
        self.fields.find(hash(self.seed, field), |entry| split(entry).1 == field).map(|entry| split(entry).0)
    }

    /// Sets or clears a field's deadline, and returns the one before.
    pub(super) fn set(&mut self, field: &[u8], at: Option<UnixMillis>) -> Option<UnixMillis> {
        let hash = hash(self.seed, field);
        let before = self.fields.remove(hash, |entry| split(entry).1 == field).map(|entry| {
            self.bytes -= entry.len();
            split(&entry).0
        });
        // Another field may have the same hash, and the same deadline.
        if let Some(before) = before
            && self.field_of(before, hash).is_none()
        {
            self.order.remove(&(before, hash));
        }
        if let Some(at) = at {
            let entry = [&at.0.to_le_bytes(), field].concat().into_boxed_slice();
            self.bytes += entry.len();
            self.fields.insert_unique(hash, entry);
            self.order.insert((at, hash));
        }
        before
    }

    /// A field of this hash with this deadline.
    fn field_of(&self, at: UnixMillis, hash_of: u64) -> Option<&[u8]> {
        let is_it = |entry: &[u8]| {
            let (other, field) = split(entry);
            other == at && hash(self.seed, field) == hash_of
        };
        self.fields.find(hash_of, |entry| is_it(entry)).map(|entry| split(entry).1)
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<UnixMillis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The latest deadline.
    pub(super) fn last(&self) -> Option<UnixMillis> {
        self.order.last().map(|(at, _)| *at)
    }

    /// The fields that are due at `now`, the earliest first, `count_max` at most. Cost: O(fields that are due).
    pub(super) fn due(&self, now: UnixMillis, count_max: usize) -> Vec<&[u8]> {
        let due = self.order.iter().take_while(|(at, _)| *at <= now).take(count_max);
        due.filter_map(|(at, hash)| self.field_of(*at, *hash)).collect()
    }

    /// How many fields are due at `now`. Cost: O(fields that are due).
    pub(super) fn due_count(&self, now: UnixMillis) -> usize {
        self.order.iter().take_while(|(at, _)| *at <= now).count()
    }

    /// The bytes on the heap, about. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        // A node of the tree has place for eleven, and is two thirds full on average.
        self.fields.allocated_bytes() + self.bytes + self.order.len() * size_of::<(UnixMillis, u64)>() * 3 / 2
    }
}

fn split(entry: &[u8]) -> (UnixMillis, &[u8]) {
    let (at, field) = entry.split_first_chunk().unwrap_or((&[0; 8], &[]));
    (UnixMillis(u64::from_le_bytes(*at)), field)
}
