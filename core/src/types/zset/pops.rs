//! Commands that take members from the ends of a sorted set, or draw some at random.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{Iter, ZSet, ZSetChange, commands::zset_effect, query::reply_members, ranges::owned};
use crate::{
    command::{Args, Command, Context, DrawCount, Flags, Group, Keys},
    error::{Error, Result},
    hash::Rng,
    limits::REPLY_BYTES_MAX,
    resp::Protocol,
    types::list::transfer::{read_count_option, read_keys},
};

const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);

/// The rows of commands that pop and draw.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::SortedSet, "zmpop", -4, Flags::WRITE, Keys::Counted { at: 1 }, zmpop)
        .doc("7.0.0", "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped", "numkeys key [key ...] MIN|MAX [COUNT count]", "Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped."),
    Command::new(Group::SortedSet, "zpopmax", -2, WRITE_FAST, Keys::FIRST, |ctx, args| pop(ctx, args, End::Max))
        .doc("5.0.0", "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped", "key [count]", "Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped."),
    Command::new(Group::SortedSet, "zpopmin", -2, WRITE_FAST, Keys::FIRST, |ctx, args| pop(ctx, args, End::Min))
        .doc("5.0.0", "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped", "key [count]", "Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped."),
    Command::new(Group::SortedSet, "zrandmember", -2, Flags::READ.and(Flags::RANDOM), Keys::FIRST, zrandmember)
        .doc("6.2.0", "O(N) where N is the number of members returned", "key [count [WITHSCORES]]", "Returns one or more random members from a sorted set."),
];

/// Which end of a sorted set members are taken from.
#[derive(Clone, Copy)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    pub(super) fn read(args: &mut Args<'_>) -> Result<Self> {
        if args.take_if("MIN") {
            Ok(Self::Min)
        } else if args.take_if("MAX") {
            Ok(Self::Max)
        } else {
            Err(Error::SYNTAX)
        }
    }

    pub(super) fn take(self, set: &ZSet, count: usize) -> Iter<'_> {
        match self {
            Self::Min => set.iter_range(0, count),
            Self::Max => set.iter_range_rev(0, count),
        }
    }

    /// Removes up to `count` members from the sorted set at `key`, which is there.
    pub(super) fn remove(self, ctx: &mut Context<'_>, key: &[u8], count: usize) {
        if let Ok(Some(set)) = ctx.data.get::<ZSet>(key) {
            let members = owned(self.take(set, count));
            ctx.data.apply(&zset_effect(key, ZSetChange::Remove(members)));
        }
    }
}

fn pop(ctx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result<()> {
    let key = args.word()?;
    if args.len() > 1 {
        return Err(Error::SYNTAX);
    }
    let count = if args.is_empty() { None } else { Some(args.count()?) };
    let Some(set) = ctx.data.get::<ZSet>(key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let popped = end.take(set, count.unwrap_or(1));
    match (count, ctx.reply.protocol()) {
        // One pair that was not asked for by number is not wrapped in an array of pairs.
        (None, Protocol::Resp3) => {
            ctx.reply.array(2);
            for (member, score) in popped.clone() {
                ctx.reply.bulk(member);
                ctx.reply.double(score);
            }
        }
        _ => reply_members(&mut ctx.reply, popped.clone(), true),
    }
    let members = owned(popped);
    if !members.is_empty() {
        ctx.data.apply(&zset_effect(key, ZSetChange::Remove(members)));
    }
    Ok(())
}

fn zmpop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let keys = read_keys(args)?;
    let end = End::read(args)?;
    let count = read_count_option(args)?;
    for &key in keys {
        if pop_pairs(ctx, key, end, count)? {
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Pops up to `count` members from the sorted set at `key` and replies with the key and them. Returns whether there
/// was one.
pub(super) fn pop_pairs(ctx: &mut Context<'_>, key: &[u8], end: End, count: usize) -> Result<bool> {
    let Some(set) = ctx.data.get::<ZSet>(key)? else { return Ok(false) };
    let popped = end.take(set, count);
    ctx.reply.array(2);
    ctx.reply.bulk(key);
    ctx.reply.array(popped.len());
    for (member, score) in popped {
        ctx.reply.array(2);
        ctx.reply.bulk(member);
        ctx.reply.double(score);
    }
    end.remove(ctx, key, count);
    Ok(true)
}

fn zrandmember(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut rng = ctx.data.rng();
    if args.is_empty() {
        let member = ctx.data.get::<ZSet>(key)?.and_then(|set| set.sample(&mut rng));
        ctx.reply.bulk_or_null(member.map(|(member, _)| member));
        return Ok(());
    }
    let count = DrawCount::read(args)?;
    let with_scores = args.take_if("WITHSCORES");
    args.end()?;
    if with_scores && count.is_huge() {
        return Err(Error::VALUE_OUT_OF_RANGE);
    }
    let Some(set) = ctx.data.get::<ZSet>(key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let drawn: Vec<usize> = match count {
        DrawCount::Distinct(count) if count >= set.len() => {
            reply_members(&mut ctx.reply, set.iter(), with_scores);
            return Ok(());
        }
        DrawCount::Distinct(count) => draw_distinct(&mut rng, set.len(), count),
        DrawCount::Repeated(count) => (0..count).map(|_| rng.index(set.len())).collect(),
    };
    let members: Vec<_> = drawn.into_iter().filter_map(|rank| set.at(rank)).collect();
    let repeats = members.len() > set.len();
    if repeats && members.iter().map(|(member, _)| member.len()).sum::<usize>() > REPLY_BYTES_MAX {
        return Err(Error::REPLY_TOO_LONG);
    }
    reply_members(&mut ctx.reply, members.into_iter(), with_scores);
    Ok(())
}

/// Draws `count` distinct numbers below `len`, every choice equally likely (Floyd's algorithm). Cost: O(count log count).
fn draw_distinct(rng: &mut Rng, len: usize, count: usize) -> Vec<usize> {
    let mut drawn = BTreeSet::new();
    for bound in len - count..len {
        let candidate = rng.index(bound + 1);
        if !drawn.insert(candidate) {
            drawn.insert(bound);
        }
    }
    drawn.into_iter().collect()
}
