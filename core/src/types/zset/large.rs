//! A large sorted set: members once in a slab, a hash index from member to number, a counted tree in order of score.
//!
//! A member of up to 22 bytes costs its slot of 32, a dozen or so in the tree and eight in the index.

use core::cmp::Ordering;

use super::bound::{Cut, compare};
use super::members::Members;
use super::numbers::Numbers;
#[cfg(feature = "server")]
use super::tree::WARMED_MAX;
use super::tree::{Entry, Tree};
use crate::hash::hash;

/// Members of a large sorted set.
#[derive(Debug, Clone)]
pub(super) struct Large {
    members: Members,
    numbers: Numbers,
    tree: Tree,
    seed: u64,
}

impl Large {
    pub(super) fn new(seed: u64) -> Self {
        Self { members: Members::default(), numbers: Numbers::default(), tree: Tree::new(), seed }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns a member's number and score. Cost: O(1).
    pub(super) fn find(&self, member: &[u8]) -> Option<(u32, f64)> {
        let id = self.numbers.find(hash(self.seed, member), |id| self.members.get(id) == Some(member))?;
        Some((id, self.members.score(id)?))
    }

    /// Returns how many members stand before a cut. Cost: O(log n).
    pub(super) fn rank_of(&self, cut: Cut<'_>) -> usize {
        self.tree.partition_point(|entry| cut.is_behind(entry.score(), || self.name(entry.id)))
    }

    /// Adds a member that is not there yet. Cost: O(log n).
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let id = self.members.insert(member, score);
        self.place(member, id, score);
        let Self { members, numbers, seed, .. } = self;
        numbers.insert(hash(*seed, member), id, |id| hash(*seed, members.get(id).unwrap_or_default()));
    }

    /// Moves a member that [`Self::find`] has found to another score. Cost: O(log n).
    pub(super) fn update(&mut self, member: &[u8], (id, old): (u32, f64), score: f64) {
        self.displace(member, id, old);
        self.members.set_score(id, score);
        self.place(member, id, score);
    }

    /// Removes a member and returns its score. Cost: O(log n).
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let Self { members, numbers, seed, .. } = self;
        let id = numbers.remove(
            hash(*seed, member),
            |id| members.get(id) == Some(member),
            |id| hash(*seed, members.get(id).unwrap_or_default()),
        )?;
        let score = self.members.score(id)?;
        self.displace(member, id, score);
        self.members.remove(id);
        Some(score)
    }

    /// Gives a member its place in the order.
    fn place(&mut self, member: &[u8], id: u32, score: f64) {
        let Self { members, tree, .. } = self;
        tree.insert(Entry::new(score, id), |entry| {
            compare(entry.score(), || members.get(entry.id).unwrap_or_default(), score, member).is_lt()
        });
    }

    /// Takes a member out of the order.
    fn displace(&mut self, member: &[u8], id: u32, score: f64) {
        let Self { members, tree, .. } = self;
        tree.remove(|entry| {
            // Its own name need not be read.
            if entry.id == id {
                return Ordering::Equal;
            }
            compare(entry.score(), || members.get(entry.id).unwrap_or_default(), score, member)
        });
    }

    /// Brings what is needed to set the scores of members near the processor; see [`Tree::warm`].
    #[cfg(feature = "server")]
    pub(super) fn warm<'k>(&self, members: impl Iterator<Item = (&'k [u8], Option<f64>)>) {
        let mut scores = [0.0; WARMED_MAX];
        let mut count = 0;
        for (member, score) in members {
            let before = self.find(member).map(|(_, score)| score);
            // To be found is all that a member without a new score is wanted for.
            for one in score.into_iter().flat_map(|score| [Some(score), before]).flatten() {
                if let Some(place) = scores.get_mut(count) {
                    *place = one;
                    count += 1;
                }
            }
        }
        self.tree.warm(scores.get(..count).unwrap_or_default());
    }

    /// Returns the member at `rank`. Cost: O(log n).
    pub(super) fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.resolve(&self.tree.get(rank)?)
    }

    /// Returns the members between two ranks, from either end. Cost: O(log n) to begin and once in a leaf.
    pub(super) fn range(&self, start: usize, count: usize) -> LargeIter<'_> {
        let end = start.saturating_add(count).min(self.len());
        LargeIter { set: self, start: start.min(end), end, front: &[], back: &[] }
    }

    /// Visits up to `count` members from number `cursor` on; returns the number to go on with, 0 at the end.
    pub(super) fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(&'a [u8], f64)) -> u64 {
        let Ok(from) = u32::try_from(cursor) else { return 0 };
        let mut members = self.members.iter_from(from);
        members.by_ref().take(count.max(1)).for_each(|(_, member, score)| visit(member, score));
        members.next().map_or(0, |(id, _, _)| u64::from(id))
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.members.allocated_bytes() + self.numbers.allocated_bytes() + self.tree.allocated_bytes()
    }

    fn name(&self, id: u32) -> &[u8] {
        self.members.get(id).unwrap_or_default()
    }

    fn resolve(&self, entry: &Entry) -> Option<(&[u8], f64)> {
        Some((self.members.get(entry.id)?, entry.score()))
    }
}

/// Walks a range of ranks from both ends, a leaf at a time.
#[derive(Debug, Clone)]
pub(super) struct LargeIter<'a> {
    set: &'a Large,
    /// The ranks that neither end has passed.
    start: usize,
    end: usize,
    /// Entries from `start` on; they may reach past `end`.
    front: &'a [Entry],
    /// Entries up to `end`; they may reach before `start`.
    back: &'a [Entry],
}

impl<'a> LargeIter<'a> {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn next(&mut self) -> Option<(&'a [u8], f64)> {
        if self.start >= self.end {
            return None;
        }
        if self.front.is_empty() {
            let (leaf, index) = self.set.tree.leaf_at(self.start)?;
            self.front = leaf.get(index..)?;
        }
        let (entry, front) = self.front.split_first()?;
        self.front = front;
        self.start += 1;
        self.set.resolve(entry)
    }

    pub(super) fn next_back(&mut self) -> Option<(&'a [u8], f64)> {
        if self.start >= self.end {
            return None;
        }
        if self.back.is_empty() {
            let (leaf, index) = self.set.tree.leaf_at(self.end - 1)?;
            self.back = leaf.get(..=index)?;
        }
        let (entry, back) = self.back.split_last()?;
        self.back = back;
        self.end -= 1;
        self.set.resolve(entry)
    }
}
