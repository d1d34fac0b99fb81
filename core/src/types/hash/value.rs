//! The value of a hash: packed while it is small, a table from then on.
//!
//! It knows neither keys nor commands, nor the time: a field whose deadline has passed is there until it is removed, and
//! who mustn't see it looks through a [view](super::HashView). A hash that has become a table stays one, as in Redis, since
//! what grew once is likely to grow again. While a field has a deadline, the deadlines stand beside either form.

use alloc::{boxed::Box, vec::Vec};

use super::{
    borrowed::{HashRef, Iter},
    deadlines::Deadlines,
};
use crate::{
    env::UnixMillis,
    table::{Keyed, Records, allocation},
    types::{
        encoding::Encoding,
        packed::{Packed, PackedRef, encode_length, split_pair},
    },
};

/// Fields with values, both binary-safe.
///
/// ```
/// use sanderling_core::types::{encoding::Encoding, hash::Hash};
/// let mut hash = Hash::new();
/// assert!(hash.insert(b"field", b"value", &Encoding::default()));
/// assert_eq!(hash.get(b"field"), Some(&b"value"[..]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Hash {
    repr: Repr,
}

#[derive(Debug, Clone)]
enum Repr {
    /// Field and value by turns.
    Packed(Packed),
    Table(Box<Fields>),
    /// Some fields have deadlines.
    Timed(Box<Timed>),
}

#[derive(Debug, Clone)]
pub struct Timed {
    /// The fields with their values, in one of the other forms.
    pub(super) fields: Hash,
    pub(super) deadlines: Deadlines,
}

/// Field and value in one record, the field behind its length.
pub(super) type Fields = Records<Pair>;

#[derive(Debug, Clone)]
pub struct Pair;

impl Keyed for Pair {
    fn key(record: &[u8]) -> &[u8] {
        split_pair(record).0
    }
}

impl Hash {
    /// Returns a hash without fields, without allocating.
    #[must_use]
    pub fn new() -> Self {
        Self { repr: Repr::Packed(Packed::new()) }
    }

    /// The hash, borrowed: all reading is done there.
    #[inline]
    #[must_use]
    pub fn borrowed(&self) -> HashRef<'_> {
        match &self.repr {
            Repr::Packed(packed) => HashRef::Packed(packed.borrowed()),
            Repr::Table(fields) => HashRef::Table(fields),
            Repr::Timed(timed) => HashRef::Timed(timed),
        }
    }

    /// Returns a hash of fields and values by turns.
    pub(crate) fn of_packed(packed: PackedRef<'_>) -> Self {
        Self { repr: Repr::Packed(packed.to_packed()) }
    }

    /// Returns the number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.borrowed().len()
    }

    /// Tells whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of a field. Cost: O(1); O(bytes) while packed.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.borrowed().get(field)
    }

    /// Tells whether the field exists. Cost: as [`Self::get`].
    #[must_use]
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// When a field expires; `None` if it doesn't, or isn't there. Cost: O(1).
    #[must_use]
    pub fn expires_at(&self, field: &[u8]) -> Option<UnixMillis> {
        self.borrowed().expires_at(field)
    }

    /// The earliest deadline of a field. Cost: O(1) without deadlines.
    #[inline]
    #[must_use]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.borrowed().next_expiry()
    }

    /// Yields fields and values: in the order of their insertion while packed, then in the table's.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        self.borrowed().iter()
    }

    /// Sets a field, which has no deadline then, and returns whether it is new. Cost: as [`Self::get`]; O(n) once, when
    /// the hash becomes a table.
    pub fn insert(&mut self, field: &[u8], value: &[u8], encoding: &Encoding) -> bool {
        if let Repr::Timed(_) = &self.repr {
            self.set_expiry(field, None, encoding);
        }
        self.insert_keeping(field, value, encoding)
    }

    /// The same for a field that keeps the deadline that it has.
    pub fn insert_keeping(&mut self, field: &[u8], value: &[u8], encoding: &Encoding) -> bool {
        if let Repr::Timed(timed) = &mut self.repr {
            return timed.fields.insert_keeping(field, value, encoding);
        }
        if let Repr::Packed(packed) = &mut self.repr {
            let found = packed.find(field, 2);
            let is_short = field.len().max(value.len()) <= encoding.hash_max_listpack_value;
            let is_small = found.is_some() || packed.len() / 2 < encoding.hash_max_listpack_entries;
            match found.and_then(|position| packed.next(position)) {
                Some(position) if is_short => {
                    packed.replace(position, value);
                    return false;
                }
                None if is_short && is_small => {
                    packed.push(field);
                    packed.push(value);
                    return true;
                }
                _ => {}
            }
        }
        set(self.unpack(encoding), field, value)
    }

    /// Removes a field, and returns whether it existed. Cost: as [`Self::get`].
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Packed(packed) => packed.find(field, 2).is_some_and(|position| packed.remove(position, 2) == 2),
            Repr::Table(fields) => fields.discard(field),
            Repr::Timed(timed) => {
                timed.deadlines.set(field, None);
                let removed = timed.fields.remove(field);
                self.settle_form();
                removed
            }
        }
    }

    /// Sets or clears the deadline of a field, and returns the one before. There's none for a field that isn't there.
    /// Cost: O(log n).
    pub fn set_expiry(&mut self, field: &[u8], at: Option<UnixMillis>, encoding: &Encoding) -> Option<UnixMillis> {
        let at = at.filter(|_| self.contains(field));
        if at.is_some() && !matches!(self.repr, Repr::Timed(_)) {
            let fields = Self { repr: core::mem::take(&mut self.repr) };
            self.repr = Repr::Timed(Box::new(Timed { fields, deadlines: Deadlines::new(encoding.seed) }));
        }
        let Repr::Timed(timed) = &mut self.repr else { return None };
        let before = timed.deadlines.set(field, at);
        self.settle_form();
        before
    }

    /// Gives up the place for deadlines once there are none.
    fn settle_form(&mut self) {
        if let Repr::Timed(timed) = &mut self.repr
            && timed.deadlines.is_empty()
        {
            self.repr = core::mem::take(&mut timed.fields.repr);
        }
    }

    /// Returns the bytes allocated on the heap. Cost: O(1).
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        match &self.repr {
            Repr::Packed(packed) => allocation(packed.allocated_bytes()),
            Repr::Table(fields) => allocation(size_of::<Fields>()) + fields.allocated_bytes(),
            Repr::Timed(timed) => {
                allocation(size_of::<Timed>()) + timed.fields.allocated_bytes() + timed.deadlines.allocated_bytes()
            }
        }
    }

    fn unpack(&mut self, encoding: &Encoding) -> &mut Fields {
        if let Repr::Packed(_) = &self.repr {
            let mut fields = Fields::seeded(encoding.seed);
            for (field, value) in self.iter() {
                set(&mut fields, field, value);
            }
            self.repr = Repr::Table(Box::new(fields));
        }
        match &mut self.repr {
            Repr::Table(fields) => fields,
            Repr::Packed(_) | Repr::Timed(_) => {
                unreachable!("it has just become a table, and the form within is plain")
            }
        }
    }
}

impl Default for Repr {
    fn default() -> Self {
        Self::Packed(Packed::new())
    }
}

/// Hashes are equal when they have the same fields with the same values and deadlines, however they hold them.
impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |field: &[u8], value| other.get(field) == Some(value) && other.expires_at(field) == self.expires_at(field);
        self.len() == other.len() && self.iter().all(|(field, value)| same(field, value))
    }
}

impl Eq for Hash {}

impl<'a> IntoIterator for &'a Hash {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Sets a field of a table, and returns whether it is new.
fn set(fields: &mut Fields, field: &[u8], value: &[u8]) -> bool {
    if let Some(pair) = fields.get_mut(field) {
        let value_start = pair.len() - split_pair(pair).1.len();
        if let Some(old) = pair.get_mut(value_start..).filter(|old| old.len() == value.len()) {
            old.copy_from_slice(value);
            return false;
        }
    }
    let (length, size) = encode_length(field.len());
    let mut head = Vec::with_capacity(size + field.len());
    head.extend_from_slice(length.get(..size).unwrap_or_default());
    head.extend_from_slice(field);
    if fields.replace(field, &head, value) {
        return false;
    }
    fields.insert(field, &head, value);
    true
}
