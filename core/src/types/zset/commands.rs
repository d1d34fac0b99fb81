//! Commands that read single members of a sorted set, remove them by name, or walk all of them.

use super::{ZSet, ZSetChange};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Handler, Keys, ScanOptions},
    effect::{Change, Effect},
    error::{Error, Result},
    num,
};

const READ_FAST: Flags = Flags::READ.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::SortedSet, name, arity, flags, Keys::FIRST, handler)
}

/// The rows of commands on named members, additions apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("zcard", 2, READ_FAST, zcard)
        .doc("1.2.0", "O(1)", "key", "Returns the number of members in a sorted set.").accessing(Access::Existence),
    row("zmscore", -3, READ_FAST, zmscore)
        .doc("6.2.0", "O(N) where N is the number of members being requested", "key member [member ...]", "Returns the score of one or more members in a sorted set."),
    row("zrank", -3, READ_FAST, |ctx, args| rank(ctx, args, false))
        .doc("2.0.0", "O(log(N))", "key member [WITHSCORE]", "Returns the index of a member in a sorted set ordered by ascending scores."),
    row("zrem", -3, Flags::WRITE.and(Flags::FAST), zrem)
        .doc("1.2.0", "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed", "key member [member ...]", "Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.").accessing(Access::Blind),
    row("zrevrank", -3, READ_FAST, |ctx, args| rank(ctx, args, true))
        .doc("2.0.0", "O(log(N))", "key member [WITHSCORE]", "Returns the index of a member in a sorted set ordered by descending scores."),
    row("zscan", -3, Flags::READ, zscan)
        .doc("2.8.0", "O(1) for every call", "key cursor [MATCH pattern] [COUNT count]", "Iterates over members and scores of a sorted set."),
    row("zscore", 3, READ_FAST, zscore)
        .doc("1.2.0", "O(1)", "key member", "Returns the score of a member in a sorted set."),
];

/// Makes the effect of a change to the sorted set at `key`.
pub(super) fn zset_effect<'a>(key: &'a [u8], change: ZSetChange<'a>) -> Effect<'a> {
    Effect::new(key, Change::ZSet(change))
}

fn zcard(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.get::<ZSet>(args.word()?)?.map_or(0, ZSet::len);
    ctx.reply.count(len);
    Ok(())
}

fn zscore(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<ZSet>(args.word()?)?;
    let member = args.word()?;
    match set.and_then(|set| set.score(member)) {
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn zmscore(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<ZSet>(args.word()?)?;
    ctx.reply.array(args.len());
    for member in args.rest() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => ctx.reply.double(score),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn rank(ctx: &mut Context<'_>, args: &mut Args<'_>, is_reverse: bool) -> Result<()> {
    let (key, member) = (args.word()?, args.word()?);
    if args.len() > 1 {
        return Err(Error::arity(ctx.row.name));
    }
    let with_score = args.take_if("WITHSCORE");
    args.end()?;
    let set = ctx.data.get::<ZSet>(key)?;
    let Some((rank, score, len)) = set.and_then(|set| Some((set.rank(member)?, set.score(member)?, set.len()))) else {
        if with_score {
            ctx.reply.null_array()
        } else {
            ctx.reply.null()
        }
        return Ok(());
    };
    if with_score {
        ctx.reply.array(2);
    }
    ctx.reply.count(if is_reverse { len - 1 - rank } else { rank });
    if with_score {
        ctx.reply.double(score);
    }
    Ok(())
}

fn zrem(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut removed = 0;
    if ctx.data.get::<ZSet>(key)?.is_some() {
        let members = args.rest().iter().map(|member| Blob::from(*member)).collect();
        removed = ctx.data.apply(&zset_effect(key, ZSetChange::Remove(members))).count;
    }
    ctx.reply.count(removed);
    Ok(())
}

fn zscan(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let cursor = args.cursor()?;
    let set = ctx.data.get::<ZSet>(key)?;
    let Some(set) = set else {
        // The options of a scan over nothing are not read, as in Redis.
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    let options = ScanOptions::read(args, false)?;
    let mut found = alloc::vec::Vec::new();
    let next = set.scan(cursor, options.count, |member, score| {
        if options.matches(member) {
            found.push((member, score));
        }
    });
    ctx.reply.array(2);
    ctx.reply.bulk(alloc::format!("{next}").as_bytes());
    ctx.reply.array(2 * found.len());
    for (member, score) in found {
        ctx.reply.bulk(member);
        ctx.reply.bulk(&num::f64_text(score));
    }
    Ok(())
}
