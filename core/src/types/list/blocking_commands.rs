//! Commands that wait until a list has something for them.

use super::{
    List, ListChange, Side,
    commands::{list_effect, reply_end},
    transfer::{read_count_option, read_keys, read_side, transfer},
};
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys, Timeout},
    error::{Error, Result},
    keyspace::Kind,
};

const WAITS: Flags = Flags::WRITE.and(Flags::BLOCKING).and(Flags::SERVER_ONLY);
const GROWS: Flags = WAITS.and(Flags::DENYOOM);
/// Every word but the last, which is the timeout.
const KEYS_THEN_TIMEOUT: Keys = Keys::Range { first: 1, last: -2, step: 1 };

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::List, "blmove", 6, GROWS, Keys::FIRST_TWO, blmove)
        .doc("6.2.0", "O(1)", "source destination LEFT|RIGHT LEFT|RIGHT timeout", "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.").accessing(Access::FirstIntoSecond),
    Command::new(Group::List, "blmpop", -5, WAITS, Keys::Counted { at: 2 }, blmpop)
        .doc("7.0.0", "O(N+M) where N is the number of provided keys and M is the number of elements returned", "timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]", "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped."),
    Command::new(Group::List, "blpop", -3, WAITS, KEYS_THEN_TIMEOUT, |ctx, args| pop(ctx, args, Side::Left))
        .doc("2.0.0", "O(N) where N is the number of provided keys", "key [key ...] timeout", "Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped."),
    Command::new(Group::List, "brpop", -3, WAITS, KEYS_THEN_TIMEOUT, |ctx, args| pop(ctx, args, Side::Right))
        .doc("2.0.0", "O(N) where N is the number of provided keys", "key [key ...] timeout", "Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped."),
    Command::new(Group::List, "brpoplpush", 4, GROWS, Keys::FIRST_TWO, brpoplpush)
        .doc("2.2.0", "O(1)", "source destination timeout", "Pops an element from a list, pushes it to another list and returns it. Block until an element is available otherwise. Deletes the list if the last element was popped.").accessing(Access::FirstIntoSecond),
];

fn pop(ctx: &mut Context<'_>, args: &mut Args<'_>, side: Side) -> Result<()> {
    let (timeout, keys) = args.rest().split_last().ok_or(Error::SYNTAX)?;
    let timeout = Timeout::parse(timeout)?;
    for key in keys {
        if ctx.is_candidate(key)
            && let Some(list) = ctx.data.get::<List>(key)?
        {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            ctx.reply.bulk_or_null(list.peek(side));
            ctx.data.apply(&list_effect(key, ListChange::Pop { side, count: 1 }));
            return Ok(());
        }
    }
    ctx.wait_for(keys.iter().copied(), Kind::List, timeout)
}

fn blmpop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let timeout = args.word()?;
    let keys = read_keys(args)?;
    let side = read_side(args)?;
    let count = read_count_option(args)?;
    let timeout = Timeout::parse(timeout)?;
    for &key in keys {
        if ctx.is_candidate(key)
            && let Some(list) = ctx.data.get::<List>(key)?
        {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            reply_end(&mut ctx.reply, list, side, count);
            ctx.data.apply(&list_effect(key, ListChange::Pop { side, count: count as u64 }));
            return Ok(());
        }
    }
    ctx.wait_for(keys.iter().copied(), Kind::List, timeout)
}

fn blmove(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (source, destination) = (args.word()?, args.word()?);
    let (from, to) = (read_side(args)?, read_side(args)?);
    let timeout = Timeout::parse(args.word()?)?;
    move_or_wait(ctx, (source, from), (destination, to), timeout)
}

fn brpoplpush(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (source, destination) = (args.word()?, args.word()?);
    let timeout = Timeout::parse(args.word()?)?;
    move_or_wait(ctx, (source, Side::Right), (destination, Side::Left), timeout)
}

fn move_or_wait(
    ctx: &mut Context<'_>,
    source: (&[u8], Side),
    destination: (&[u8], Side),
    timeout: Timeout,
) -> Result<()> {
    // Where it may not wait, moving nothing has a reply of its own.
    if ctx.data.get::<List>(source.0)?.is_some() || !ctx.may_wait() {
        return transfer(ctx, source, destination);
    }
    ctx.wait_for([source.0], Kind::List, timeout)
}
