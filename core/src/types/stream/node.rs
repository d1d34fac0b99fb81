//! A node: neighbouring entries of a stream in one buffer.
//!
//! ```text
//! | n | field … | free | entry | entry | …
//!
//! entry: | size | ms | seq | 1 | value …                the fields are those of the node
//!        | size | ms | seq | 2·n | field | value | …     the entry has n fields of its own
//! ```
//!
//! Every number is a LEB128 one, every field and value follows its length. The fields at the front are those of the
//! entry that the node began with: entries of one stream mostly have the same, and then repeat none of them. `ms` and
//! `seq` count from the node's base, the id that it began with. What is removed at the front leaves room there, which
//! is given back when it is as large as what stays.
//!
//! Entries are found by walking over their sizes; whoever owns the node bounds how many there are.

use alloc::vec::Vec;

use super::StreamId;
use crate::blob::Blob;

/// Entries in ascending order of their ids.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// No entry's id is below it.
    base: StreamId,
    bytes: Vec<u8>,
    /// Where the node's fields end.
    fields_end: usize,
    /// Where the first entry begins.
    start: usize,
    count: usize,
    /// The entries that were appended, those included that have gone: the node is full when they are many.
    appended: usize,
}

/// An entry, as it lies in a node.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Its fields with their values.
    pub fields: Fields<'a>,
    /// Where it lies in the node's buffer.
    place: (usize, usize),
}

impl Node {
    /// Makes a node that holds one entry: `words` are its fields, each followed by its value.
    pub(super) fn of_one(id: StreamId, words: &[Blob<'_>]) -> Self {
        let mut bytes = Vec::with_capacity(encoded_size(words) + ENTRY_OVERHEAD);
        push_number((words.len() / 2) as u64, &mut bytes);
        words.chunks_exact(2).filter_map(<[_]>::first).for_each(|field| push_word(field, &mut bytes));
        let fields_end = bytes.len();
        let mut node = Self { base: id, bytes, fields_end, start: fields_end, count: 0, appended: 0 };
        node.push(id, words);
        node
    }

    pub(super) fn base(&self) -> StreamId {
        self.base
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The entries that were appended, whether or not they are still there.
    pub(super) fn appended(&self) -> usize {
        self.appended
    }

    /// The bytes that entries take.
    pub(super) fn live_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back the room for more entries.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Appends an entry, whose id is above all others.
    pub(super) fn push(&mut self, id: StreamId, words: &[Blob<'_>]) {
        let mut entry = Vec::with_capacity(encoded_size(words) + ENTRY_OVERHEAD);
        let ms = id.ms - self.base.ms;
        push_number(ms, &mut entry);
        push_number(if ms == 0 { id.seq - self.base.seq } else { id.seq }, &mut entry);
        if self.has_fields_of(words) {
            entry.push(1);
            words.chunks_exact(2).filter_map(<[_]>::last).for_each(|value| push_word(value, &mut entry));
        } else {
            push_number((words.len() / 2 * 2) as u64, &mut entry);
            words.iter().take(words.len() / 2 * 2).for_each(|word| push_word(word, &mut entry));
        }
        push_word(&entry, &mut self.bytes);
        self.count += 1;
        self.appended += 1;
    }

    /// Whether an entry's fields are the node's.
    fn has_fields_of(&self, words: &[Blob<'_>]) -> bool {
        let (count, mut rest) = self.fields();
        let mut is_next = |field: Option<&Blob<'_>>| take_word(&mut rest) == field.map(|field| &**field);
        count == words.len() / 2 && words.chunks_exact(2).all(|pair| is_next(pair.first()))
    }

    /// The node's fields: how many, and where they lie.
    fn fields(&self) -> (usize, &[u8]) {
        let mut rest = self.bytes.get(..self.fields_end).unwrap_or_default();
        let count = take_number(&mut rest).unwrap_or(0);
        (count as usize, rest)
    }

    /// The entries in order.
    pub(super) fn iter(&self) -> NodeIter<'_> {
        NodeIter { node: self, at: self.start }
    }

    pub(super) fn last(&self) -> Option<Entry<'_>> {
        self.iter().last()
    }

    pub(super) fn find(&self, id: StreamId) -> Option<Entry<'_>> {
        self.iter().find(|entry| entry.id >= id).filter(|entry| entry.id == id)
    }

    /// Removes an entry, which [`Entry::place`] says where to find. Cost: O(bytes behind it), O(1) for the first.
    pub(super) fn remove(&mut self, place: (usize, usize)) {
        self.count = self.count.saturating_sub(1);
        if place.0 == self.start {
            self.start = place.1;
            self.give_back();
        } else {
            self.bytes.drain(place.0..place.1);
        }
    }

    /// Removes the first `count` entries. Cost: O(`count`), amortised.
    pub(super) fn drop_front(&mut self, count: usize) {
        if let Some(entry) = self.iter().take(count).last() {
            self.start = entry.place.1;
            self.count -= count;
            self.give_back();
        }
    }

    /// A node with copies of the first `count` entries.
    pub(super) fn copy_front(&self, count: usize) -> Self {
        let end = self.iter().take(count).last().map_or(self.start, |entry| entry.place.1);
        let fields = self.bytes.get(..self.fields_end).unwrap_or_default();
        let entries = self.bytes.get(self.start..end).unwrap_or_default();
        Self { bytes: [fields, entries].concat(), start: self.fields_end, count, ..*self }
    }

    /// Puts entries before the first that were [copied](Node::copy_front) from this node.
    pub(super) fn prepend(&mut self, front: &Self) {
        let entries = front.bytes.get(front.start..).unwrap_or_default();
        self.bytes.splice(self.fields_end..self.start, entries.iter().copied());
        self.start = self.fields_end;
        self.count += front.count;
    }

    /// Gives back the room before the first entry where it is as large as the rest.
    fn give_back(&mut self) {
        if self.start - self.fields_end > self.live_bytes() {
            self.bytes.drain(self.fields_end..self.start);
            self.start = self.fields_end;
        }
    }
}

impl<'a> Entry<'a> {
    /// Where the entry lies in its node.
    pub(super) fn place(&self) -> (usize, usize) {
        self.place
    }

    /// Its fields, each followed by its value.
    pub(super) fn words(&self) -> Vec<Blob<'a>> {
        let mut words = Vec::with_capacity(2 * self.fields.len());
        for (field, value) in self.fields.clone() {
            words.push(field.into());
            words.push(value.into());
        }
        words
    }
}

/// Walks the entries of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeIter<'a> {
    node: &'a Node,
    at: usize,
}

impl<'a> Iterator for NodeIter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let node = self.node;
        let mut behind = node.bytes.get(self.at..)?;
        let mut rest = take_word(&mut behind)?;
        let place = (self.at, node.bytes.len() - behind.len());
        self.at = place.1;
        let (ms, seq) = (take_number(&mut rest)?, take_number(&mut rest)?);
        let seq = if ms == 0 { node.base.seq.wrapping_add(seq) } else { seq };
        let id = StreamId { ms: node.base.ms.wrapping_add(ms), seq };
        let fields = match take_number(&mut rest)? {
            1 => {
                let (left, fields) = node.fields();
                Fields { left, fields: Some(fields), rest }
            }
            doubled => Fields { left: (doubled / 2) as usize, fields: None, rest },
        };
        Some(Entry { id, fields, place })
    }
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: usize,
    /// The node's fields, where they are the entry's.
    fields: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = take_word(self.fields.as_mut().unwrap_or(&mut self.rest))?;
        Some((field, take_word(&mut self.rest)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// What the words of an entry take at most, its fields as its own.
pub(super) fn encoded_size(words: &[Blob<'_>]) -> usize {
    words.iter().map(|word| word.len() + 2).sum()
}

/// Room for an entry's size, its id and the number of its fields.
const ENTRY_OVERHEAD: usize = 16;

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_word(word: &[u8], out: &mut Vec<u8>) {
    push_number(word.len() as u64, out);
    out.extend_from_slice(word);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

fn take_word<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_number(bytes)?;
    let (word, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(word)
}
