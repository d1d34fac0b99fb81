//! A hash, borrowed: from a [`struct@Hash`], or from where a small one lies without one.
//!
//! All reading of hashes is here. It knows no commands, nor the time: who mustn't see a field whose deadline has passed
//! looks through a [view](super::HashView).

use alloc::vec::Vec;

#[cfg(doc)]
use super::Hash;
use super::value::{Fields, Pair, Timed};
use crate::{
    env::UnixMillis,
    hash::Rng,
    table,
    types::packed::{self, PackedRef, split_pair},
};

/// Fields with values, where they lie.
#[derive(Clone, Copy, Debug)]
pub enum HashRef<'a> {
    /// Field and value by turns.
    Packed(PackedRef<'a>),
    /// Each field with its value a record.
    Table(&'a Fields),
    /// Some fields have deadlines.
    Timed(&'a Timed),
}

impl<'a> HashRef<'a> {
    /// Returns the number of fields.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Packed(packed) => packed.len() / 2,
            Self::Table(fields) => fields.len(),
            Self::Timed(timed) => timed.fields.len(),
        }
    }

    /// Tells whether there are no fields.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the value of a field. Cost: O(1); O(bytes) while packed.
    #[must_use]
    pub fn get(self, field: &[u8]) -> Option<&'a [u8]> {
        match self {
            Self::Packed(packed) => packed.after(packed.find(field, 2)?),
            Self::Table(fields) => fields.get(field).map(|pair| split_pair(pair).1),
            Self::Timed(timed) => timed.fields.get(field),
        }
    }

    /// Brings fields that are about to be looked up near the processor; see [`Segmented::warm`](table::Segmented::warm).
    #[cfg(feature = "server")]
    pub(crate) fn warm<'k>(self, fields: impl Iterator<Item = &'k [u8]>) {
        if let Self::Table(table) = self {
            table.warm_keys(fields);
        }
    }

    /// When a field expires; `None` if it doesn't, or isn't there. Cost: O(1).
    #[must_use]
    pub fn expires_at(self, field: &[u8]) -> Option<UnixMillis> {
        self.timed()?.deadlines.get(field)
    }

    /// The earliest deadline of a field. Cost: O(1) without deadlines.
    #[inline]
    #[must_use]
    pub fn next_expiry(self) -> Option<UnixMillis> {
        self.timed()?.deadlines.first()
    }

    /// Whether all fields are due at `now`. Cost: O(1) without deadlines.
    #[must_use]
    pub fn is_all_due(self, now: UnixMillis) -> bool {
        self.timed().is_some_and(|Timed { fields, deadlines }| {
            deadlines.len() == fields.len() && deadlines.last().is_some_and(|last| last <= now)
        })
    }

    /// The fields that are due at `now`, the earliest first, `count_max` at most. Cost: O(fields that are due).
    #[must_use]
    pub fn due(self, now: UnixMillis, count_max: usize) -> Vec<&'a [u8]> {
        self.timed().map(|timed| timed.deadlines.due(now, count_max)).unwrap_or_default()
    }

    /// How many fields are due at `now`. Cost: O(fields that are due).
    #[must_use]
    pub fn due_count(self, now: UnixMillis) -> usize {
        self.timed().map_or(0, |timed| timed.deadlines.due_count(now))
    }

    #[inline]
    fn timed(self) -> Option<&'a Timed> {
        if let Self::Timed(timed) = self { Some(timed) } else { None }
    }

    /// Yields fields and values: in the order of their insertion while packed, then in the table's.
    #[must_use]
    pub fn iter(self) -> Iter<'a> {
        match self {
            Self::Packed(packed) => Iter(IterRepr::Packed(packed.iter())),
            Self::Table(fields) => Iter(IterRepr::Table(fields.iter())),
            Self::Timed(timed) => timed.fields.iter(),
        }
    }

    /// Visits about `count` fields from a cursor on, and returns the next; see [`Segmented::scan`](table::Segmented::scan). All at once while packed.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        match self {
            Self::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Self::Table(fields) => fields.scan(cursor, count, |pair| {
                let (field, value) = split_pair(pair);
                visit(field, value);
            }),
            Self::Timed(timed) => timed.fields.borrowed().scan_dyn(cursor, count, &mut visit),
        }
    }

    /// The same for any visitor: a form within another would be a type within another without end.
    fn scan_dyn(self, cursor: u64, count: usize, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) -> u64 {
        self.scan(cursor, count, visit)
    }

    /// Returns a field drawn at random, each equally likely. Cost: O(1) expected; O(n) while packed.
    #[must_use]
    pub fn sample(self, rng: &mut Rng) -> Option<(&'a [u8], &'a [u8])> {
        match self {
            Self::Packed(packed) => {
                let position = packed.position(rng.index(self.len()) * 2)?;
                Some((packed.at(position)?, packed.after(position)?))
            }
            Self::Table(fields) => fields.sample(rng).map(split_pair),
            Self::Timed(timed) => timed.fields.borrowed().sample(rng),
        }
    }

    /// Returns how `OBJECT ENCODING` calls the present representation.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Table(_) => "hashtable",
            Self::Timed(timed) if matches!(timed.fields.borrowed(), Self::Packed(_)) => "listpackex",
            Self::Timed(_) => "hashtable",
        }
    }
}

/// The fields and values of a [`struct@Hash`].
#[derive(Debug, Clone)]
pub struct Iter<'a>(IterRepr<'a>);

#[derive(Debug, Clone)]
enum IterRepr<'a> {
    Packed(packed::Iter<'a>),
    Table(table::Iter<'a, table::Packed<Pair>>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(entries) => Some((entries.next()?, entries.next()?)),
            IterRepr::Table(pairs) => pairs.next().map(split_pair),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            IterRepr::Packed(entries) => entries.len() / 2,
            IterRepr::Table(pairs) => pairs.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
