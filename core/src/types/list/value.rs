//! The list value: a deque of elements, packed by the kilobyte.
//!
//! A list that fits one [`Node`] is just that. A longer one is a ring of nodes of about 8 KB each, so that an element
//! costs two bytes more than itself, both ends are O(1), and an index is found by walking node counts, a thousandth of
//! the walk over elements. The shape is that of Redis's quicklist, without its compression of inner nodes.
//!
//! A list never knows its key, its expiry or who waits for its elements.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::deque::{Deque, drop_from, node_takes, push_to};
use super::node::{NODE_BYTES_TARGET, Node, NodeIter};

/// Names an end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// The head, index 0.
    Left,
    /// The tail, index -1.
    Right,
}

impl Side {
    /// Returns the other end.
    pub fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// A sequence of binary strings with cheap ends.
///
/// Two lists are equal when they hold the same elements in the same order, however they are packed.
#[derive(Clone, Default)]
pub struct List {
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    Packed(Node),
    Deque(Box<Deque>),
}

impl List {
    /// Returns an empty list. Cost: O(1), no allocation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of elements. Cost: O(1).
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(node) => node.count(),
            Repr::Deque(deque) => deque.len,
        }
    }

    /// Reports whether there is no element. Cost: O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an element at one end. Cost: amortised O(its size).
    pub fn push(&mut self, side: Side, element: &[u8]) {
        match &mut self.repr {
            Repr::Packed(node) if node_takes(node, side, element) => push_to(node, side, element),
            Repr::Packed(_) => self.unpack().push(side, element),
            Repr::Deque(deque) => deque.push(side, element),
        }
    }

    /// Removes and returns the element at one end. Cost: amortised O(its size).
    pub fn pop(&mut self, side: Side) -> Option<Vec<u8>> {
        let element = self.peek(side)?.to_vec();
        self.drop_many(side, 1);
        Some(element)
    }

    /// Returns the element at one end. Cost: O(1).
    pub fn peek(&self, side: Side) -> Option<&[u8]> {
        match (&self.repr, side) {
            (Repr::Packed(node), Side::Left) => node.iter().next(),
            (Repr::Packed(node), Side::Right) => node.iter().next_back(),
            (Repr::Deque(deque), Side::Left) => deque.nodes.front()?.iter().next(),
            (Repr::Deque(deque), Side::Right) => deque.nodes.back()?.iter().next_back(),
        }
    }

    /// Removes up to `count` elements at one end. Cost: O(nodes that go, and elements of the last of them).
    pub fn drop_many(&mut self, side: Side, count: usize) {
        match &mut self.repr {
            Repr::Packed(node) => drop_from(node, side, count),
            Repr::Deque(deque) => deque.drop_many(side, count),
        }
        self.repack();
    }

    /// Keeps only the `count` elements that begin at `start`. Cost: as [`Self::drop_many`] at both ends.
    pub fn trim(&mut self, start: usize, count: usize) {
        let behind = self.len().saturating_sub(start.saturating_add(count));
        self.drop_many(Side::Right, behind);
        self.drop_many(Side::Left, start);
    }

    /// Returns the element at `index`, counted from the head. Cost: O(nodes + elements of one node).
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (node, index) = self.locate(index)?;
        self.node(node)?.get(index)
    }

    /// Replaces the element at `index`; returns false, and does nothing, where there is none. Cost: as [`Self::get`].
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        let Some((at, index)) = self.locate(index) else { return false };
        let Some(node) = self.node(at) else { return false };
        let old_bytes = node.get(index).map_or(0, <[u8]>::len);
        let fits = element.len() <= old_bytes || node.count() == 1 || node.has_room_for(element);
        match &mut self.repr {
            Repr::Packed(node) if fits => node.set(index, element),
            Repr::Deque(deque) if fits => deque.set_at(at, index, element),
            _ => self.unpack().replace_at(at, index, element),
        }
        true
    }

    /// Puts an element before the one at `index`, or behind the last; returns false, and does nothing, where `index` is
    /// past the end. Cost: O(nodes + bytes of one node).
    pub fn insert(&mut self, index: usize, element: &[u8]) -> bool {
        let len = self.len();
        match index {
            0 => self.push(Side::Left, element),
            _ if index == len => self.push(Side::Right, element),
            _ => {
                let Some((at, index)) = self.locate(index) else { return false };
                match &mut self.repr {
                    Repr::Packed(node) if node.has_room_for(element) => node.insert(index, element),
                    _ => self.unpack().insert_at(at, index, element),
                }
            }
        }
        true
    }

    /// Removes and returns the element at `index`. Cost: O(nodes + bytes of one node).
    pub fn remove(&mut self, index: usize) -> Option<Vec<u8>> {
        let (at, index) = self.locate(index)?;
        let removed = self.node(at)?.get(index)?.to_vec();
        match &mut self.repr {
            Repr::Packed(node) => node.remove(index),
            Repr::Deque(deque) => deque.remove_at(at, index),
        }
        self.repack();
        Some(removed)
    }

    /// Removes the elements at these indices, which ascend; those past the end are ignored.
    ///
    /// Cost: as [`Self::remove`] for a few, O(n) for many.
    pub fn remove_many(&mut self, indices: &[usize]) {
        debug_assert!(indices.is_sorted_by(|a, b| a < b), "the indices must ascend");
        if indices.len() <= REBUILD_FROM {
            for &index in indices.iter().rev() {
                self.remove(index);
            }
            return;
        }
        let mut kept = Self::new();
        let mut indices = indices.iter().peekable();
        for (index, element) in self.iter().enumerate() {
            if indices.next_if(|next| **next == index).is_none() {
                kept.push(Side::Right, element);
            }
        }
        *self = kept;
    }

    /// Inserts elements so that each stands at its index afterwards: the inverse of [`Self::remove_many`].
    ///
    /// The indices ascend; what would stand past the end is appended. Cost: as [`Self::insert`] for a few, O(n) for many.
    pub fn insert_many<E: AsRef<[u8]>>(&mut self, elements: &[(usize, E)]) {
        debug_assert!(elements.is_sorted_by(|a, b| a.0 < b.0), "the indices must ascend");
        if elements.len() <= REBUILD_FROM {
            for (index, element) in elements {
                self.insert((*index).min(self.len()), element.as_ref());
            }
            return;
        }
        let mut grown = Self::new();
        let mut old = self.iter();
        for (index, element) in elements {
            let missing = index.saturating_sub(grown.len());
            old.by_ref().take(missing).for_each(|element| grown.push(Side::Right, element));
            grown.push(Side::Right, element.as_ref());
        }
        old.for_each(|element| grown.push(Side::Right, element));
        *self = grown;
    }

    /// Returns all elements in order, from either end.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0, usize::MAX)
    }

    /// Returns all elements from the tail to the head.
    pub fn iter_rev(&self) -> core::iter::Rev<Iter<'_>> {
        self.iter().rev()
    }

    /// Returns the elements from `start` on, from either end.
    pub fn iter_from(&self, start: usize) -> Iter<'_> {
        self.range(start, usize::MAX)
    }

    /// Returns up to `count` elements that begin at `start`, from either end.
    ///
    /// Cost: O(nodes + elements of one node) to begin, O(1) an element.
    pub fn range(&self, start: usize, count: usize) -> Iter<'_> {
        let remaining = count.min(self.len().saturating_sub(start));
        let nowhere = Iter {
            list: self,
            front: NodeIter::default(),
            front_node: 0,
            back: NodeIter::default(),
            back_node: 0,
            remaining: 0,
        };
        if remaining == 0 {
            return nowhere;
        }
        let (Some(front), Some(back)) = (self.locate(start), self.locate(start + remaining - 1)) else {
            return nowhere;
        };
        Iter {
            list: self,
            front: self.node(front.0).map(|node| node.iter_from(front.1)).unwrap_or_default(),
            front_node: front.0,
            back: self.node(back.0).map(|node| node.iter_to(back.1 + 1)).unwrap_or_default(),
            back_node: back.0,
            remaining,
        }
    }

    /// Returns what `OBJECT ENCODING` calls this list.
    pub fn encoding(&self) -> &'static str {
        match self.repr {
            Repr::Packed(_) if SMALL_LISTS_ARE_LISTPACKS => "listpack",
            _ => "quicklist",
        }
    }

    /// Returns the bytes on the heap, `size_of::<List>()` not among them. Cost: O(1).
    pub fn allocated_bytes(&self) -> usize {
        match &self.repr {
            Repr::Packed(node) => node.allocated_bytes(),
            Repr::Deque(deque) => size_of::<Deque>() + deque.allocated_bytes(),
        }
    }

    /// The bytes on the heap, counted anew.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        match &self.repr {
            Repr::Packed(node) => node.allocated_bytes(),
            Repr::Deque(deque) => size_of::<Deque>() + deque.counted_bytes(),
        }
    }

    fn node(&self, index: usize) -> Option<&Node> {
        match &self.repr {
            Repr::Packed(node) => (index == 0).then_some(node),
            Repr::Deque(deque) => deque.nodes.get(index),
        }
    }

    /// Returns the node that holds element `index`, and the element's index in it.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        match &self.repr {
            Repr::Packed(node) => (index < node.count()).then_some((0, index)),
            Repr::Deque(deque) => deque.locate(index),
        }
    }

    /// Turns the list into a deque of nodes, if it is none yet.
    fn unpack(&mut self) -> &mut Deque {
        if let Repr::Packed(node) = &mut self.repr {
            self.repr = Repr::Deque(Box::new(Deque::of_one(core::mem::take(node))));
        }
        match &mut self.repr {
            Repr::Deque(deque) => deque,
            Repr::Packed(_) => unreachable!("the list was just unpacked"),
        }
    }

    /// Turns a deque that has shrunk to half a node back into one.
    fn repack(&mut self) {
        let Repr::Deque(deque) = &mut self.repr else { return };
        if deque.nodes.len() > 1 {
            return;
        }
        match deque.nodes.front() {
            Some(node) if node.live_bytes() > NODE_BYTES_TARGET / 2 => {}
            _ => self.repr = Repr::Packed(deque.take(0).unwrap_or_default()),
        }
    }
}

impl Default for Repr {
    fn default() -> Self {
        Self::Packed(Node::default())
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<E: AsRef<[u8]>> FromIterator<E> for List {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Self {
        let mut list = Self::new();
        elements.into_iter().for_each(|element| list.push(Side::Right, element.as_ref()));
        list
    }
}

/// Walks the elements of a list, or of a range of one, from both ends.
#[derive(Clone)]
pub struct Iter<'a> {
    list: &'a List,
    front: NodeIter<'a>,
    front_node: usize,
    back: NodeIter<'a>,
    back_node: usize,
    remaining: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.remaining = self.remaining.checked_sub(1)?;
        loop {
            if let Some(element) = self.front.next() {
                return Some(element);
            }
            self.front_node += 1;
            self.front = self.list.node(self.front_node)?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        loop {
            if let Some(element) = self.back.next_back() {
                return Some(element);
            }
            self.back_node = self.back_node.checked_sub(1)?;
            self.back = self.list.node(self.back_node)?.iter();
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Whether a list of one node is reported as a listpack, as Redis does from 7.2 on; 7.0 knows only quicklists.
pub const SMALL_LISTS_ARE_LISTPACKS: bool = false;

/// From how many elements on a list is rebuilt in one pass instead of edited in place.
const REBUILD_FROM: usize = 8;
