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
//! with all entries in the leaves. The tree compares nothing but what whoever owns it tells it to: a place is where a
//! predicate ceases to hold. So it never knows members or how they are ordered.
//!
//! Nodes at the edges of the tree may be nearly empty, because an append splits the last leaf behind its last entry: a
//! sorted set of times stays full instead of half full. All others hold at least a quarter of what they could.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{cmp::Ordering, mem};

use super::items::{Edges, Items, STEP, WIDTH_MIN, insert_or_split, merge_or_balance};

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
    Inner(Box<Inner>),
}

/// The children of a node, a column for each thing that is known of them: a search reads the first entries alone, and
/// the sum of the counts before a child comes from a few cache lines.
#[derive(Debug, Clone, Default)]
struct Inner {
    /// The first entry below each child, always one that is there: its member can be looked up.
    firsts: Vec<Entry>,
    /// The number of entries below each child.
    counts: Vec<u32>,
    nodes: Vec<Node>,
}

/// Where something goes: behind all entries for which this holds.
struct Seek<F>(F);

impl<F: FnMut(&Entry) -> bool> Seek<F> {
    fn among(&mut self, entries: &[Entry]) -> usize {
        entries.partition_point(&mut self.0)
    }
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
                Node::Inner(inner) => {
                    let Some(index) = inner.firsts.partition_point(&mut pred).checked_sub(1) else { return rank };
                    rank += inner.counts.iter().take(index).map(|count| *count as usize).sum::<usize>();
                    match inner.nodes.get(index) {
                        Some(child) => node = child,
                        None => return rank,
                    }
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
                Node::Inner(inner) => {
                    let (index, rank_in_child) = inner.child_with(rank)?;
                    rank = rank_in_child;
                    node = inner.nodes.get(index)?;
                }
            }
        }
    }

    /// Inserts an entry behind all for which `is_before` holds, given that it holds for none behind them.
    ///
    /// Cost: O(log n), and as many calls of `is_before`.
    pub(super) fn insert(&mut self, entry: Entry, is_before: impl FnMut(&Entry) -> bool) {
        let mut seek = Seek(is_before);
        let Some(right) = self.root.insert(&mut seek, entry, Edges { left: true, right: true }) else { return };
        let left = mem::replace(&mut self.root, Node::Leaf(Vec::new()));
        let mut root = Inner::default();
        root.insert_item(0, left);
        root.insert_item(1, right);
        self.root = Node::Inner(Box::new(root));
    }

    /// Removes and returns the entry that `order` says is equal to what is sought, given that the entries are in its order.
    ///
    /// Cost: O(log n), and as many calls of `order`.
    pub(super) fn remove(&mut self, mut order: impl FnMut(&Entry) -> Ordering) -> Option<Entry> {
        let removed = self.root.remove(&mut order);
        if let Node::Inner(inner) = &mut self.root
            && inner.nodes.len() <= 1
        {
            self.root = inner.nodes.pop().unwrap_or(Node::Leaf(Vec::new()));
        }
        removed
    }

    /// Brings what leads to these scores, [`WARMED_MAX`] at most, near the processor: a level of all before the next of any,
    /// so that it waits for all of them at once.
    #[cfg(feature = "server")]
    pub(super) fn warm(&self, scores: &[f64]) {
        let mut nodes = [&self.root; WARMED_MAX];
        let mut sum = 0;
        let mut is_inner = true;
        while is_inner {
            is_inner = false;
            for (node, score) in nodes.iter_mut().zip(scores) {
                if let Node::Inner(inner) = node {
                    let index = inner.firsts.partition_point(|first| first.score() < *score).saturating_sub(1);
                    sum += inner.counts.get(index).map_or(0, |count| *count as usize);
                    if let Some(child) = inner.nodes.get(index) {
                        *node = child;
                        is_inner = true;
                    }
                }
            }
            // Where the search in each begins.
            for node in nodes.iter().take(scores.len()) {
                let entries = match node {
                    Node::Leaf(entries) => entries,
                    Node::Inner(inner) => &inner.firsts,
                };
                sum += entries.get(entries.len() / 2).map_or(0, |entry| entry.id as usize);
            }
        }
        for (node, score) in nodes.iter().zip(scores) {
            if let Node::Leaf(entries) = node {
                sum += entries.partition_point(|entry| entry.score() < *score);
            }
        }
        core::hint::black_box(sum);
    }

    /// Estimates the bytes on the heap, from what entries take on average. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.len() * ENTRY_BYTES_MEAN
    }

    /// The bytes on the heap, counted.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        self.root.counted_bytes()
    }
}

impl Node {
    fn count(&self) -> u32 {
        match self {
            Self::Leaf(entries) => entries.len() as u32,
            Self::Inner(inner) => inner.counts.iter().sum(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(inner) => inner.nodes.len(),
        }
    }

    fn first(&self) -> Option<Entry> {
        match self {
            Self::Leaf(entries) => entries.first().copied(),
            Self::Inner(inner) => inner.firsts.first().copied(),
        }
    }

    /// Inserts below this node; returns the node that has to stand to its right if it was full.
    fn insert<F: FnMut(&Entry) -> bool>(&mut self, seek: &mut Seek<F>, entry: Entry, edges: Edges) -> Option<Self> {
        match self {
            Self::Leaf(entries) => {
                let rank = seek.among(entries);
                insert_or_split(entries, rank, entry, edges).map(Self::Leaf)
            }
            Self::Inner(inner) => {
                // The end of one child rather than the start of the next.
                let before = seek.among(&inner.firsts);
                let index = before.saturating_sub(1);
                let child_edges =
                    Edges { left: edges.left && index == 0, right: edges.right && index + 1 == inner.nodes.len() };
                let Some(split) = inner.nodes.get_mut(index)?.insert(seek, entry, child_edges) else {
                    inner.counts.get_mut(index).into_iter().for_each(|count| *count += 1);
                    if before == 0 {
                        inner.firsts.first_mut().into_iter().for_each(|first| *first = entry);
                    }
                    return None;
                };
                inner.refresh(index);
                let right = insert_or_split(&mut **inner, index + 1, split, child_edges)?;
                Some(Self::Inner(Box::new(right)))
            }
        }
    }

    fn remove(&mut self, order: &mut impl FnMut(&Entry) -> Ordering) -> Option<Entry> {
        match self {
            Self::Leaf(entries) => {
                let rank = entries.partition_point(|entry| order(entry).is_lt());
                entries.get(rank).filter(|entry| order(entry).is_eq())?;
                let removed = entries.remove(rank);
                entries.trim_spare(2 * STEP);
                Some(removed)
            }
            Self::Inner(inner) => {
                let index = inner.firsts.partition_point(|first| order(first).is_le()).checked_sub(1)?;
                let child = inner.nodes.get_mut(index)?;
                let removed = child.remove(order)?;
                let width = child.width();
                if width == 0 {
                    inner.remove_item(index);
                    return Some(removed);
                }
                inner.counts.get_mut(index).into_iter().for_each(|count| *count -= 1);
                if let Some(known) = inner.firsts.get_mut(index)
                    && *known == removed
                    && let Some(first) = inner.nodes.get(index).and_then(Self::first)
                {
                    *known = first;
                }
                if width < WIDTH_MIN {
                    inner.fill_up(index);
                }
                Some(removed)
            }
        }
    }

    #[cfg(test)]
    fn counted_bytes(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.capacity() * size_of::<Entry>(),
            Self::Inner(inner) => {
                let below: usize = inner.nodes.iter().map(Self::counted_bytes).sum();
                let own = inner.firsts.capacity() * size_of::<Entry>()
                    + inner.counts.capacity() * size_of::<u32>()
                    + inner.nodes.capacity() * size_of::<Self>();
                size_of::<Inner>() + own + below
            }
        }
    }
}

impl Inner {
    /// Returns the child that holds `rank`, and the rank in it.
    fn child_with(&self, mut rank: usize) -> Option<(usize, usize)> {
        for (index, count) in self.counts.iter().enumerate() {
            if rank < *count as usize {
                return Some((index, rank));
            }
            rank -= *count as usize;
        }
        None
    }

    /// Notes what has become of a child.
    fn refresh(&mut self, index: usize) {
        let Some(node) = self.nodes.get(index) else { return };
        if let (Some(first), Some(known)) = (node.first(), self.firsts.get_mut(index)) {
            *known = first;
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count = node.count();
        }
    }

    fn remove_item(&mut self, index: usize) {
        self.firsts.remove(index);
        self.counts.remove(index);
        self.nodes.remove(index);
    }

    /// Merges the child at `index`, which has become narrow, with a neighbour, or takes items from it.
    fn fill_up(&mut self, index: usize) {
        let left_index = index.saturating_sub(1);
        let Some([left, right]) = self.nodes.get_mut(left_index..left_index + 2) else { return };
        match (left, &mut *right) {
            (Node::Leaf(left), Node::Leaf(right)) => merge_or_balance(left, right),
            (Node::Inner(left), Node::Inner(right)) => merge_or_balance(&mut **left, right),
            _ => {}
        }
        let is_merged = right.width() == 0;
        self.refresh(left_index);
        self.refresh(left_index + 1);
        if is_merged {
            self.remove_item(left_index + 1);
        }
    }
}

impl Items for Inner {
    type Item = Node;

    fn width(&self) -> usize {
        self.nodes.len()
    }

    fn one(node: Node) -> Self {
        let mut inner = Self::default();
        inner.insert_item(0, node);
        inner
    }

    fn insert_item(&mut self, index: usize, node: Node) {
        // A node without entries has no place in the tree.
        let Some(first) = node.first() else { return };
        self.firsts.insert_item(index, first);
        self.counts.insert_item(index, node.count());
        self.nodes.insert_item(index, node);
    }

    fn split_off_items(&mut self, index: usize) -> Self {
        Self {
            firsts: self.firsts.split_off_items(index),
            counts: self.counts.split_off_items(index),
            nodes: self.nodes.split_off_items(index),
        }
    }

    fn append_items(&mut self, other: &mut Self) {
        self.firsts.append_items(&mut other.firsts);
        self.counts.append_items(&mut other.counts);
        self.nodes.append_items(&mut other.nodes);
    }

    fn trim_spare(&mut self, spare: usize) {
        self.firsts.trim_spare(spare);
        self.counts.trim_spare(spare);
        self.nodes.trim_spare(spare);
    }
}

const _: () = assert!(size_of::<Entry>() == 12);

/// Searches that [`Tree::warm`] does side by side.
#[cfg(feature = "server")]
pub(super) const WARMED_MAX: usize = 32;

/// What an entry takes with its share of the free places and of the inner nodes, on average.
const ENTRY_BYTES_MEAN: usize = 15;

#[cfg(test)]
mod tests {
    use super::super::items::WIDTH_MAX;
    use super::*;
    use proptest::prelude::*;

    /// Returns the depth, having checked what has to hold of every node.
    fn check_node(node: &Node, edges: Edges, is_root: bool) -> usize {
        let least = if is_root || edges.left || edges.right { usize::from(!is_root) } else { WIDTH_MIN };
        assert!((least..=WIDTH_MAX).contains(&node.width()), "width {} at {least}", node.width());
        let Node::Inner(inner) = node else { return 1 };
        let depths = inner.nodes.iter().enumerate().map(|(index, child)| {
            assert_eq!(inner.firsts.get(index), child.first().as_ref());
            assert_eq!(inner.counts[index], child.count());
            let edges = Edges { left: edges.left && index == 0, right: edges.right && index + 1 == inner.nodes.len() };
            check_node(child, edges, false)
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

    fn order(entry: &Entry, other: &Entry) -> Ordering {
        entry.score().total_cmp(&other.score()).then(entry.id.cmp(&other.id))
    }

    /// Where the entries of a phase go: anywhere, the front, the back; and likewise where they leave.
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
            prop::collection::vec(any::<u16>(), 0..1_500).prop_map(Phase::Insert),
            (0..1_500_u16).prop_map(Phase::Append),
            (0..1_500_u16).prop_map(Phase::Prepend),
            prop::collection::vec(any::<u16>(), 0..1_500).prop_map(Phase::Remove),
            (0..1_500_u16).prop_map(Phase::RemoveFront),
            (0..1_500_u16).prop_map(Phase::RemoveBack),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_tree_does_what_a_sorted_vector_does(phases in prop::collection::vec(phase(), 1..8)) {
            let (mut tree, mut model, mut next) = (Tree::new(), Vec::<Entry>::new(), 0_u32);
            let mut insert = |tree: &mut Tree, model: &mut Vec<Entry>, score: f64| {
                let entry = Entry::new(score, next);
                next += 1;
                tree.insert(entry, |other| order(other, &entry).is_lt());
                model.insert(model.partition_point(|other| order(other, &entry).is_lt()), entry);
            };
            let remove = |tree: &mut Tree, model: &mut Vec<Entry>, rank: usize| {
                if rank < model.len() {
                    let expected = model.remove(rank);
                    assert_eq!(tree.remove(|entry| order(entry, &expected)), Some(expected));
                    assert_eq!(tree.remove(|entry| order(entry, &expected)), None);
                }
            };
            for phase in phases {
                match phase {
                    Phase::Insert(scores) => for score in scores {
                        insert(&mut tree, &mut model, f64::from(score % 5_000));
                    },
                    Phase::Append(count) => for _ in 0..count {
                        let last = model.last().map_or(0.0, Entry::score);
                        insert(&mut tree, &mut model, last + 1.0);
                    },
                    Phase::Prepend(count) => for _ in 0..count {
                        let first = model.first().map_or(0.0, Entry::score);
                        insert(&mut tree, &mut model, first - 1.0);
                    },
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
                tree.insert(Entry::new(score, id as u32), |entry| entry.score() < score);
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
            let per_entry = tree.counted_bytes() / count as usize;
            assert!(per_entry <= bytes_max, "{per_entry} bytes an entry");
            let (estimate, counted) = (tree.allocated_bytes() as f64, tree.counted_bytes() as f64);
            assert!((estimate / counted - 1.0).abs() < 0.2, "{estimate} bytes estimated and {counted} counted");
        }
    }
}
