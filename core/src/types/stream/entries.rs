//! The entries of a stream: nodes in a ring, each with some dozens of entries.
//!
//! A node is found by its base in O(log n), an entry in it by walking. Entries come at the end, and mostly go from the
//! front, a whole node at a time where one goes altogether.

use alloc::{collections::VecDeque, vec::Vec};

use super::{
    StreamId,
    node::{Entry, Node, NodeIter, encoded_size},
};
use crate::{blob::Blob, types::encoding::Encoding};

/// Entries in ascending order of their ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    /// None of them is empty.
    nodes: VecDeque<Node>,
    len: usize,
    /// What the nodes' buffers take.
    bytes: usize,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Appends an entry, whose id is above all others. Cost: O(its size), amortised.
    pub(super) fn push(&mut self, id: StreamId, words: &[Blob<'_>], encoding: &Encoding) {
        self.len += 1;
        let size = encoded_size(words);
        let last = self.nodes.len().saturating_sub(1);
        if self.nodes.get(last).is_some_and(|node| has_room(node, size, encoding)) {
            self.change(last, |node| node.push(id, words));
        } else {
            self.change(last, Node::close);
            self.add(self.nodes.len(), Node::of_one(id, words));
        }
    }

    /// Puts an entry in its place among the others, none of which has its id. Cost: O(log n + size of a node).
    pub(super) fn insert(&mut self, id: StreamId, words: &[Blob<'_>], encoding: &Encoding) {
        let at = self.nodes.partition_point(|node| node.base() <= id);
        self.len += 1;
        let Some(at) = at.checked_sub(1) else {
            self.add(0, Node::of_one(id, words));
            return;
        };
        // The entries behind it are appended anew, to the same node.
        let mut behind: Vec<(StreamId, Vec<Blob<'static>>)> = Vec::new();
        let Some(node) = self.nodes.get(at) else { return };
        for entry in node.iter().skip_while(|entry| entry.id < id) {
            behind.push((entry.id, owned(&entry)));
        }
        if behind.is_empty() && !has_room(node, encoded_size(words), encoding) {
            self.add(at + 1, Node::of_one(id, words));
            return;
        }
        self.change(at, |node| {
            while let Some(place) = node.last().filter(|last| last.id > id).map(|last| last.place()) {
                node.remove(place);
            }
            node.push(id, words);
            behind.iter().for_each(|(id, words)| node.push(*id, words));
        });
    }

    pub(super) fn find(&self, id: StreamId) -> Option<Entry<'_>> {
        self.nodes.get(self.node_of(id))?.find(id)
    }

    pub(super) fn first(&self) -> Option<Entry<'_>> {
        self.nodes.front()?.iter().next()
    }

    pub(super) fn last(&self) -> Option<Entry<'_>> {
        self.nodes.back()?.last()
    }

    /// Removes an entry; returns whether it was there. Cost: O(log n + size of a node).
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        let at = self.node_of(id);
        let Some(place) = self.find(id).map(|entry| entry.place()) else { return false };
        self.len -= 1;
        let is_left = self.change(at, |node| {
            node.remove(place);
            node.count() > 0
        });
        if is_left == Some(false) {
            self.take(at);
        }
        true
    }

    /// Removes the first `count` entries; returns the nodes that go, if they are to be kept.
    ///
    /// Cost: O(nodes that go), and what it costs to walk over one.
    pub(super) fn trim(&mut self, mut count: usize, keep: bool) -> Vec<Node> {
        let mut kept = Vec::new();
        while count > 0
            && let Some(held) = self.nodes.front().map(Node::count)
        {
            let gone = count.min(held);
            self.len -= gone;
            count -= gone;
            let node = match gone == held {
                true => self.take(0),
                false => {
                    let copy = self.nodes.front().filter(|_| keep).map(|node| node.copy_front(gone));
                    self.change(0, |node| node.drop_front(gone));
                    copy
                }
            };
            kept.extend(node.filter(|_| keep));
        }
        kept
    }

    /// Puts back what [`Entries::trim`] returned.
    pub(super) fn untrim(&mut self, nodes: Vec<Node>) {
        for node in nodes.into_iter().rev() {
            self.len += node.count();
            // What went with part of a node comes back to it.
            match self.nodes.front().is_some_and(|front| front.base() == node.base()) {
                true => _ = self.change(0, |front| front.prepend(&node)),
                false => self.add(0, node),
            }
        }
    }

    /// The nodes, front to back.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The entries from one id to another, both included. Cost: O(log n + size of a node) to begin.
    pub(super) fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        let at = self.node_of(from);
        Range { nodes: &self.nodes, at, node: self.nodes.get(at).map(Node::iter), from, to }
    }

    /// The entries from one id down to another, both included. Cost: O(log n + size of a node) to begin.
    pub(super) fn range_rev(&self, from: StreamId, to: StreamId) -> RangeRev<'_> {
        RangeRev { nodes: &self.nodes, left: self.node_of(from) + 1, entries: Vec::new(), from, to }
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.bytes
    }

    /// The same, counted anew.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(Node::allocated_bytes).sum();
        self.nodes.capacity() * size_of::<Node>() + nodes
    }

    /// The node in which an id has its place; the first for what lies before all.
    fn node_of(&self, id: StreamId) -> usize {
        self.nodes.partition_point(|node| node.base() <= id).saturating_sub(1)
    }

    /// Makes a change to the node `at`, if there is one, and keeps count of what it takes.
    fn change<R>(&mut self, at: usize, act: impl FnOnce(&mut Node) -> R) -> Option<R> {
        let node = self.nodes.get_mut(at)?;
        let before = node.allocated_bytes();
        let result = act(node);
        self.bytes = self.bytes - before + node.allocated_bytes();
        Some(result)
    }

    fn add(&mut self, at: usize, node: Node) {
        self.bytes += node.allocated_bytes();
        self.nodes.insert(at, node);
    }

    fn take(&mut self, at: usize) -> Option<Node> {
        let node = self.nodes.remove(at)?;
        self.bytes -= node.allocated_bytes();
        Some(node)
    }
}

/// Walks the entries of a range. An iterator of its own, because chains of adapters are large where code is downloaded.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    nodes: &'a VecDeque<Node>,
    at: usize,
    node: Option<NodeIter<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            match self.node.as_mut()?.next() {
                Some(entry) if entry.id < self.from => {}
                Some(entry) if entry.id <= self.to => return Some(entry),
                Some(_) => self.node = None,
                None => {
                    self.at += 1;
                    self.node = self.nodes.get(self.at).map(Node::iter);
                }
            }
        }
    }
}

/// Walks the entries of a range from its end.
#[derive(Clone, Debug)]
pub struct RangeRev<'a> {
    nodes: &'a VecDeque<Node>,
    /// The nodes that are still to be walked.
    left: usize,
    /// Those of a node that are.
    entries: Vec<Entry<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            match self.entries.pop() {
                Some(entry) if entry.id > self.from => {}
                Some(entry) if entry.id >= self.to => return Some(entry),
                Some(_) => {
                    self.entries.clear();
                    self.left = 0;
                }
                None => {
                    self.left = self.left.checked_sub(1)?;
                    for entry in self.nodes.get(self.left)?.iter() {
                        self.entries.push(entry);
                    }
                }
            }
        }
    }
}

/// An entry's words, detached from where they lie.
pub(super) fn owned(entry: &Entry<'_>) -> Vec<Blob<'static>> {
    let mut words = Vec::new();
    for (field, value) in entry.fields.clone() {
        words.push(field.to_vec().into());
        words.push(value.to_vec().into());
    }
    words
}

/// Whether an entry of this size may join a node; a limit of 0 is none.
fn has_room(node: &Node, size: usize, encoding: &Encoding) -> bool {
    let limit = |limit: usize, most: usize| if limit == 0 { most } else { limit.min(most) };
    node.appended() < limit(encoding.stream_node_max_entries, usize::MAX)
        && node.live_bytes().saturating_add(size) <= limit(encoding.stream_node_max_bytes, NODE_BYTES_MAX)
}

/// The most bytes that several entries share a node within, whatever the settings say.
const NODE_BYTES_MAX: usize = 1 << 30;
