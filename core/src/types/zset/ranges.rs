//! Commands on ranges of a sorted set: read, counted, stored, removed.

use alloc::vec::Vec;

use super::{
    ZSet, ZSetChange,
    commands::zset_effect,
    query::{Bounds, By, Preset, Query, reply_members},
};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Handler, Keys},
    effect::{Change, Effect, Put, StoredValue},
    error::Result,
};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = READ.and(Flags::FAST);
const RANGE_COST: &str =
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned";
const REMOVE_COST: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation";

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::SortedSet, name, arity, flags, Keys::FIRST, handler)
}

/// The rows of commands on ranges.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("zcount", 4, READ_FAST, |ctx, args| count(ctx, args, By::Score))
        .doc("2.0.0", "O(log(N)) with N being the number of elements in the sorted set", "key min max", "Returns the count of members in a sorted set that have scores within a range."),
    row("zlexcount", 4, READ_FAST, |ctx, args| count(ctx, args, By::Lex))
        .doc("2.8.9", "O(log(N)) with N being the number of elements in the sorted set", "key min max", "Returns the number of members in a sorted set within a lexicographical range."),
    row("zrange", -4, READ, |ctx, args| range(ctx, args, Preset::default()))
        .doc("1.2.0", RANGE_COST, "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]", "Returns members in a sorted set within a range of indexes."),
    row("zrangebylex", -4, READ, |ctx, args| range(ctx, args, preset(By::Lex, false)))
        .doc("2.8.9", RANGE_COST, "key min max [LIMIT offset count]", "Returns members in a sorted set within a lexicographical range."),
    row("zrangebyscore", -4, READ, |ctx, args| range(ctx, args, preset(By::Score, false)))
        .doc("1.0.5", RANGE_COST, "key min max [WITHSCORES] [LIMIT offset count]", "Returns members in a sorted set within a range of scores."),
    Command::new(Group::SortedSet, "zrangestore", -5, Flags::WRITE.and(Flags::DENYOOM), Keys::FIRST_TWO, zrangestore)
        .doc("6.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key", "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]", "Stores a range of members from sorted set in a key.").accessing(Access::FirstFromRest),
    row("zremrangebylex", 4, Flags::WRITE, |ctx, args| remove(ctx, args, By::Lex))
        .doc("2.8.9", REMOVE_COST, "key min max", "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed.").accessing(Access::Blind),
    row("zremrangebyrank", 4, Flags::WRITE, |ctx, args| remove(ctx, args, By::Rank))
        .doc("2.0.0", REMOVE_COST, "key start stop", "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed.").accessing(Access::Blind),
    row("zremrangebyscore", 4, Flags::WRITE, |ctx, args| remove(ctx, args, By::Score))
        .doc("1.2.0", REMOVE_COST, "key min max", "Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed.").accessing(Access::Blind),
    row("zrevrange", -4, READ, |ctx, args| range(ctx, args, preset(By::Rank, true)))
        .doc("1.2.0", RANGE_COST, "key start stop [WITHSCORES]", "Returns members in a sorted set within a range of indexes in reverse order."),
    row("zrevrangebylex", -4, READ, |ctx, args| range(ctx, args, preset(By::Lex, true)))
        .doc("2.8.9", RANGE_COST, "key max min [LIMIT offset count]", "Returns members in a sorted set within a lexicographical range in reverse order."),
    row("zrevrangebyscore", -4, READ, |ctx, args| range(ctx, args, preset(By::Score, true)))
        .doc("2.2.0", RANGE_COST, "key max min [WITHSCORES] [LIMIT offset count]", "Returns members in a sorted set within a range of scores in reverse order."),
];

const fn preset(by: By, is_reverse: bool) -> Preset {
    Preset { by: Some(by), is_reverse: Some(is_reverse), is_store: false }
}

fn count(ctx: &mut Context<'_>, args: &mut Args<'_>, by: By) -> Result<()> {
    let key = args.word()?;
    let bounds = Bounds::read(by, args.word()?, args.word()?)?;
    let count = ctx.data.get::<ZSet>(key)?.map_or(0, |set| bounds.ranks(set).len());
    ctx.reply.count(count);
    Ok(())
}

fn range(ctx: &mut Context<'_>, args: &mut Args<'_>, preset: Preset) -> Result<()> {
    let key = args.word()?;
    let query = Query::read(args, preset)?;
    match ctx.data.get::<ZSet>(key)? {
        Some(set) => reply_members(&mut ctx.reply, query.select(set), query.with_scores),
        None => ctx.reply.array(0),
    }
    Ok(())
}

fn zrangestore(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (destination, source) = (args.word()?, args.word()?);
    let query = Query::read(args, Preset { is_store: true, ..Preset::default() })?;
    let selected = ctx.data.get::<ZSet>(source)?.map(|set| query.select(set));
    let members = selected.into_iter().flatten().map(|(member, score)| (score, member.to_vec().into())).collect();
    store(ctx, destination, members);
    Ok(())
}

/// Puts members at `destination` in place of what is there, or nothing, and replies with how many.
pub(in crate::types) fn store(ctx: &mut Context<'_>, destination: &[u8], members: Vec<(f64, Blob<'_>)>) {
    let count = members.len();
    if members.is_empty() {
        ctx.data.delete(destination);
    } else {
        ctx.data.settle(destination);
        let put = Put { value: StoredValue::ZSet(members), expires_at: None };
        ctx.data.apply(&Effect::new(destination, Change::Put(put)));
    }
    ctx.reply.count(count);
}

fn remove(ctx: &mut Context<'_>, args: &mut Args<'_>, by: By) -> Result<()> {
    let key = args.word()?;
    let bounds = Bounds::read(by, args.word()?, args.word()?)?;
    let Some(set) = ctx.data.get::<ZSet>(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let ranks = bounds.ranks(set);
    let members = owned(set.iter_range(ranks.start, ranks.len()));
    let mut removed = 0;
    if !members.is_empty() {
        removed = ctx.data.apply(&zset_effect(key, ZSetChange::Remove(members))).count;
    }
    ctx.reply.count(removed);
    Ok(())
}

/// Copies members out of a set that is about to change.
pub(super) fn owned<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> Vec<Blob<'static>> {
    members.map(|(member, _)| member.to_vec().into()).collect()
}
