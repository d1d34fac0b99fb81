//! Small entries in one allocation: what hashes, sets and sorted sets are made of while they are few and short.
//!
//! ```text
//! ┌────────┬───────┬────────┬───────┬─ ─ ─
//! │ length │ bytes │ length │ bytes │          length: LEB128, one byte below 128
//! └────────┴───────┴────────┴───────┴─ ─ ─
//! ```
//!
//! It knows neither fields nor scores: an owner decides what an entry means, and how many belong together. Everything
//! but appending walks the entries, so owners bound their count. The layout is not a format: it never leaves memory.

use alloc::{boxed::Box, vec::Vec};

/// Binary-safe entries in order, back to back in one allocation.
///
/// ```
/// use sanderling_core::types::packed::Packed;
/// let mut packed = Packed::new();
/// packed.push(b"field");
/// packed.push(b"value");
/// let at = packed.find(b"field", 2).unwrap();
/// assert_eq!(packed.after(at), Some(&b"value"[..]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Exactly as large as what is in it: there are many small collections, and few of them go on growing.
    bytes: Box<[u8]>,
    count: u32,
}

/// Entries of a [`Packed`], or kept elsewhere in the same layout.
#[derive(Debug, Clone, Copy)]
pub struct PackedRef<'a> {
    bytes: &'a [u8],
    count: u32,
}

/// Where an entry starts. Any change before it makes it meaningless (though never unsafe to use).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(usize);

impl Packed {
    /// Returns an empty sequence, without allocating.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Tells whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends an entry. Cost: O(bytes) at worst, where the allocation can't grow in place.
    pub fn push(&mut self, entry: &[u8]) {
        let (prefix, size) = encode_length(entry.len());
        self.change(|bytes| {
            bytes.reserve_exact(size + entry.len());
            bytes.extend_from_slice(prefix.get(..size).unwrap_or_default());
            bytes.extend_from_slice(entry);
        });
        self.count += 1;
    }

    /// The entries, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> PackedRef<'_> {
        PackedRef { bytes: &self.bytes, count: self.count }
    }

    /// Yields the entries in order.
    pub fn iter(&self) -> Iter<'_> {
        self.borrowed().iter()
    }

    /// As [`PackedRef::find`].
    #[must_use]
    pub fn find(&self, needle: &[u8], step: usize) -> Option<Position> {
        self.borrowed().find(needle, step)
    }

    /// As [`PackedRef::position`].
    #[must_use]
    pub fn position(&self, index: usize) -> Option<Position> {
        self.borrowed().position(index)
    }

    /// As [`PackedRef::at`].
    #[must_use]
    pub fn at(&self, position: Position) -> Option<&[u8]> {
        self.borrowed().at(position)
    }

    /// As [`PackedRef::after`].
    #[must_use]
    pub fn after(&self, position: Position) -> Option<&[u8]> {
        self.borrowed().after(position)
    }

    /// As [`PackedRef::next`].
    #[must_use]
    pub fn next(&self, position: Position) -> Option<Position> {
        self.borrowed().next(position)
    }

    /// As [`PackedRef::get`].
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.borrowed().get(index)
    }

    /// Inserts an entry before a position (or at the end). Cost: O(bytes).
    pub fn insert(&mut self, position: Position, entry: &[u8]) {
        if position.0 <= self.bytes.len() {
            let (prefix, size) = encode_length(entry.len());
            let prefix = prefix.into_iter().take(size);
            self.change(|bytes| drop(bytes.splice(position.0..position.0, prefix.chain(entry.iter().copied()))));
            self.count += 1;
        }
    }

    /// Removes up to `count` entries from a position on, and says how many. Cost: O(bytes).
    pub fn remove(&mut self, position: Position, count: usize) -> usize {
        let Some(mut rest) = self.bytes.get(position.0..) else {
            return 0;
        };
        let mut removed = 0;
        while removed < count
            && let Some((_, after)) = split_entry(rest)
        {
            rest = after;
            removed += 1;
        }
        let end = self.bytes.len() - rest.len();
        self.change(|bytes| drop(bytes.drain(position.0..end)));
        self.count = self.count.saturating_sub(removed as u32);
        removed
    }

    /// Replaces the entry at a position. Cost: O(bytes), O(its length) when the length stays the same.
    pub fn replace(&mut self, position: Position, entry: &[u8]) {
        let Some(rest) = self.bytes.get(position.0..) else {
            return;
        };
        let Some((old, after)) = split_entry(rest) else {
            return;
        };
        let end = self.bytes.len() - after.len();
        if old.len() == entry.len() {
            if let Some(place) = self.bytes.get_mut(end - entry.len()..end) {
                place.copy_from_slice(entry);
            }
        } else {
            let (prefix, size) = encode_length(entry.len());
            let prefix = prefix.into_iter().take(size);
            self.change(|bytes| drop(bytes.splice(position.0..end, prefix.chain(entry.iter().copied()))));
        }
    }

    /// Removes everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Returns the bytes allocated on the heap.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = core::mem::take(&mut self.bytes).into_vec();
        change(&mut bytes);
        self.bytes = bytes.into_boxed_slice();
    }
}

impl<'a> PackedRef<'a> {
    /// Entries whose bytes are kept elsewhere: what [`Self::bytes`] gave, and their number.
    pub(crate) const fn new(bytes: &'a [u8], count: u32) -> Self {
        Self { bytes, count }
    }

    /// Returns the number of entries.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count as usize
    }

    /// Tells whether there are no entries.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The bytes of the entries.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The same in an allocation of their own.
    #[must_use]
    pub fn to_packed(self) -> Packed {
        Packed { bytes: self.bytes.into(), count: self.count }
    }

    /// Yields the entries in order.
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self.bytes, left: self.len() }
    }

    /// Returns the position of the first entry among every `step`-th (0, `step`, 2·`step`, …) that equals `needle`.
    ///
    /// Cost: O(bytes).
    #[must_use]
    pub fn find(self, needle: &[u8], step: usize) -> Option<Position> {
        let mut rest = self.bytes;
        let mut until_candidate = 0;
        while !rest.is_empty() {
            let (entry, after) = split_entry(rest)?;
            if until_candidate == 0 {
                if entry == needle {
                    return Some(Position(self.bytes.len() - rest.len()));
                }
                until_candidate = step;
            }
            until_candidate = until_candidate.saturating_sub(1);
            rest = after;
        }
        None
    }

    /// Returns the position of the entry with this index; the end for one past the last. Cost: O(index).
    #[must_use]
    pub fn position(self, index: usize) -> Option<Position> {
        if index > self.len() {
            return None;
        }
        let mut rest = self.bytes;
        for _ in 0..index {
            rest = split_entry(rest)?.1;
        }
        Some(Position(self.bytes.len() - rest.len()))
    }

    /// Returns the entry at a position. Cost: O(1).
    #[must_use]
    pub fn at(self, position: Position) -> Option<&'a [u8]> {
        split_entry(self.bytes.get(position.0..)?).map(|(entry, _)| entry)
    }

    /// Returns the entry after the one at a position. Cost: O(1).
    #[must_use]
    pub fn after(self, position: Position) -> Option<&'a [u8]> {
        self.at(self.next(position)?)
    }

    /// Returns the position after the one given: the next entry's, or the end. Cost: O(1).
    #[must_use]
    pub fn next(self, position: Position) -> Option<Position> {
        let (_, after) = split_entry(self.bytes.get(position.0..)?)?;
        Some(Position(self.bytes.len() - after.len()))
    }

    /// Returns the entry with this index. Cost: O(index).
    #[must_use]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        self.at(self.position(index)?)
    }
}

impl<'a> IntoIterator for &'a Packed {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a [`Packed`] in order.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (entry, rest) = split_entry(self.rest)?;
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The most bytes that the length of an entry takes.
const LENGTH_SIZE_MAX: usize = 10;

/// Splits a record of a field and a value, the field behind its length.
#[inline]
pub(super) fn split_pair(bytes: &[u8]) -> (&[u8], &[u8]) {
    split_entry(bytes).unwrap_or_default()
}

/// Returns the bytes of a length, and how many they are.
pub(crate) fn encode_length(length: usize) -> ([u8; LENGTH_SIZE_MAX], usize) {
    let mut encoded = [0; LENGTH_SIZE_MAX];
    let mut left = length;
    let mut size = 0;
    for place in &mut encoded {
        size += 1;
        *place = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 {
            break;
        }
        *place |= 0x80;
    }
    (encoded, size)
}

/// Splits the first entry off; nothing when there is none (or, after a stale position, no whole one).
#[inline]
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    split_long_entry(bytes)
}

fn split_long_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = decode_length(bytes)?;
    rest.split_at_checked(length)
}

/// Reads a length; returns it with what follows it.
pub(crate) fn decode_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().take(LENGTH_SIZE_MAX).enumerate() {
        length |= usize::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((length, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Op {
        Push(Vec<u8>),
        Insert(prop::sample::Index, Vec<u8>),
        Remove(prop::sample::Index, usize),
        Replace(prop::sample::Index, Vec<u8>),
    }

    fn entry() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => prop::collection::vec(0_u8..3, 0..4),
            1 => (any::<u8>(), prop_oneof![120..140_usize, 16_380..16_390_usize]).prop_map(|(byte, length)| alloc::vec![byte; length]),
        ]
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            entry().prop_map(Op::Push),
            (any::<prop::sample::Index>(), entry()).prop_map(|(at, entry)| Op::Insert(at, entry)),
            (any::<prop::sample::Index>(), 0_usize..4).prop_map(|(at, count)| Op::Remove(at, count)),
            (any::<prop::sample::Index>(), entry()).prop_map(|(at, entry)| Op::Replace(at, entry)),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_vector_of_vectors(ops in prop::collection::vec(op(), 1..60), needle in entry(), step in 1_usize..4) {
            let (mut packed, mut model) = (Packed::new(), Vec::<Vec<u8>>::new());
            for op in ops {
                match op {
                    Op::Push(entry) => {
                        packed.push(&entry);
                        model.push(entry);
                    }
                    Op::Insert(at, entry) => {
                        let at = at.index(model.len() + 1);
                        packed.insert(packed.position(at).unwrap(), &entry);
                        model.insert(at, entry);
                    }
                    Op::Remove(at, count) => {
                        let at = at.index(model.len() + 1);
                        let end = model.len().min(at + count);
                        prop_assert_eq!(packed.remove(packed.position(at).unwrap(), count), end - at);
                        model.drain(at..end);
                    }
                    Op::Replace(at, entry) if !model.is_empty() => {
                        let at = at.index(model.len());
                        packed.replace(packed.position(at).unwrap(), &entry);
                        model[at] = entry;
                    }
                    Op::Replace(..) => {}
                }
                prop_assert_eq!(packed.len(), model.len());
                prop_assert!(packed.iter().eq(model.iter().map(Vec::as_slice)));
                let found = model.iter().step_by(step).position(|entry| *entry == needle).map(|index| index * step);
                prop_assert_eq!(packed.find(&needle, step), found.and_then(|index| packed.position(index)));
                prop_assert_eq!(packed.get(model.len()), None);
                if let Some(last) = model.len().checked_sub(1) {
                    prop_assert_eq!(packed.get(last), Some(model[last].as_slice()));
                    prop_assert_eq!(packed.after(packed.position(0).unwrap()), model.get(1).map(Vec::as_slice));
                }
            }
        }

        #[test]
        fn pairs_come_apart_again(field in entry(), value in entry()) {
            let (length, size) = encode_length(field.len());
            let pair = [&length[..size], &field, &value].concat();
            prop_assert_eq!(split_pair(&pair), (field.as_slice(), value.as_slice()));
        }

        #[test]
        fn a_stale_position_does_not_panic(entries in prop::collection::vec(entry(), 0..5), at in 0_usize..200) {
            let mut packed = Packed::new();
            entries.iter().for_each(|entry| packed.push(entry));
            let stale = Position(at);
            let _ = (packed.at(stale), packed.after(stale));
            packed.replace(stale, b"x");
            packed.insert(stale, b"y");
            packed.remove(stale, 2);
        }
    }
}
