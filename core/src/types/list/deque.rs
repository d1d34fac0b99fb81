//! The ring of nodes that a long list consists of.
//!
//! It fills nodes at the ends, splits a full one where an element is inserted, and merges small neighbours after a
//! removal. It never decides between one node and several: that is [`super::value`]'s.

use alloc::collections::VecDeque;

use super::node::{NODE_BYTES_TARGET, Node};
use super::value::Side;

/// The nodes of a long list, and how many elements they hold together.
#[derive(Clone, Default)]
pub(super) struct Deque {
    /// None of them is empty.
    pub(super) nodes: VecDeque<Node>,
    pub(super) len: usize,
    /// What the nodes' buffers take.
    bytes: usize,
}

impl Deque {
    /// Returns a ring that consists of this node.
    pub(super) fn of_one(node: Node) -> Self {
        let (len, bytes) = (node.count(), node.allocated_bytes());
        match len {
            0 => Self::default(),
            _ => Self { nodes: VecDeque::from([node]), len, bytes },
        }
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

    /// Removes the node `at`.
    pub(super) fn take(&mut self, at: usize) -> Option<Node> {
        let node = self.nodes.remove(at)?;
        self.bytes -= node.allocated_bytes();
        Some(node)
    }

    fn end(&self, side: Side) -> usize {
        match side {
            Side::Left => 0,
            Side::Right => self.nodes.len().saturating_sub(1),
        }
    }

    /// Adds an element at one end, in a new node where the last is full.
    pub(super) fn push(&mut self, side: Side, element: &[u8]) {
        self.len += 1;
        let end = self.end(side);
        if self.nodes.get(end).is_some_and(|node| node_takes(node, side, element)) {
            self.change(end, |node| push_to(node, side, element));
        } else {
            let at = if side == Side::Left { 0 } else { self.nodes.len() };
            self.add(at, Node::of_one(element));
        }
    }

    /// Removes up to `count` elements at one end; nodes that go altogether are not walked.
    pub(super) fn drop_many(&mut self, side: Side, mut count: usize) {
        self.len = self.len.saturating_sub(count);
        while count > 0 {
            let end = self.end(side);
            let Some(held) = self.nodes.get(end).map(Node::count) else { return };
            if held > count {
                self.change(end, |node| drop_from(node, side, count));
                return;
            }
            count -= held;
            self.take(end);
        }
    }

    /// Returns the node that holds element `index`, and the element's index in it. Cost: O(nodes to the nearer end).
    pub(super) fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index < self.len / 2 {
            let mut left = index;
            for (at, node) in self.nodes.iter().enumerate() {
                if left < node.count() {
                    return Some((at, left));
                }
                left -= node.count();
            }
            return None;
        }
        // From the tail: `left` counts the elements behind the one that is sought.
        let mut left = self.len.checked_sub(index)?.checked_sub(1)?;
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if left < node.count() {
                return Some((at, node.count() - 1 - left));
            }
            left -= node.count();
        }
        None
    }

    /// Puts an element before the one at `index` of node `at`, or behind its last, splitting the node where it is full.
    pub(super) fn insert_at(&mut self, at: usize, index: usize, element: &[u8]) {
        self.len += 1;
        let parts = self.change(at, |node| {
            if node.has_room_for(element) {
                node.insert(index, element);
                return (None, None);
            }
            let tail = node.split_off(index);
            let mut own = None;
            if node.count() == 0 {
                *node = Node::of_one(element);
            } else if node.has_room_for(element) {
                node.insert(index, element);
            } else {
                own = Some(Node::of_one(element));
            }
            (own, Some(tail))
        });
        let Some((own, Some(tail))) = parts else { return };
        let mut next = at + 1;
        if let Some(own) = own {
            self.add(next, own);
            next += 1;
        }
        if tail.count() > 0 {
            self.add(next, tail);
        }
        self.merge_into(next - 1);
        self.merge_into(at);
    }

    /// Puts an element in the place of the one at `index` of node `at`, where the node may be too full for it.
    pub(super) fn replace_at(&mut self, at: usize, index: usize, element: &[u8]) {
        if self.change(at, |node| node.remove(index)).is_some() {
            self.len -= 1;
            self.insert_at(at, index, element);
        }
    }

    /// Puts an element that fits in the place of the one at `index` of node `at`.
    pub(super) fn set_at(&mut self, at: usize, index: usize, element: &[u8]) {
        self.change(at, |node| node.set(index, element));
    }

    /// Removes the element at `index` of node `at`.
    pub(super) fn remove_at(&mut self, at: usize, index: usize) {
        let removed = self.change(at, |node| {
            node.remove(index);
            node.count()
        });
        let Some(left) = removed else { return };
        self.len -= 1;
        if left == 0 {
            self.take(at);
            return;
        }
        self.merge_into(at);
        if let Some(before) = at.checked_sub(1) {
            self.merge_into(before);
        }
    }

    /// Appends the node behind `at` to it where both are small, so that removals do not leave a chain of crumbs.
    fn merge_into(&mut self, at: usize) {
        let sizes = self.nodes.get(at).zip(self.nodes.get(at + 1)).map(|(a, b)| a.live_bytes() + b.live_bytes());
        if sizes.is_none_or(|bytes| bytes > NODE_BYTES_TARGET / 2) {
            return;
        }
        if let Some(next) = self.take(at + 1) {
            self.change(at, |node| node.append(&next));
        }
    }

    /// Returns the bytes of the ring and of what the nodes hold. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.bytes
    }

    /// The same, counted anew.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(Node::allocated_bytes).sum();
        self.nodes.capacity() * size_of::<Node>() + nodes
    }
}

/// Reports whether an element may join a node at one end.
pub(super) fn node_takes(node: &Node, side: Side, element: &[u8]) -> bool {
    match side {
        Side::Left => node.has_room_at_front(element),
        Side::Right => node.has_room_at_back(element),
    }
}

/// Adds an element to a node at one end.
pub(super) fn push_to(node: &mut Node, side: Side, element: &[u8]) {
    match side {
        Side::Left => node.push_front(element),
        Side::Right => node.push_back(element),
    }
}

/// Removes up to `count` elements of a node at one end.
pub(super) fn drop_from(node: &mut Node, side: Side, count: usize) {
    match (side, count) {
        (Side::Left, 1) => node.drop_front(),
        (Side::Right, 1) => node.drop_back(),
        (Side::Left, _) => node.drop_front_many(count),
        (Side::Right, _) => node.drop_back_many(count),
    }
}
