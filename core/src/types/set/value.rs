//! The value of a set: a sorted array while all members are integers, packed while it is small, a table from then on.
//!
//! ```text
//! integers ──► packed ──► table          never back, as in Redis
//!     └──────────────────────┘
//! ```
//!
//! It knows neither keys nor commands.

use alloc::{boxed::Box, vec::Vec};
use core::cmp::Ordering;

use crate::{
    blob::Blob,
    hash::Rng,
    num::{IntText, parse_i64},
    table::{self, Keyed, Records, allocation},
    types::{
        encoding::Encoding,
        packed::{self, Packed},
    },
};

/// Distinct binary-safe members.
///
/// ```
/// use sanderling_core::types::{encoding::Encoding, set::Set};
/// let mut set = Set::new();
/// assert!(set.add(b"42", &Encoding::default()));
/// assert!(!set.add(b"42", &Encoding::default()));
/// assert_eq!(set.iter().next().unwrap().as_bytes(), b"42");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Set {
    repr: Repr,
}

#[derive(Debug, Clone)]
enum Repr {
    /// In ascending order.
    Ints(Vec<i64>),
    Packed(Packed),
    Table(Box<Members>),
}

/// Each member a record.
type Members = Records<Whole>;

#[derive(Debug, Clone)]
struct Whole;

impl Keyed for Whole {
    fn key(record: &[u8]) -> &[u8] {
        record
    }
}

/// A member as it is handed out: borrowed, or an integer that has just been written as text.
#[derive(Debug, Clone, Copy)]
pub enum Member<'a> {
    /// A member of a packed set or of a table.
    Bytes(&'a [u8]),
    /// A member of an array of integers.
    Int(IntText),
}

impl Set {
    /// Returns a set without members, without allocating.
    #[must_use]
    pub const fn new() -> Self {
        Self { repr: Repr::Ints(Vec::new()) }
    }

    /// Brings members that are about to be looked up near the processor; see [`Segmented::warm`](table::Segmented::warm).
    #[cfg(feature = "server")]
    pub(crate) fn warm<'k>(&self, members: impl Iterator<Item = &'k [u8]>) {
        if let Repr::Table(table) = &self.repr {
            table.warm_keys(members);
        }
    }

    /// Brings members that are about to be drawn by these generators, and removed, near the processor.
    #[cfg(feature = "server")]
    pub(crate) fn warm_drawn(&self, rngs: impl Iterator<Item = Rng>) {
        if let Repr::Table(table) = &self.repr {
            table.warm_drawn(rngs);
        }
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => ints.len(),
            Repr::Packed(packed) => packed.len(),
            Repr::Table(members) => members.len(),
        }
    }

    /// Tells whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether this is a member. Cost: O(1); O(log n) among integers, O(bytes) while packed.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.repr {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|int| ints.binary_search(&int).is_ok()),
            Repr::Packed(packed) => packed.find(member, 1).is_some(),
            Repr::Table(members) => members.get(member).is_some(),
        }
    }

    /// Adds a member, and returns whether it is new.
    ///
    /// Cost: O(1) amortised; O(n) among integers, O(bytes) while packed, O(n) once for a change of representation.
    pub fn add(&mut self, member: &[u8], encoding: &Encoding) -> bool {
        let mut may_be_packed = true;
        match &mut self.repr {
            Repr::Table(members) => return add(members, member),
            Repr::Packed(packed) if packed.find(member, 1).is_some() => return false,
            Repr::Packed(_) => {}
            Repr::Ints(ints) => {
                if let Some(int) = parse_i64(member) {
                    match ints.binary_search(&int) {
                        Ok(_) => return false,
                        Err(index) if ints.len() < encoding.set_max_intset_entries => {
                            ints.insert(index, int);
                            return true;
                        }
                        // Too many integers become a table at once, as in Redis.
                        Err(_) => may_be_packed = false,
                    }
                }
            }
        }
        let is_small = self.len() < encoding.set_max_listpack_entries;
        if may_be_packed && is_small && member.len() <= encoding.set_max_listpack_value {
            self.pack().push(member);
            true
        } else {
            add(self.unpack(encoding), member)
        }
    }

    /// Removes a member, and returns whether it was one. Cost: as [`Self::contains`]; O(n) among integers.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Ints(ints) => {
                let Some(index) = parse_i64(member).and_then(|int| ints.binary_search(&int).ok()) else { return false };
                ints.remove(index);
                if ints.capacity() > 16 && ints.len() < ints.capacity() / 2 {
                    ints.shrink_to(ints.len() + ints.len() / 4);
                }
                true
            }
            Repr::Packed(packed) => packed.find(member, 1).is_some_and(|position| packed.remove(position, 1) == 1),
            Repr::Table(members) => members.discard(member),
        }
    }

    /// Yields the members: integers ascending, packed ones in the order of their insertion, else in the table's.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.repr {
            Repr::Ints(ints) => IterRepr::Ints(ints.iter()),
            Repr::Packed(packed) => IterRepr::Packed(packed.iter()),
            Repr::Table(members) => IterRepr::Table(members.iter()),
        })
    }

    /// Visits about `count` members from a cursor on, and returns the next; see [`Segmented::scan`](table::Segmented::scan). All at once while small.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Member<'a>)) -> u64 {
        match &self.repr {
            Repr::Table(members) => members.scan(cursor, count, |member| visit(Member::Bytes(member))),
            Repr::Ints(_) | Repr::Packed(_) => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// Returns a member drawn at random, each equally likely. Cost: O(1) expected; O(n) while packed.
    #[must_use]
    pub fn sample(&self, rng: &mut Rng) -> Option<Member<'_>> {
        match &self.repr {
            Repr::Ints(ints) => ints.get(rng.index(ints.len())).map(|int| Member::Int(IntText::new(*int))),
            Repr::Packed(packed) => packed.get(rng.index(packed.len())).map(Member::Bytes),
            Repr::Table(members) => members.sample(rng).map(Member::Bytes),
        }
    }

    /// Returns how `OBJECT ENCODING` calls the present representation.
    ///
    /// Packed sets came with Redis 7.2. Its predecessors, whose tests this engine is measured by, call every set that
    /// isn't made of integers a `hashtable`.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Ints(_) => "intset",
            Repr::Packed(_) | Repr::Table(_) => "hashtable",
        }
    }

    #[cfg(test)]
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.repr, Repr::Packed(_))
    }

    /// Returns the bytes allocated on the heap. Cost: O(1).
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => allocation(ints.capacity() * size_of::<i64>()),
            Repr::Packed(packed) => allocation(packed.allocated_bytes()),
            Repr::Table(members) => allocation(size_of::<Members>()) + members.allocated_bytes(),
        }
    }
    /// Turns integers into packed members. Not to be asked of a table.
    fn pack(&mut self) -> &mut Packed {
        if let Repr::Ints(ints) = &self.repr {
            let mut packed = Packed::new();
            ints.iter().for_each(|int| packed.push(IntText::new(*int).as_bytes()));
            self.repr = Repr::Packed(packed);
        }
        match &mut self.repr {
            Repr::Packed(packed) => packed,
            Repr::Ints(_) | Repr::Table(_) => {
                unreachable!("integers have just been packed, and a table is never asked")
            }
        }
    }

    fn unpack(&mut self, encoding: &Encoding) -> &mut Members {
        if !matches!(self.repr, Repr::Table(_)) {
            let mut members = Members::seeded(encoding.seed);
            for member in self.iter() {
                add(&mut members, member.as_bytes());
            }
            self.repr = Repr::Table(Box::new(members));
        }
        match &mut self.repr {
            Repr::Table(members) => members,
            Repr::Ints(_) | Repr::Packed(_) => unreachable!("it has just become a table"),
        }
    }
}

impl Default for Repr {
    fn default() -> Self {
        Self::Ints(Vec::new())
    }
}

/// Sets are equal when they have the same members, however they hold them.
impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.contains(member.as_bytes()))
    }
}

impl Eq for Set {}

impl<'a> IntoIterator for &'a Set {
    type Item = Member<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Adds a member to a table, and returns whether it is new.
fn add(members: &mut Members, member: &[u8]) -> bool {
    let is_new = members.get(member).is_none();
    if is_new {
        members.insert(member, member, &[]);
    }
    is_new
}

impl Member<'_> {
    /// Returns the member's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(text) => text.as_bytes(),
        }
    }
}

/// Members are ordered by their bytes, however they are handed out.
impl Ord for Member<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Member<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Member<'_> {}

impl AsRef<[u8]> for Member<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<'a> From<Member<'a>> for Blob<'a> {
    fn from(member: Member<'a>) -> Self {
        match member {
            Member::Bytes(bytes) => bytes.into(),
            Member::Int(text) => text.as_bytes().to_vec().into(),
        }
    }
}

/// The members of a [`Set`].
#[derive(Debug, Clone)]
pub struct Iter<'a>(IterRepr<'a>);

#[derive(Debug, Clone)]
enum IterRepr<'a> {
    Ints(core::slice::Iter<'a, i64>),
    Packed(packed::Iter<'a>),
    Table(table::Iter<'a, table::Packed<Whole>>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        match &mut self.0 {
            IterRepr::Ints(ints) => ints.next().map(|int| Member::Int(IntText::new(*int))),
            IterRepr::Packed(members) => members.next().map(Member::Bytes),
            IterRepr::Table(members) => members.next().map(Member::Bytes),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Ints(ints) => ints.size_hint(),
            IterRepr::Packed(members) => members.size_hint(),
            IterRepr::Table(members) => members.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
