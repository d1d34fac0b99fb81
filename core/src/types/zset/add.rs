//! ZADD and ZINCRBY: scores that are set, added to, or left alone as the options say.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{ZSet, ZSetChange, commands::zset_effect};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Keys, RevealingOption},
    error::{Error, Result},
};

const FLAGS: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);

/// The rows of commands that set scores.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::SortedSet, "zadd", -4, FLAGS, Keys::FIRST, zadd)
        .doc("1.2.0", "O(log(N)) for each item added, where N is the number of elements in the sorted set", "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]", "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.").accessing(Access::BlindUnless(RevealingOption::Incr)),
    Command::new(Group::SortedSet, "zincrby", 4, FLAGS, Keys::FIRST, zincrby)
        .doc("1.2.0", "O(log(N)) where N is the number of elements in the sorted set", "key increment member", "Increments the score of a member in a sorted set."),
];

/// What `ZADD` may be told besides key, scores and members.
#[derive(Clone, Copy, Default)]
pub(in crate::types) struct Options {
    pub(in crate::types) if_absent: bool,
    pub(in crate::types) if_present: bool,
    if_greater: bool,
    if_less: bool,
    pub(in crate::types) count_changed: bool,
    increment: bool,
}

impl Options {
    fn read(args: &mut Args<'_>) -> Self {
        let mut options = Self::default();
        loop {
            let option = if args.take_if("NX") {
                &mut options.if_absent
            } else if args.take_if("XX") {
                &mut options.if_present
            } else if args.take_if("GT") {
                &mut options.if_greater
            } else if args.take_if("LT") {
                &mut options.if_less
            } else if args.take_if("CH") {
                &mut options.count_changed
            } else if args.take_if("INCR") {
                &mut options.increment
            } else {
                return options;
            };
            *option = true;
        }
    }

    fn check(self, pairs: usize) -> Result<()> {
        if self.if_absent && self.if_present {
            return Err(Error::new("ERR XX and NX options at the same time are not compatible"));
        }
        if [self.if_absent, self.if_greater, self.if_less].into_iter().filter(|option| *option).count() > 1 {
            return Err(Error::new("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.increment && pairs > 1 {
            return Err(Error::new("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    fn are_conditional(self) -> bool {
        self.if_absent || self.if_present || self.if_greater || self.if_less
    }

    /// Returns the score that a member gets; `None` where an option forbids it.
    ///
    /// # Errors
    /// If the sum of two infinities is no number.
    fn decide(self, before: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(before) = before else { return Ok((!self.if_present).then_some(given)) };
        if self.if_absent {
            return Ok(None);
        }
        let score = if self.increment { before + given } else { given };
        if score.is_nan() {
            return Err(NAN);
        }
        let is_refused = self.if_greater && score <= before || self.if_less && score >= before;
        Ok((!is_refused).then_some(score))
    }
}

fn zadd(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let options = Options::read(args);
    if args.is_empty() || !args.len().is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    options.check(args.len() / 2)?;
    let mut pairs = Vec::with_capacity(args.len() / 2);
    while !args.is_empty() {
        pairs.push((args.float()?, args.word()?));
    }
    match pairs.as_slice() {
        [(increment, member)] if options.increment => add_to_score(ctx, key, options, *increment, member),
        _ => set_scores(ctx, key, options, &pairs),
    }
}

fn zincrby(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    // An option of ZADD's is one here as well, and leaves no room for the rest.
    Options::read(args);
    if args.len() < 2 {
        return Err(Error::SYNTAX);
    }
    let (increment, member) = (args.float()?, args.word()?);
    add_to_score(ctx, key, Options { increment: true, ..Options::default() }, increment, member)
}

fn add_to_score(ctx: &mut Context<'_>, key: &[u8], options: Options, increment: f64, member: &[u8]) -> Result<()> {
    let before = ctx.data.get::<ZSet>(key)?.and_then(|set| set.score(member));
    match options.decide(before, increment)? {
        Some(score) => {
            ctx.data.apply(&zset_effect(key, ZSetChange::Set(alloc::vec![(score, member.into())])));
            ctx.reply.double(score);
        }
        None => ctx.reply.null(),
    }
    Ok(())
}

/// Sets the scores that the options allow, and replies with how many members that added, or changed.
pub(in crate::types) fn set_scores(
    ctx: &mut Context<'_>,
    key: &[u8],
    options: Options,
    pairs: &[(f64, &[u8])],
) -> Result<()> {
    let set = ctx.data.get::<ZSet>(key)?;
    let mut changed = 0;
    let scores: Vec<(f64, Blob<'_>)> = if options.are_conditional() || options.count_changed {
        // A member that is named twice meets at its second place what it became at its first.
        let mut decided = BTreeMap::new();
        let mut scores = Vec::new();
        for (given, member) in pairs {
            let before = decided.get(member).copied().or_else(|| set?.score(member));
            if let Some(score) = options.decide(before, *given)? {
                changed += usize::from(before != Some(score));
                decided.insert(*member, score);
                scores.push((score, Blob::from(*member)));
            }
        }
        scores
    } else {
        pairs.iter().map(|(score, member)| (*score, Blob::from(*member))).collect()
    };
    let mut added = 0;
    if !scores.is_empty() {
        added = ctx.data.apply(&zset_effect(key, ZSetChange::Set(scores))).count;
    }
    ctx.reply.count(if options.count_changed { changed } else { added });
    Ok(())
}

const NAN: Error = Error::new("ERR resulting score is not a number (NaN)");
