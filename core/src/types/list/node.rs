//! One run of a list: up to a few kilobytes of elements in a single buffer, readable from both ends.
//!
//! ```text
//!        start                                              end
//! | gap  | len | data … | back | len | data … | back | …    |
//!          ╰─── back ───╯
//! ```
//!
//! `len` is a LEB128 number, the bytes of `data`. `back` is the size of `len` and `data` together, a LEB128 number
//! written in reverse, so that a reader that stands behind an element finds where it begins. Popping the front only
//! moves `start`; pushing there fills the gap, which is made as large as what it precedes whenever it runs out, so that
//! both ends cost amortised O(1).
//!
//! A node knows nothing of the list that it belongs to: [`super::value`] decides when a node is full, split or merged.

use alloc::vec::Vec;

/// A buffer of length-prefixed elements.
#[derive(Clone, Default)]
pub(super) struct Node {
    bytes: Vec<u8>,
    /// Where the first element begins; what lies before it is free space.
    start: u32,
    count: u32,
}

impl Node {
    /// Returns a node that holds one element, in a buffer of exactly its size.
    pub(super) fn of_one(element: &[u8]) -> Self {
        let mut node = Self::default();
        node.bytes.reserve_exact(encoded_bytes(element));
        node.push_back(element);
        node
    }

    /// Returns the number of elements.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Returns the number of bytes that the elements take in their encoded form.
    pub(super) fn live_bytes(&self) -> usize {
        self.bytes.len().saturating_sub(self.start as usize)
    }

    /// Returns the size of the buffer, used or not.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Reports whether an element may join in the middle: a node holds one of any size, or several within the target.
    pub(super) fn has_room_for(&self, element: &[u8]) -> bool {
        self.count == 0 || self.live_bytes() + encoded_bytes(element) <= NODE_BYTES_TARGET
    }

    /// Reports whether an element may join at the back.
    ///
    /// A node that is nearly full of elements and gap is left alone although closing the gap would make room: a queue
    /// that moves through it would close it again at every push.
    pub(super) fn has_room_at_back(&self, element: &[u8]) -> bool {
        let fits = self.bytes.len() + encoded_bytes(element) <= NODE_BYTES_TARGET;
        fits || (self.has_room_for(element) && self.gap_is_worth_closing())
    }

    /// Reports whether an element may join at the front, for the same reason not if that moves much for little.
    pub(super) fn has_room_at_front(&self, element: &[u8]) -> bool {
        let fits = encoded_bytes(element) <= self.start as usize;
        fits || (self.has_room_for(element) && self.live_bytes() <= NODE_BYTES_TARGET / 4 * 3)
    }

    /// Returns an iterator over the elements, from either end.
    pub(super) fn iter(&self) -> NodeIter<'_> {
        NodeIter { rest: self.live() }
    }

    /// Returns an iterator whose front stands at element `index`, and whose back at the end of the node.
    pub(super) fn iter_from(&self, index: usize) -> NodeIter<'_> {
        let offset = self.offset_of(index);
        NodeIter { rest: self.bytes.get(offset..).unwrap_or_default() }
    }

    /// Returns an iterator over the first `end` elements.
    pub(super) fn iter_to(&self, end: usize) -> NodeIter<'_> {
        let offset = self.offset_of(end);
        NodeIter { rest: self.bytes.get(self.start as usize..offset).unwrap_or_default() }
    }

    /// Returns the element at `index`. Cost: O(distance to the nearer end).
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter_from(index).next()
    }

    /// Appends an element behind the last. Cost: amortised O(its size).
    pub(super) fn push_back(&mut self, element: &[u8]) {
        let needed = encoded_bytes(element);
        if self.bytes.capacity() - self.bytes.len() < needed {
            if self.gap_is_worth_closing() {
                self.close_gap();
            }
            reserve(&mut self.bytes, needed);
        }
        encode(element, &mut self.bytes);
        self.count += 1;
    }

    /// Puts an element before the first. Cost: amortised O(its size).
    pub(super) fn push_front(&mut self, element: &[u8]) {
        let needed = encoded_bytes(element);
        if (self.start as usize) < needed {
            self.open_gap(needed);
        }
        let start = (self.start as usize).saturating_sub(needed);
        if let Some(space) = self.bytes.get_mut(start..self.start as usize) {
            write_into(element, space);
        }
        self.start = start as u32;
        self.count += 1;
    }

    /// Removes the first element. Cost: O(1), and once in a while O(node).
    pub(super) fn drop_front(&mut self) {
        let mut elements = self.iter();
        if elements.next().is_none() {
            return;
        }
        let left = elements.rest.len();
        self.start = self.bytes.len().saturating_sub(left) as u32;
        self.count = self.count.saturating_sub(1);
        self.settle();
    }

    /// Removes the last element. Cost: O(1).
    pub(super) fn drop_back(&mut self) {
        let mut elements = self.iter();
        if elements.next_back().is_none() {
            return;
        }
        let end = self.start as usize + elements.rest.len();
        self.bytes.truncate(end);
        self.count = self.count.saturating_sub(1);
        self.settle();
    }

    /// Removes the first `count` elements. Cost: O(count).
    pub(super) fn drop_front_many(&mut self, count: usize) {
        let count = count.min(self.count());
        self.start = self.offset_of(count) as u32;
        self.count = self.count.saturating_sub(count as u32);
        self.settle();
    }

    /// Removes the last `count` elements. Cost: O(count).
    pub(super) fn drop_back_many(&mut self, count: usize) {
        let count = count.min(self.count());
        let end = self.offset_of(self.count() - count);
        self.bytes.truncate(end);
        self.count = self.count.saturating_sub(count as u32);
        self.settle();
    }

    /// Puts an element at `index`, before the one that stands there. Cost: O(node).
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        self.close_gap();
        let at = self.offset_of(index);
        let needed = encoded_bytes(element);
        reserve(&mut self.bytes, needed);
        let mut encoded = Vec::with_capacity(needed);
        encode(element, &mut encoded);
        self.bytes.splice(at..at, encoded);
        self.count += 1;
    }

    /// Removes the element at `index`. Cost: O(node).
    pub(super) fn remove(&mut self, index: usize) {
        if index >= self.count() {
            return;
        }
        let at = self.offset_of(index);
        let end = self.offset_of(index + 1);
        self.bytes.drain(at..end);
        self.count = self.count.saturating_sub(1);
        self.settle();
    }

    /// Replaces the element at `index`. Cost: O(node), or O(element) where the length stays the same.
    pub(super) fn set(&mut self, index: usize, element: &[u8]) {
        if index >= self.count() {
            return;
        }
        let at = self.offset_of(index);
        let end = self.offset_of(index + 1);
        let mut encoded = Vec::with_capacity(encoded_bytes(element));
        encode(element, &mut encoded);
        match self.bytes.get_mut(at..end) {
            Some(old) if old.len() == encoded.len() => old.copy_from_slice(&encoded),
            _ => drop(self.bytes.splice(at..end, encoded)),
        }
    }

    /// Moves the elements from `index` on into a node of their own. Cost: O(node).
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let index = index.min(self.count());
        let offset = self.offset_of(index);
        let tail = self.bytes.get(offset..).unwrap_or_default().to_vec();
        let count = self.count.saturating_sub(index as u32);
        self.bytes.truncate(offset);
        self.count = index as u32;
        self.settle();
        Self { bytes: tail, start: 0, count }
    }

    /// Appends the elements of `other`. Cost: O(other).
    pub(super) fn append(&mut self, other: &Self) {
        let live = other.live();
        self.close_gap();
        self.bytes.reserve_exact(live.len());
        self.bytes.extend_from_slice(live);
        self.count += other.count;
    }

    fn live(&self) -> &[u8] {
        self.bytes.get(self.start as usize..).unwrap_or_default()
    }

    /// Returns where element `index` begins, or where the elements end.
    fn offset_of(&self, index: usize) -> usize {
        let mut elements = self.iter();
        if index <= self.count() / 2 {
            for _ in 0..index {
                elements.next();
            }
            self.bytes.len().saturating_sub(elements.rest.len())
        } else {
            for _ in index..self.count() {
                elements.next_back();
            }
            self.start as usize + elements.rest.len()
        }
    }

    /// Frees what a removal left unused, once that is most of the buffer: a drained queue must not keep its space.
    fn settle(&mut self) {
        if self.count == 0 {
            self.bytes = Vec::new();
            self.start = 0;
        } else if self.bytes.capacity() > NODE_BYTES_IDLE && self.live_bytes() < self.bytes.capacity() / 4 {
            self.close_gap();
            self.bytes.shrink_to(self.live_bytes() * 2);
        }
    }

    fn gap_is_worth_closing(&self) -> bool {
        self.start as usize >= self.live_bytes()
    }

    fn close_gap(&mut self) {
        let gap = (self.start as usize).min(self.bytes.len());
        self.bytes.drain(..gap);
        self.start = 0;
    }

    /// Makes the gap in front of the elements at least `needed` bytes, and as large as the elements where that fits.
    fn open_gap(&mut self, needed: usize) {
        let live = self.live_bytes();
        let spare = NODE_BYTES_TARGET.saturating_sub(live).min(live);
        let gap = needed.max(spare);
        let mut bytes = Vec::with_capacity(gap + live);
        bytes.resize(gap, 0);
        bytes.extend_from_slice(self.live());
        self.bytes = bytes;
        self.start = gap as u32;
    }
}

/// Walks a node's elements from both ends; `rest` holds those that neither end has passed.
#[derive(Clone, Default)]
pub(super) struct NodeIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NodeIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, head) = read_len(self.rest)?;
        let (element, rest) = self.rest.get(head..)?.split_at_checked(len)?;
        self.rest = rest.get(len_bytes(head + len)..)?;
        Some(element)
    }
}

impl DoubleEndedIterator for NodeIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (body_bytes, tail) = read_len_back(self.rest)?;
        let end = self.rest.len().checked_sub(tail)?;
        let (rest, body) = self.rest.get(..end)?.split_at_checked(end.checked_sub(body_bytes)?)?;
        let (_, head) = read_len(body)?;
        self.rest = rest;
        body.get(head..)
    }
}

/// Returns how many bytes an element takes in a node.
pub(super) fn encoded_bytes(element: &[u8]) -> usize {
    let body = len_bytes(element.len()) + element.len();
    body + len_bytes(body)
}

/// How large a node grows before the next element starts another: Redis's `list-max-listpack-size -2`.
pub(super) const NODE_BYTES_TARGET: usize = 8 * 1024;

/// Below this size a buffer is not worth shrinking.
const NODE_BYTES_IDLE: usize = 128;

/// Makes room at the end of a buffer: doubling it, but not past the target, so that a full node wastes nothing.
fn reserve(bytes: &mut Vec<u8>, needed: usize) {
    if bytes.capacity() - bytes.len() >= needed {
        return;
    }
    let least = bytes.len() + needed;
    let doubled = (bytes.capacity() * 2).min(NODE_BYTES_TARGET);
    bytes.reserve_exact(least.max(doubled) - bytes.len());
}

fn encode(element: &[u8], out: &mut Vec<u8>) {
    let (head, head_bytes) = encode_len(element.len());
    let (mut back, back_bytes) = encode_len(head_bytes + element.len());
    let back = back.get_mut(..back_bytes).unwrap_or_default();
    back.reverse();
    out.extend_from_slice(head.get(..head_bytes).unwrap_or_default());
    out.extend_from_slice(element);
    out.extend_from_slice(back);
}

/// Writes an encoded element into a space of exactly its size.
fn write_into(element: &[u8], space: &mut [u8]) {
    let (head, head_bytes) = encode_len(element.len());
    let (back, _) = encode_len(head_bytes + element.len());
    let Some((head_space, space)) = space.split_at_mut_checked(head_bytes) else { return };
    let Some((element_space, back_space)) = space.split_at_mut_checked(element.len()) else { return };
    head_space.iter_mut().zip(head).for_each(|(to, from)| *to = from);
    element_space.copy_from_slice(element);
    back_space.iter_mut().rev().zip(back).for_each(|(to, from)| *to = from);
}

/// Returns a LEB128 number and how many of the bytes it takes.
fn encode_len(mut value: usize) -> ([u8; LEN_BYTES_MAX], usize) {
    let mut encoded = [0; LEN_BYTES_MAX];
    let mut count = 0;
    for byte in &mut encoded {
        count += 1;
        *byte = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (encoded, count)
}

fn len_bytes(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// Reads a length at the front; returns it and its own size.
fn read_len(bytes: &[u8]) -> Option<(usize, usize)> {
    decode_len(bytes.iter())
}

/// Reads a reversed length at the back; returns it and its own size.
fn read_len_back(bytes: &[u8]) -> Option<(usize, usize)> {
    decode_len(bytes.iter().rev())
}

fn decode_len<'a>(bytes: impl Iterator<Item = &'a u8>) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (index, &byte) in bytes.enumerate().take(LEN_BYTES_MAX) {
        value |= usize::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

const LEN_BYTES_MAX: usize = usize::BITS.div_ceil(7) as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn contents(node: &Node) -> Vec<Vec<u8>> {
        node.iter().map(<[u8]>::to_vec).collect()
    }

    proptest! {
        #[test]
        fn lengths_read_the_same_from_both_ends(value in 0..u32::MAX as usize) {
            let (encoded, count) = encode_len(value);
            let mut bytes = encoded[..count].to_vec();
            prop_assert_eq!(bytes.len(), len_bytes(value));
            prop_assert_eq!(read_len(&bytes), Some((value, bytes.len())));
            bytes.reverse();
            prop_assert_eq!(read_len_back(&bytes), Some((value, bytes.len())));
        }

        #[test]
        fn elements_read_the_same_from_both_ends(
            elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let mut node = Node::default();
            for element in &elements {
                node.push_back(element);
            }
            prop_assert_eq!(node.live_bytes(), elements.iter().map(|e| encoded_bytes(e)).sum::<usize>());
            prop_assert_eq!(&contents(&node), &elements);
            let mut backwards: Vec<Vec<u8>> = node.iter().rev().map(<[u8]>::to_vec).collect();
            backwards.reverse();
            prop_assert_eq!(&backwards, &elements);
            for (index, element) in elements.iter().enumerate() {
                prop_assert_eq!(node.get(index), Some(element.as_slice()));
            }
            prop_assert_eq!(node.get(elements.len()), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let walk = NodeIter { rest: &bytes };
            let forwards: usize = walk.clone().map(<[u8]>::len).sum();
            let backwards: usize = walk.rev().map(<[u8]>::len).sum();
            prop_assert!(forwards <= bytes.len() && backwards <= bytes.len());
        }
    }

    #[test]
    fn a_queue_that_moves_through_a_node_keeps_its_buffer_small() {
        let mut node = Node::default();
        for round in 0..10_000_u32 {
            node.push_back(&round.to_le_bytes());
            if node.count() > 10 {
                node.drop_front();
            }
        }
        assert!(node.allocated_bytes() <= 256, "{}", node.allocated_bytes());
        assert_eq!(node.get(0), Some(9_990_u32.to_le_bytes().as_slice()));
    }

    #[test]
    fn pushing_in_front_moves_each_byte_a_bounded_number_of_times() {
        let mut node = Node::default();
        let mut moves = 0;
        let mut pushed = 0;
        while node.has_room_at_front(b"element") {
            if (node.start as usize) < encoded_bytes(b"element") {
                moves += node.live_bytes();
            }
            node.push_front(b"element");
            pushed += encoded_bytes(b"element");
        }
        assert!(moves <= 2 * pushed, "{moves} bytes moved for {pushed} pushed");
        assert_eq!(contents(&node), vec![b"element".to_vec(); node.count()]);
    }
}
