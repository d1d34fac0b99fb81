//! A hash as it is seen at a moment: without the fields whose deadline has passed.
//!
//! A primary removes them before it reads, so it hides none here. A replica doesn't, for the removal isn't its business.

use alloc::vec::Vec;

use super::HashRef;
use crate::{env::UnixMillis, hash::Rng};

/// The fields of a hash that are there at a moment.
#[derive(Clone, Copy, Debug)]
pub struct HashView<'a> {
    hash: HashRef<'a>,
    /// The moment, if anything is due then.
    hides: Option<UnixMillis>,
}

impl<'a> HashView<'a> {
    /// Looks at a hash at `now`. Cost: O(1) without deadlines.
    #[inline]
    pub fn new(hash: HashRef<'a>, now: UnixMillis) -> Self {
        Self { hash, hides: hash.next_expiry().filter(|at| *at <= now).map(|_| now) }
    }

    /// How many fields there are. Cost: O(fields that are due).
    pub fn len(self) -> usize {
        self.hash.len() - self.hides.map_or(0, |now| self.hash.due_count(now))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a field. Cost: as [`HashRef::get`].
    #[inline]
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        self.hash.get(field).filter(|_| self.shows(field))
    }

    /// Whether the field exists.
    pub fn contains(self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// When a field expires; `None` if it doesn't, or isn't there.
    pub fn expires_at(self, field: &[u8]) -> Option<UnixMillis> {
        self.hash.expires_at(field).filter(|_| self.shows(field))
    }

    /// The fields with their values, in the order of the hash.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.hash.iter().filter(move |(field, _)| self.shows(field))
    }

    /// Visits about `count` fields from a cursor on, and returns the next; see [`HashRef::scan`].
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        self.hash.scan(cursor, count, |field, value| {
            if self.shows(field) {
                visit(field, value);
            }
        })
    }

    /// A field drawn at random, each equally likely. Cost: as [`HashRef::sample`]; O(n) while anything is hidden.
    pub fn sample(self, rng: &mut Rng) -> Option<(&'a [u8], &'a [u8])> {
        if self.hides.is_none() {
            return self.hash.sample(rng);
        }
        let shown: Vec<_> = self.iter().collect();
        shown.get(rng.index(shown.len().max(1))).copied()
    }

    #[inline]
    fn shows(self, field: &[u8]) -> bool {
        self.hides.is_none_or(|now| self.hash.expires_at(field).is_none_or(|at| at > now))
    }
}
