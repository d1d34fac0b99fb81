//! The value of a hash: packed while it is small, a table from then on.
//!
//! It knows neither keys nor commands, nor the time: a field whose deadline has passed is there until it is removed, and
//! who mustn't see it looks through a [view](super::HashView). A hash that has become a table stays one, as in Redis, since
//! what grew once is likely to grow again. While a field has a deadline, the deadlines stand beside either form.

use alloc::{boxed::Box, vec::Vec};

use super::deadlines::Deadlines;
use crate::{
    env::UnixMillis,
    hash::Rng,
    table::{self, Keyed, Records, allocation},
    types::{
        encoding::Encoding,
        packed::{self, Packed, encode_length, split_pair},
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
struct Timed {
    /// The fields with their values, in one of the other forms.
    fields: Hash,
    deadlines: Deadlines,
}

/// Field and value in one record, the field behind its length.
type Fields = Records<Pair>;

#[derive(Debug, Clone)]
struct Pair;

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

    /// Returns the number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(packed) => packed.len() / 2,
            Repr::Table(fields) => fields.len(),
            Repr::Timed(timed) => timed.fields.len(),
        }
    }

    /// Tells whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of a field. Cost: O(1); O(bytes) while packed.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.repr {
            Repr::Packed(packed) => packed.after(packed.find(field, 2)?),
            Repr::Table(fields) => fields.get(field).map(|pair| split_pair(pair).1),
            Repr::Timed(timed) => timed.fields.get(field),
        }
    }

    /// Brings fields that are about to be looked up near the processor; see [`Segmented::warm`](table::Segmented::warm).
    #[cfg(feature = "server")]
    pub(crate) fn warm<'k>(&self, fields: impl Iterator<Item = &'k [u8]>) {
        if let Repr::Table(table) = &self.repr {
            table.warm_keys(fields);
        }
    }

    /// Tells whether the field exists. Cost: as [`Self::get`].
    #[must_use]
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
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

    /// When a field expires; `None` if it doesn't, or isn't there. Cost: O(1).
    #[must_use]
    pub fn expires_at(&self, field: &[u8]) -> Option<UnixMillis> {
        self.timed()?.deadlines.get(field)
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

    /// The earliest deadline of a field. Cost: O(1) without deadlines.
    #[inline]
    #[must_use]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.timed()?.deadlines.first()
    }

    /// Whether all fields are due at `now`. Cost: O(1) without deadlines.
    #[must_use]
    pub fn is_all_due(&self, now: UnixMillis) -> bool {
        self.timed().is_some_and(|Timed { fields, deadlines }| {
            deadlines.len() == fields.len() && deadlines.last().is_some_and(|last| last <= now)
        })
    }

    /// The fields that are due at `now`, the earliest first, `count_max` at most. Cost: O(fields that are due).
    #[must_use]
    pub fn due(&self, now: UnixMillis, count_max: usize) -> Vec<&[u8]> {
        self.timed().map(|timed| timed.deadlines.due(now, count_max)).unwrap_or_default()
    }

    /// How many fields are due at `now`. Cost: O(fields that are due).
    #[must_use]
    pub fn due_count(&self, now: UnixMillis) -> usize {
        self.timed().map_or(0, |timed| timed.deadlines.due_count(now))
    }

    fn timed(&self) -> Option<&Timed> {
        if let Repr::Timed(timed) = &self.repr { Some(timed) } else { None }
    }

    /// Gives up the place for deadlines once there are none.
    fn settle_form(&mut self) {
        if let Repr::Timed(timed) = &mut self.repr
            && timed.deadlines.is_empty()
        {
            self.repr = core::mem::take(&mut timed.fields.repr);
        }
    }

    /// Yields fields and values: in the order of their insertion while packed, then in the table's.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        match &self.repr {
            Repr::Packed(packed) => Iter(IterRepr::Packed(packed.iter())),
            Repr::Table(fields) => Iter(IterRepr::Table(fields.iter())),
            Repr::Timed(timed) => timed.fields.iter(),
        }
    }

    /// Visits about `count` fields from a cursor on, and returns the next; see [`Segmented::scan`](table::Segmented::scan). All at once while packed.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        match &self.repr {
            Repr::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Repr::Table(fields) => fields.scan(cursor, count, |pair| {
                let (field, value) = split_pair(pair);
                visit(field, value);
            }),
            Repr::Timed(timed) => timed.fields.scan_dyn(cursor, count, &mut visit),
        }
    }

    /// The same for any visitor: a form within another would be a type within another without end.
    fn scan_dyn<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) -> u64 {
        self.scan(cursor, count, visit)
    }

    /// Returns a field drawn at random, each equally likely. Cost: O(1) expected; O(n) while packed.
    #[must_use]
    pub fn sample(&self, rng: &mut Rng) -> Option<(&[u8], &[u8])> {
        match &self.repr {
            Repr::Packed(packed) => {
                let position = packed.position(rng.index(self.len()) * 2)?;
                Some((packed.at(position)?, packed.after(position)?))
            }
            Repr::Table(fields) => fields.sample(rng).map(split_pair),
            Repr::Timed(timed) => timed.fields.sample(rng),
        }
    }

    /// Returns how `OBJECT ENCODING` calls the present representation.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Packed(_) => "listpack",
            Repr::Table(_) => "hashtable",
            Repr::Timed(timed) if matches!(timed.fields.repr, Repr::Packed(_)) => "listpackex",
            Repr::Timed(_) => "hashtable",
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
