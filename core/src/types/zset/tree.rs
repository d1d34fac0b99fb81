//! A counted B+-tree: a sequence of entries in which any rank is found, inserted at and removed in O(log n).
//!
//! ```text
//!            ╭ first, count 90 ─ first, count 70 ╮                inner: the first entry below each child,
//!            │                                   │                and how many there are
//!   ╭ first, 48 ─ first, 42 ╮          ╭ first, 30 ─ first, 40 ╮
//!   e e e …       e e e …              …                           leaves: up to 64 entries of 12 bytes
//! ```
//!
//! It is the order-statistics B-tree of the textbooks (Cormen et al., "Introduction to Algorithms", chapters 14 and 18)
//! with all entries in the leaves. The tree compares nothing: whoever owns it says where an entry goes, by a rank that
//! [`Tree::partition_point`] finds from a predicate. So it never knows members or how they are ordered.
//!
//! Nodes at the edges of the tree may be nearly empty, because an append splits the last leaf behind its last entry: a
//! sorted set of times stays full instead of half full. All others hold at least a quarter of what they could.

use alloc::vec::Vec;
use core::mem;

/// A score, and the number under which its member is kept elsewhere.
///
/// The score is kept as bytes so that an entry takes 12 of them, not 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    score: [u8; 8],
    /// The member's number.
    pub(super) id: u32,
}

impl Entry {
    pub(super) fn new(score: f64, id: u32) -> Self {
        Self { score: score.to_le_bytes(), id }
    }

    pub(super) fn score(&self) -> f64 {
        f64::from_le_bytes(self.score)
    }
}

/// A sequence of entries, indexed by rank.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(Vec<Entry>),
    Inner(Vec<Child>),
}

#[derive(Debug, Clone)]
struct Child {
    /// The first entry below, always the one that is there: its member can be looked up.
    first: Entry,
    /// The number of entries below.
    count: u32,
    node: Node,
}

/// Whether a node lies at the left or the right edge of the tree, where splits are uneven.
#[derive(Clone, Copy)]
struct Edges {
    left: bool,
    right: bool,
}

impl Tree {
    /// Returns an empty tree. Cost: O(1), no allocation.
    pub(super) fn new() -> Self {
        Self { root: Node::Leaf(Vec::new()) }
    }

    /// Returns the number of entries. Cost: O(1).
    pub(super) fn len(&self) -> usize {
        self.root.count() as usize
    }

    /// Returns the number of entries at the front for which `pred` holds, given that it holds for none behind them.
    ///
    /// Cost: O(log n), and as many calls of `pred`.
    pub(super) fn partition_point(&self, mut pred: impl FnMut(&Entry) -> bool) -> usize {
        let mut node = &self.root;
        let mut rank = 0;
        loop {
            match node {
                Node::Leaf(entries) => return rank + entries.partition_point(&mut pred),
                Node::Inner(children) => {
                    let above = children.partition_point(|child| pred(&child.first));
                    let Some((last, before)) = children.get(..above).and_then(<[Child]>::split_last) else {
                        return rank;
                    };
                    rank += before.iter().map(|child| child.count as usize).sum::<usize>();
                    node = &last.node;
                }
            }
        }
    }

    /// Returns the entry at `rank`. Cost: O(log n).
    pub(super) fn get(&self, rank: usize) -> Option<Entry> {
        let (leaf, index) = self.leaf_at(rank)?;
        leaf.get(index).copied()
    }

    /// Returns the leaf that holds `rank`, and the index in it. Cost: O(log n).
    pub(super) fn leaf_at(&self, mut rank: usize) -> Option<(&[Entry], usize)> {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(entries) => return (rank < entries.len()).then_some((entries, rank)),
                Node::Inner(children) => {
                    let child = children.iter().find(|child| {
                        let is_here = rank < child.count as usize;
                        if !is_here {
                            rank -= child.count as usize;
                        }
                        is_here
                    })?;
                    node = &child.node;
                }
            }
        }
    }

    /// Inserts an entry so that it has `rank` (at most the length) afterwards. Cost: O(log n).
    pub(super) fn insert(&mut self, rank: usize, entry: Entry) {
        debug_assert!(rank <= self.len(), "rank {rank} is past the end");
        let Some(right) = self.root.insert(rank, entry, Edges { left: true, right: true }) else { return };
        let left = mem::replace(&mut self.root, Node::Inner(Vec::new()));
        self.root = Node::Inner([left, right].into_iter().filter_map(Child::of).collect());
    }

    /// Removes and returns the entry at `rank`. Cost: O(log n).
    pub(super) fn remove(&mut self, rank: usize) -> Option<Entry> {
        let removed = self.root.remove(rank);
        if let Node::Inner(children) = &mut self.root
            && children.len() <= 1
        {
            self.root = children.pop().map_or(Node::Leaf(Vec::new()), |child| child.node);
        }
        removed
    }

    /// Returns the bytes on the heap. Cost: O(n / 64).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.root.allocated_bytes()
    }
}

impl Node {
    fn count(&self) -> u32 {
        match self {
            Self::Leaf(entries) => entries.len() as u32,
            Self::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => children.len(),
        }
    }

    fn first(&self) -> Option<Entry> {
        match self {
            Self::Leaf(entries) => entries.first().copied(),
            Self::Inner(children) => children.first().map(|child| child.first),
        }
    }

    /// Inserts below this node; returns the node that has to stand to its right if it was full.
    fn insert(&mut self, rank: usize, entry: Entry, edges: Edges) -> Option<Self> {
        match self {
            Self::Leaf(entries) => insert_or_split(entries, rank, entry, edges).map(Self::Leaf),
            Self::Inner(children) => {
                let (index, rank) = child_to_insert_in(children, rank)?;
                let edges = Edges { left: edges.left && index == 0, right: edges.right && index + 1 == children.len() };
                let child = children.get_mut(index)?;
                let split = child.node.insert(rank, entry, edges);
                child.refresh();
                let right = Child::of(split?)?;
                insert_or_split(children, index + 1, right, edges).map(Self::Inner)
            }
        }
    }

    fn remove(&mut self, mut rank: usize) -> Option<Entry> {
        match self {
            Self::Leaf(entries) => {
                if rank >= entries.len() {
                    return None;
                }
                let removed = entries.remove(rank);
                if entries.capacity() - entries.len() > 2 * LEAF_STEP {
                    entries.shrink_to(entries.len() + LEAF_STEP);
                }
                Some(removed)
            }
            Self::Inner(children) => {
                let index = children.iter().position(|child| {
                    let is_here = rank < child.count as usize;
                    if !is_here {
                        rank -= child.count as usize;
                    }
                    is_here
                })?;
                let child = children.get_mut(index)?;
                let removed = child.node.remove(rank);
                if child.node.width() == 0 {
                    children.remove(index);
                    return removed;
                }
                child.refresh();
                if child.node.width() < WIDTH_MIN {
                    fill_up(children, index);
                }
                removed
            }
        }
    }

    fn allocated_bytes(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.capacity() * size_of::<Entry>(),
            Self::Inner(children) => {
                let below: usize = children.iter().map(|child| child.node.allocated_bytes()).sum();
                children.capacity() * size_of::<Child>() + below
            }
        }
    }
}

impl Child {
    fn of(node: Node) -> Option<Self> {
        Some(Self { first: node.first()?, count: node.count(), node })
    }

    fn refresh(&mut self) {
        if let Some(first) = self.node.first() {
            self.first = first;
        }
        self.count = self.node.count();
    }
}

/// Returns the child below which `rank` falls, and the rank in it; the end of one rather than the start of the next.
fn child_to_insert_in(children: &[Child], mut rank: usize) -> Option<(usize, usize)> {
    for (index, child) in children.iter().enumerate() {
        if rank <= child.count as usize {
            return Some((index, rank));
        }
        rank -= child.count as usize;
    }
    None
}

/// Inserts into the items of a node; returns the right part if the node had to be split.
fn insert_or_split<T>(items: &mut Vec<T>, index: usize, item: T, edges: Edges) -> Option<Vec<T>> {
    let index = index.min(items.len());
    if items.len() < WIDTH_MAX {
        insert_exact(items, index, item);
        return None;
    }
    if edges.right && index == items.len() {
        return Some(alloc::vec![item]);
    }
    if edges.left && index == 0 {
        return Some(mem::replace(items, alloc::vec![item]));
    }
    let half = items.len() / 2;
    let mut right = items.split_off(half);
    items.shrink_to(half + LEAF_STEP);
    if index <= half {
        insert_exact(items, index, item);
    } else {
        insert_exact(&mut right, index - half, item);
    }
    Some(right)
}

/// Inserts without doubling the buffer: millions of entries live in buffers of this kind.
fn insert_exact<T>(items: &mut Vec<T>, index: usize, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(LEAF_STEP);
    }
    items.insert(index, item);
}

/// Merges the child at `index`, which has become narrow, with a neighbour, or takes entries from it.
fn fill_up(children: &mut Vec<Child>, index: usize) {
    let left_index = index.saturating_sub(1);
    let Some([left, right]) = children.get_mut(left_index..left_index + 2) else { return };
    match (&mut left.node, &mut right.node) {
        (Node::Leaf(left), Node::Leaf(right)) => merge_or_balance(left, right),
        (Node::Inner(left), Node::Inner(right)) => merge_or_balance(left, right),
        _ => {}
    }
    left.refresh();
    right.refresh();
    if right.node.width() == 0 {
        children.remove(left_index + 1);
    }
}

/// Moves all items to the left where they leave room for more, else half of them to each side.
fn merge_or_balance<T>(left: &mut Vec<T>, right: &mut Vec<T>) {
    let width = left.len() + right.len();
    left.reserve_exact(right.len());
    left.append(right);
    if width > WIDTH_MERGED_MAX {
        *right = left.split_off(width / 2);
        left.shrink_to(width / 2 + LEAF_STEP);
    }
}

/// How many entries a leaf, or children an inner node, holds at most.
const WIDTH_MAX: usize = 64;

/// Below this width a node inside the tree is merged with a neighbour.
const WIDTH_MIN: usize = WIDTH_MAX / 4;

/// Up to this width two neighbours become one; the rest is room for the next entries.
const WIDTH_MERGED_MAX: usize = WIDTH_MAX / 4 * 3;

/// By how many entries the buffer of a leaf grows.
const LEAF_STEP: usize = 8;

const _: () = assert!(size_of::<Entry>() == 12);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the depth, having checked what has to hold of every node.
    fn check_node(node: &Node, edges: Edges, is_root: bool) -> usize {
        let least = if is_root || edges.left || edges.right { usize::from(!is_root) } else { WIDTH_MIN };
        assert!((least..=WIDTH_MAX).contains(&node.width()), "width {} at {least}", node.width());
        let Node::Inner(children) = node else { return 1 };
        let depths = children.iter().enumerate().map(|(index, child)| {
            assert_eq!(Some(child.first), child.node.first());
            assert_eq!(child.count, child.node.count());
            let edges = Edges { left: edges.left && index == 0, right: edges.right && index + 1 == children.len() };
            check_node(&child.node, edges, false)
        });
        let (least, most) = depths.fold((usize::MAX, 0), |(least, most), depth| (least.min(depth), most.max(depth)));
        assert_eq!(least, most, "all leaves are equally deep");
        most + 1
    }

    fn check(tree: &Tree, model: &[Entry]) -> usize {
        let depth = check_node(&tree.root, Edges { left: true, right: true }, true);
        assert_eq!(tree.len(), model.len());
        let mut rank = 0;
        while let Some((leaf, index)) = tree.leaf_at(rank) {
            assert_eq!(leaf[index..], model[rank..][..leaf.len() - index]);
            rank += leaf.len() - index;
        }
        assert_eq!(rank, model.len());
        depth
    }

    /// Where the entries of a phase go: random ranks, the front, the back; and likewise where they leave.
    #[derive(Debug, Clone)]
    enum Phase {
        Insert(Vec<u16>),
        Append(u16),
        Prepend(u16),
        Remove(Vec<u16>),
        RemoveFront(u16),
        RemoveBack(u16),
    }

    fn phase() -> impl Strategy<Value = Phase> {
        prop_oneof![
            prop::collection::vec(any::<u16>(), 0..3_000).prop_map(Phase::Insert),
            (0..3_000_u16).prop_map(Phase::Append),
            (0..3_000_u16).prop_map(Phase::Prepend),
            prop::collection::vec(any::<u16>(), 0..3_000).prop_map(Phase::Remove),
            (0..3_000_u16).prop_map(Phase::RemoveFront),
            (0..3_000_u16).prop_map(Phase::RemoveBack),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_tree_does_what_a_vector_does(phases in prop::collection::vec(phase(), 1..8)) {
            let (mut tree, mut model, mut next) = (Tree::new(), Vec::new(), 0_u32);
            let mut insert = |tree: &mut Tree, model: &mut Vec<Entry>, rank: usize| {
                let entry = Entry::new(f64::from(next), next);
                next += 1;
                tree.insert(rank, entry);
                model.insert(rank, entry);
            };
            let remove = |tree: &mut Tree, model: &mut Vec<Entry>, rank: usize| {
                let expected = (rank < model.len()).then(|| model.remove(rank));
                assert_eq!(tree.remove(rank), expected);
            };
            for phase in phases {
                match phase {
                    Phase::Insert(ranks) => for rank in ranks {
                        let rank = usize::from(rank) % (model.len() + 1);
                        insert(&mut tree, &mut model, rank);
                    },
                    Phase::Append(count) => for _ in 0..count {
                        let rank = model.len();
                        insert(&mut tree, &mut model, rank);
                    },
                    Phase::Prepend(count) => (0..count).for_each(|_| insert(&mut tree, &mut model, 0)),
                    Phase::Remove(ranks) => for rank in ranks {
                        let rank = usize::from(rank) % (model.len() + 1);
                        remove(&mut tree, &mut model, rank);
                    },
                    Phase::RemoveFront(count) => (0..count).for_each(|_| remove(&mut tree, &mut model, 0)),
                    Phase::RemoveBack(count) => for _ in 0..count {
                        let rank = model.len().saturating_sub(1);
                        remove(&mut tree, &mut model, rank);
                    },
                }
                check(&tree, &model);
            }
        }
    }

    #[test]
    fn ranks_are_found_in_few_comparisons_however_the_entries_came() {
        let count = 50_000_u32;
        let mut rng = crate::hash::Rng::new(1);
        let scattered = (0..count).map(|_| rng.below(u64::from(count)) as f64).collect();
        let ascending: Vec<f64> = (0..count).map(f64::from).collect();
        let descending = ascending.iter().rev().copied().collect();
        for (mut scores, bytes_max) in [(ascending, 14), (descending, 14), (scattered, 16)] {
            let mut tree = Tree::new();
            for (id, &score) in scores.iter().enumerate() {
                let rank = tree.partition_point(|entry| entry.score() < score);
                tree.insert(rank, Entry::new(score, id as u32));
            }
            let depth = check_node(&tree.root, Edges { left: true, right: true }, true);
            assert!(depth <= 4, "{depth} levels for {count} entries");
            scores.sort_by(f64::total_cmp);
            for sought in (0..count).step_by(97) {
                let mut comparisons = 0;
                let rank = tree.partition_point(|entry| {
                    comparisons += 1;
                    entry.score() < f64::from(sought)
                });
                assert_eq!(rank, scores.partition_point(|score| *score < f64::from(sought)));
                assert!(comparisons <= 7 * depth, "{comparisons} comparisons at depth {depth}");
            }
            let per_entry = tree.allocated_bytes() / count as usize;
            assert!(per_entry <= bytes_max, "{per_entry} bytes an entry");
        }
    }
}
