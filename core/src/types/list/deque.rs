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
}

impl Deque {
    /// Returns a ring that consists of this node.
    pub(super) fn of_one(node: Node) -> Self {
        let len = node.count();
        let nodes = if len == 0 { VecDeque::new() } else { VecDeque::from([node]) };
        Self { nodes, len }
    }

    /// Adds an element at one end, in a new node where the last is full.
    pub(super) fn push(&mut self, side: Side, element: &[u8]) {
        self.len += 1;
        let end = match side {
            Side::Left => self.nodes.front_mut(),
            Side::Right => self.nodes.back_mut(),
        };
        match end {
            Some(node) if node_takes(node, side, element) => push_to(node, side, element),
            _ => match side {
                Side::Left => self.nodes.push_front(Node::of_one(element)),
                Side::Right => self.nodes.push_back(Node::of_one(element)),
            },
        }
    }

    /// Removes up to `count` elements at one end; nodes that go altogether are not walked.
    pub(super) fn drop_many(&mut self, side: Side, mut count: usize) {
        self.len = self.len.saturating_sub(count);
        while count > 0 {
            let end = match side {
                Side::Left => self.nodes.front_mut(),
                Side::Right => self.nodes.back_mut(),
            };
            let Some(node) = end else { return };
            if node.count() > count {
                return drop_from(node, side, count);
            }
            count -= node.count();
            match side {
                Side::Left => self.nodes.pop_front(),
                Side::Right => self.nodes.pop_back(),
            };
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
        let Some(node) = self.nodes.get_mut(at) else { return };
        if node.has_room_for(element) {
            return node.insert(index, element);
        }
        let tail = node.split_off(index);
        let mut next = at + 1;
        if node.count() == 0 {
            *node = Node::of_one(element);
        } else if node.has_room_for(element) {
            node.insert(index, element);
        } else {
            self.nodes.insert(next, Node::of_one(element));
            next += 1;
        }
        if tail.count() > 0 {
            self.nodes.insert(next, tail);
        }
        self.merge_into(next - 1);
        self.merge_into(at);
    }

    /// Puts an element in the place of the one at `index` of node `at`, where the node may be too full for it.
    pub(super) fn replace_at(&mut self, at: usize, index: usize, element: &[u8]) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.remove(index);
        self.len -= 1;
        self.insert_at(at, index, element);
    }

    /// Removes the element at `index` of node `at`.
    pub(super) fn remove_at(&mut self, at: usize, index: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.remove(index);
        self.len -= 1;
        if node.count() == 0 {
            self.nodes.remove(at);
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
        if let Some(next) = self.nodes.remove(at + 1)
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.append(&next);
        }
    }

    /// Returns the bytes of the ring and of what the nodes hold. Cost: O(nodes).
    pub(super) fn allocated_bytes(&self) -> usize {
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
