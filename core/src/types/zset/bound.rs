//! Where a range of a sorted set begins or ends: by score, or by the members of equal score.
//!
//! A bound never knows ranks; a set turns two of them into a range of ranks.

use core::cmp::Ordering;

/// One end of a range of scores.
///
/// ```
/// use sanderling_core::types::zset::ScoreBound;
/// assert!(ScoreBound::included(1.0).admits_from(1.0));
/// assert!(!ScoreBound::excluded(1.0).admits_from(1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    /// The score at the end of the range; infinite where the range is open.
    pub value: f64,
    /// Whether that score itself lies outside.
    pub is_exclusive: bool,
}

impl ScoreBound {
    /// Returns the bound that a score given without a parenthesis stands for.
    pub const fn included(value: f64) -> Self {
        Self { value, is_exclusive: false }
    }

    /// Returns the bound that `(` before a score stands for.
    pub const fn excluded(value: f64) -> Self {
        Self { value, is_exclusive: true }
    }

    /// Reports whether `score` lies inside a range that begins here.
    pub fn admits_from(self, score: f64) -> bool {
        if self.is_exclusive { score > self.value } else { score >= self.value }
    }

    /// Reports whether `score` lies inside a range that ends here.
    pub fn admits_to(self, score: f64) -> bool {
        if self.is_exclusive { score < self.value } else { score <= self.value }
    }
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Min,
    /// `+`: behind every member.
    Max,
    /// `[member`: the member itself lies inside.
    Included(&'a [u8]),
    /// `(member`: the member itself lies outside.
    Excluded(&'a [u8]),
}

impl LexBound<'_> {
    /// Reports whether `member` lies inside a range that begins here.
    pub fn admits_from(self, member: &[u8]) -> bool {
        match self {
            Self::Min => true,
            Self::Max => false,
            Self::Included(bound) => member >= bound,
            Self::Excluded(bound) => member > bound,
        }
    }

    /// Reports whether `member` lies inside a range that ends here.
    pub fn admits_to(self, member: &[u8]) -> bool {
        match self {
            Self::Min => false,
            Self::Max => true,
            Self::Included(bound) => member <= bound,
            Self::Excluded(bound) => member < bound,
        }
    }
}

/// A place between two neighbours of a sorted set: what it holds is either before the cut or behind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut<'a> {
    /// Right before a member of this score, whether it is there or not.
    Member(f64, &'a [u8]),
    /// Where a range of scores begins.
    FromScore(ScoreBound),
    /// Where a range of scores ends.
    ToScore(ScoreBound),
    /// Where a range of members begins.
    FromLex(LexBound<'a>),
    /// Where a range of members ends.
    ToLex(LexBound<'a>),
}

impl Cut<'_> {
    /// Reports whether a member stands before the cut. Its bytes are only asked for where the score does not decide:
    /// they lie elsewhere in memory.
    pub(super) fn is_behind<'m>(self, score: f64, member: impl FnOnce() -> &'m [u8]) -> bool {
        match self {
            Self::Member(cut, name) => compare(score, member, cut, name).is_lt(),
            Self::FromScore(bound) => !bound.admits_from(score),
            Self::ToScore(bound) => bound.admits_to(score),
            Self::FromLex(bound) => !bound.admits_from(member()),
            Self::ToLex(bound) => bound.admits_to(member()),
        }
    }
}

/// Orders by score and then by member. Scores are no NaN; zeros of either sign are equal.
#[inline]
pub(super) fn compare<'m>(score: f64, member: impl FnOnce() -> &'m [u8], other: f64, other_member: &[u8]) -> Ordering {
    match score.partial_cmp(&other) {
        Some(Ordering::Equal) | None => member().cmp(other_member),
        Some(order) => order,
    }
}
