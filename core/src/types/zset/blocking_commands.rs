//! Commands that wait until a sorted set has something for them.

use super::{
    ZSet,
    pops::{End, pop_pairs},
};
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys, Timeout},
    error::{Error, Result},
    keyspace::Kind,
    types::list::transfer::{read_count_option, read_keys},
};

const WAITS: Flags = Flags::WRITE.and(Flags::BLOCKING).and(Flags::SERVER_ONLY);
/// Every word but the last, which is the timeout.
const KEYS_THEN_TIMEOUT: Keys = Keys::Range { first: 1, last: -2, step: 1 };

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::SortedSet, "bzmpop", -5, WAITS, Keys::Counted { at: 2 }, bzmpop)
        .doc("7.0.0", "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped", "timeout numkeys key [key ...] MIN|MAX [COUNT count]", "Removes and returns a member by score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped."),
    Command::new(Group::SortedSet, "bzpopmax", -3, WAITS.and(Flags::FAST), KEYS_THEN_TIMEOUT, |ctx, args| pop(ctx, args, End::Max))
        .doc("5.0.0", "O(log(N)) with N being the number of elements in the sorted set", "key [key ...] timeout", "Removes and returns the member with the highest score from one or more sorted sets. Blocks until a member available otherwise. Deletes the sorted set if the last element was popped."),
    Command::new(Group::SortedSet, "bzpopmin", -3, WAITS.and(Flags::FAST), KEYS_THEN_TIMEOUT, |ctx, args| pop(ctx, args, End::Min))
        .doc("5.0.0", "O(log(N)) with N being the number of elements in the sorted set", "key [key ...] timeout", "Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped."),
];

fn pop(ctx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result<()> {
    let (timeout, keys) = args.rest().split_last().ok_or(Error::SYNTAX)?;
    let timeout = Timeout::parse(timeout)?;
    for key in keys {
        if ctx.is_candidate(key)
            && let Some(set) = ctx.data.get::<ZSet>(key)?
        {
            ctx.reply.array(3);
            ctx.reply.bulk(key);
            for (member, score) in end.take(set, 1) {
                ctx.reply.bulk(member);
                ctx.reply.double(score);
            }
            end.remove(ctx, key, 1);
            return Ok(());
        }
    }
    ctx.wait_for(keys.iter().copied(), Kind::ZSet, timeout)
}

fn bzmpop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let timeout = args.word()?;
    let keys = read_keys(args)?;
    let end = End::read(args)?;
    let count = read_count_option(args)?;
    let timeout = Timeout::parse(timeout)?;
    for &key in keys {
        if ctx.is_candidate(key) && pop_pairs(ctx, key, end, count)? {
            return Ok(());
        }
    }
    ctx.wait_for(keys.iter().copied(), Kind::ZSet, timeout)
}
