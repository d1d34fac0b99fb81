//! Ranges of a sorted set as commands ask for them: by rank, score or member, from either end, a slice of them.

use core::ops::Range;

use super::{Iter, LexBound, ScoreBound, ZSet};
use crate::{
    command::Args,
    error::{Error, Result},
    num,
    resp::{Protocol, Reply},
    types::range::positions,
};

/// What the ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Ranks.
    Rank,
    /// Scores.
    Score,
    /// Members.
    Lex,
}

/// The ends of a range, the lower first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreBound, ScoreBound),
    Lex(LexBound<'a>, LexBound<'a>),
}

impl<'a> Bounds<'a> {
    /// Reads the two ends, the lower first.
    ///
    /// # Errors
    /// If one of them is no integer, no score or no member, as `by` asks.
    pub(super) fn read(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self> {
        Ok(match by {
            By::Rank => Self::Rank(read_rank(min)?, read_rank(max)?),
            By::Score => Self::Score(read_score_bound(min)?, read_score_bound(max)?),
            By::Lex => Self::Lex(read_lex_bound(min)?, read_lex_bound(max)?),
        })
    }

    /// Returns the ranks that lie inside, the lowest score first.
    pub(super) fn ranks(&self, set: &ZSet) -> Range<usize> {
        match *self {
            Self::Rank(start, end) => positions(start, end, set.len()),
            Self::Score(min, max) => set.ranks_by_score(min, max),
            Self::Lex(min, max) => set.ranks_by_lex(min, max),
        }
    }
}

/// A range with what else the `ZRANGE` family may be told.
#[derive(Debug)]
pub(super) struct Query<'a> {
    bounds: Bounds<'a>,
    is_reverse: bool,
    offset: i64,
    /// How many members at most; all if negative.
    limit: i64,
    pub(super) with_scores: bool,
}

/// What the name of a command has already decided of a query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Preset {
    /// What the ends are; open to `BYSCORE` and `BYLEX` if `None`.
    pub(super) by: Option<By>,
    /// Whether the highest score comes first; open to `REV` if `None`.
    pub(super) is_reverse: Option<bool>,
    /// Whether the members go to a key, so that `WITHSCORES` makes no sense.
    pub(super) is_store: bool,
}

impl<'a> Query<'a> {
    /// Reads `min max [options]`.
    ///
    /// # Errors
    /// As Redis: a syntax error, options that don't go together, ends that are none.
    pub(super) fn read(args: &mut Args<'a>, preset: Preset) -> Result<Self> {
        let (first, second) = (args.word()?, args.word()?);
        let Preset { mut by, mut is_reverse, is_store } = preset;
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        while !args.is_empty() {
            if !is_store && args.take_if("WITHSCORES") {
                with_scores = true;
            } else if args.len() > 2 && args.take_if("LIMIT") {
                (offset, limit) = (args.integer()?, args.integer()?);
            } else if is_reverse.is_none() && args.take_if("REV") {
                is_reverse = Some(true);
            } else if by.is_none() && args.take_if("BYSCORE") {
                by = Some(By::Score);
            } else if by.is_none() && args.take_if("BYLEX") {
                by = Some(By::Lex);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        let (by, is_reverse) = (by.unwrap_or(By::Rank), is_reverse.unwrap_or(false));
        if by == By::Rank && limit != -1 {
            return Err(LIMIT_WITH_RANKS);
        }
        if by == By::Lex && with_scores {
            return Err(SCORES_WITH_LEX);
        }
        // From the highest score down the ends are given in that order too; ranks are counted from where it begins.
        let is_swapped = is_reverse && by != By::Rank;
        let (min, max) = if is_swapped { (second, first) } else { (first, second) };
        Ok(Self { bounds: Bounds::read(by, min, max)?, is_reverse, offset, limit, with_scores })
    }

    /// Returns the members of `set` that are asked for, in the order that is asked for. Cost: O(log n + m).
    pub(super) fn select<'s>(&self, set: &'s ZSet) -> Iter<'s> {
        let ranks = self.bounds.ranks(set);
        let (mut start, mut count) = (ranks.start, ranks.len());
        if !matches!(self.bounds, Bounds::Rank(..)) {
            if self.is_reverse {
                start = set.len() - ranks.end;
            }
            // A negative offset passes over everything.
            let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(count);
            start += skipped;
            count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(count - skipped);
        }
        if self.is_reverse { set.iter_range_rev(start, count) } else { set.iter_range(start, count) }
    }
}

/// Replies with members, and with their scores where those are wanted: in pairs to who speaks RESP3, else flat.
pub(super) fn reply_members<'a>(
    reply: &mut Reply<'_>,
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)>,
    with_scores: bool,
) {
    let is_paired = with_scores && reply.protocol() == Protocol::Resp3;
    let is_flat = with_scores && !is_paired;
    reply.array(if is_flat { 2 * members.len() } else { members.len() });
    for (member, score) in members {
        if is_paired {
            reply.array(2);
        }
        reply.bulk(member);
        if with_scores {
            reply.double(score);
        }
    }
}

fn read_rank(word: &[u8]) -> Result<i64> {
    num::parse_i64(word).ok_or(Error::NOT_AN_INTEGER)
}

fn read_score_bound(word: &[u8]) -> Result<ScoreBound> {
    let (number, is_exclusive) = match word {
        [b'(', number @ ..] => (number, true),
        number => (number, false),
    };
    let (value, _) = num::parse_f64_leniently(number).ok_or(Error::RANGE_NOT_A_FLOAT)?;
    Ok(ScoreBound { value, is_exclusive })
}

fn read_lex_bound(word: &[u8]) -> Result<LexBound<'_>> {
    match word {
        b"-" => Ok(LexBound::Min),
        b"+" => Ok(LexBound::Max),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(Error::RANGE_NOT_A_STRING),
    }
}

const LIMIT_WITH_RANKS: Error =
    Error::new("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
const SCORES_WITH_LEX: Error = Error::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
