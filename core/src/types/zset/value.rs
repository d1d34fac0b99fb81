//! The sorted set value: distinct members, each with a score, in order of score and then of member.
//!
//! While it is small it is one sorted buffer; beyond the thresholds of [`Encoding`] it becomes a slab, a hash table and
//! a counted tree, and stays so. Ranks, and the ranks where a range of scores or members begins and ends, are found in
//! O(log n) then, and a range is walked from either end.
//!
//! Scores are ordered as numbers. A negative zero is stored as zero, as in Redis's small sets, and a NaN never enters; the
//! commands refuse it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::bound::{Cut, LexBound, ScoreBound};
use super::large::{Large, LargeIter};
use super::small::{Small, SmallIter};
use crate::hash::Rng;
use crate::types::encoding::Encoding;

/// Distinct members in order of their scores.
///
/// Two sorted sets are equal when they hold the same members with equal scores, however they are stored.
///
/// ```
/// use sanderling_core::types::{encoding::Encoding, zset::{Insert, ZSet}};
/// let (mut set, encoding) = (ZSet::new(), Encoding::default());
/// assert_eq!(set.insert(b"ada", 1.0, &encoding), Insert::Added);
/// assert_eq!(set.insert(b"ada", 2.0, &encoding), Insert::Updated(1.0));
/// assert_eq!(set.score(b"ada"), Some(2.0));
/// assert_eq!(set.rank(b"ada"), Some(0));
/// ```
#[derive(Clone, Default)]
pub struct ZSet {
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    Small(Small),
    Large(Box<Large>),
}

/// What became of a member that was inserted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Insert {
    /// It is new.
    Added,
    /// It had this score before.
    Updated(f64),
    /// It had an equal score before.
    Unchanged,
}

impl ZSet {
    /// Returns an empty sorted set. Cost: O(1), no allocation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brings members that are about to be looked up, or to be given a score, near the processor: what doesn't depend on
    /// each other waits side by side.
    #[cfg(feature = "server")]
    pub(crate) fn warm<'k>(&self, members: impl Iterator<Item = (&'k [u8], Option<f64>)>) {
        if let Repr::Large(large) = &self.repr {
            large.warm(members);
        }
    }

    /// Brings so many members from one end near the processor, which are about to be popped.
    #[cfg(feature = "server")]
    pub(crate) fn warm_end(&self, count: usize, is_highest: bool) {
        if let Repr::Large(large) = &self.repr {
            let start = if is_highest { self.len().saturating_sub(count) } else { 0 };
            let mut ends = large.range(start, count);
            // First what they are, and then, of all of them, where that leads.
            let members: Vec<&[u8]> = core::iter::from_fn(|| ends.next().map(|(member, _)| member)).collect();
            members.into_iter().for_each(|member| _ = core::hint::black_box(large.find(member)));
        }
    }

    /// Returns the number of members. Cost: O(1).
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Small(small) => small.len(),
            Repr::Large(large) => large.len(),
        }
    }

    /// Reports whether there is no member. Cost: O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a member's score. Cost: O(1).
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.repr {
            Repr::Small(small) => small.find(member).map(|(_, score)| score),
            Repr::Large(large) => large.find(member).map(|(_, score)| score),
        }
    }

    /// Adds a member, or changes its score. Cost: O(log n).
    pub fn insert(&mut self, member: &[u8], score: f64, encoding: &Encoding) -> Insert {
        debug_assert!(!score.is_nan(), "commands refuse NaN");
        let score = if score == 0.0 { 0.0 } else { score };
        match &mut self.repr {
            Repr::Small(small) => match small.find(member) {
                Some((_, old)) if old == score => Insert::Unchanged,
                Some((rank, old)) => {
                    small.remove(rank);
                    small.insert(member, score);
                    Insert::Updated(old)
                }
                None => {
                    let is_large = small.len() >= encoding.zset_max_listpack_entries
                        || member.len() > encoding.zset_max_listpack_value;
                    if is_large {
                        self.grow(encoding).insert(member, score);
                    } else {
                        small.insert(member, score);
                    }
                    Insert::Added
                }
            },
            Repr::Large(large) => match large.find(member) {
                Some((_, old)) if old == score => Insert::Unchanged,
                Some((id, old)) => {
                    large.update(member, (id, old), score);
                    Insert::Updated(old)
                }
                None => {
                    large.insert(member, score);
                    Insert::Added
                }
            },
        }
    }

    /// Removes a member and returns its score. Cost: O(log n).
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let removed = match &mut self.repr {
            Repr::Small(small) => {
                let (rank, score) = small.find(member)?;
                small.remove(rank);
                score
            }
            Repr::Large(large) => large.remove(member)?,
        };
        if self.is_empty() {
            self.repr = Repr::default();
        }
        Some(removed)
    }

    /// Returns how many members stand before this one. Cost: O(log n).
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.repr {
            Repr::Small(small) => small.find(member).map(|(rank, _)| rank),
            Repr::Large(large) => {
                let (_, score) = large.find(member)?;
                Some(large.rank_of(Cut::Member(score, member)))
            }
        }
    }

    /// Returns the member at `rank` with its score. Cost: O(log n).
    pub fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        match &self.repr {
            Repr::Small(small) => small.iter().nth(rank),
            Repr::Large(large) => large.at(rank),
        }
    }

    /// Returns the ranks of the members whose score lies between two bounds; an empty range where none does.
    ///
    /// Cost: O(log n).
    pub fn ranks_by_score(&self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        self.ranks_between(Cut::FromScore(min), Cut::ToScore(max))
    }

    /// Returns the ranks of the members that lie between two bounds; an empty range where none does.
    ///
    /// Where the members' scores are not all equal, the range is some range: Redis promises no more. Cost: O(log n).
    pub fn ranks_by_lex(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        self.ranks_between(Cut::FromLex(min), Cut::ToLex(max))
    }

    /// Returns all members with their scores, lowest first.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_range(0, usize::MAX)
    }

    /// Returns up to `count` members from rank `start` on, lowest score first. Cost: O(log n + m).
    pub fn iter_range(&self, start: usize, count: usize) -> Iter<'_> {
        let remaining = count.min(self.len().saturating_sub(start));
        Iter(match &self.repr {
            Repr::Small(small) => {
                let mut walk = small.iter();
                for _ in 0..start.min(small.len()) {
                    walk.next();
                }
                Walk::Small(walk, remaining)
            }
            Repr::Large(large) => Walk::Large(large.range(start, count)),
        })
    }

    /// Returns up to `count` members from the one with `start` members behind it on, highest score first.
    ///
    /// Cost: O(log n + m).
    pub fn iter_range_rev(&self, start: usize, count: usize) -> Iter<'_> {
        let end = self.len().saturating_sub(start);
        let begin = end.saturating_sub(count);
        Iter(match &self.repr {
            Repr::Small(small) => {
                let mut members: Vec<_> = small.iter().skip(begin).take(end - begin).collect();
                members.reverse();
                Walk::SmallRev(members.into_iter())
            }
            Repr::Large(large) => Walk::LargeRev(large.range(begin, end - begin)),
        })
    }

    /// Visits some members, about `count` of them, and returns the cursor to go on with; 0 when all were visited.
    ///
    /// A member that is there from the first call (with cursor 0) to the last is visited exactly once.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], f64)) -> u64 {
        match &self.repr {
            Repr::Small(small) => {
                small.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Repr::Large(large) => large.scan(cursor, count, &mut visit),
        }
    }

    /// Returns a member, every one equally likely. Cost: O(log n).
    pub fn sample(&self, rng: &mut Rng) -> Option<(&[u8], f64)> {
        self.at(rng.index(self.len()))
    }

    /// Returns what `OBJECT ENCODING` calls this sorted set.
    pub fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Small(_) => "listpack",
            Repr::Large(_) => "skiplist",
        }
    }

    /// Returns the bytes on the heap, `size_of::<ZSet>()` not among them. Cost: O(1).
    pub fn allocated_bytes(&self) -> usize {
        match &self.repr {
            Repr::Small(small) => small.allocated_bytes(),
            Repr::Large(large) => size_of::<Large>() + large.allocated_bytes(),
        }
    }

    fn ranks_between(&self, from: Cut<'_>, to: Cut<'_>) -> Range<usize> {
        let (start, end) = match &self.repr {
            Repr::Small(small) => (small.rank_of(from), small.rank_of(to)),
            Repr::Large(large) => (large.rank_of(from), large.rank_of(to)),
        };
        start..end.max(start)
    }

    fn grow(&mut self, encoding: &Encoding) -> &mut Large {
        if let Repr::Small(small) = &self.repr {
            let mut large = Large::new(encoding.seed);
            small.iter().for_each(|(member, score)| large.insert(member, score));
            self.repr = Repr::Large(Box::new(large));
        }
        match &mut self.repr {
            Repr::Large(large) => large,
            Repr::Small(_) => unreachable!("the set was just made large"),
        }
    }
}

impl Default for Repr {
    fn default() -> Self {
        Self::Small(Small::default())
    }
}

impl PartialEq for ZSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for ZSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(member, score)| (member.escape_ascii(), score))).finish()
    }
}

impl<'a> IntoIterator for &'a ZSet {
    type Item = (&'a [u8], f64);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Walks members with their scores, in one direction.
#[derive(Debug, Clone)]
pub struct Iter<'a>(Walk<'a>);

#[derive(Debug, Clone)]
enum Walk<'a> {
    Small(SmallIter<'a>, usize),
    SmallRev(alloc::vec::IntoIter<(&'a [u8], f64)>),
    Large(LargeIter<'a>),
    LargeRev(LargeIter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Small(walk, remaining) => {
                *remaining = remaining.checked_sub(1)?;
                walk.next()
            }
            Walk::SmallRev(walk) => walk.next(),
            Walk::Large(walk) => walk.next(),
            Walk::LargeRev(walk) => walk.next_back(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match &self.0 {
            Walk::Small(_, remaining) => *remaining,
            Walk::SmallRev(walk) => walk.len(),
            Walk::Large(walk) | Walk::LargeRev(walk) => walk.len(),
        };
        (len, Some(len))
    }
}

impl ExactSizeIterator for Iter<'_> {}
