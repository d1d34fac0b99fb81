//! Commands that take elements from one of several lists, or from one list to another.

use super::{
    List, ListChange, Side,
    commands::{list_effect, reply_end},
};
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num,
};

const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The rows of commands on several lists.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::List, "lmove", 5, GROW, Keys::FIRST_TWO, lmove)
        .doc("6.2.0", "O(1)", "source destination LEFT|RIGHT LEFT|RIGHT", "Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.").accessing(Access::FirstIntoSecond),
    Command::new(Group::List, "lmpop", -4, Flags::WRITE, Keys::Counted { at: 1 }, lmpop)
        .doc("7.0.0", "O(N+M) where N is the number of provided keys and M is the number of elements returned", "numkeys key [key ...] LEFT|RIGHT [COUNT count]", "Returns multiple elements from a list after removing them. Deletes the list if the last element was popped."),
    Command::new(Group::List, "rpoplpush", 3, GROW, Keys::FIRST_TWO, rpoplpush)
        .doc("1.2.0", "O(1)", "source destination", "Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.").accessing(Access::FirstIntoSecond),
];

fn lmove(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (source, destination) = (args.word()?, args.word()?);
    let (from, to) = (read_side(args)?, read_side(args)?);
    transfer(ctx, (source, from), (destination, to))
}

fn rpoplpush(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (source, destination) = (args.word()?, args.word()?);
    transfer(ctx, (source, Side::Right), (destination, Side::Left))
}

pub(super) fn read_side(args: &mut Args<'_>) -> Result<Side> {
    if args.take_if("LEFT") {
        Ok(Side::Left)
    } else if args.take_if("RIGHT") {
        Ok(Side::Right)
    } else {
        Err(Error::SYNTAX)
    }
}

pub(super) fn transfer(
    ctx: &mut Context<'_>,
    (source, from): (&[u8], Side),
    (destination, to): (&[u8], Side),
) -> Result<()> {
    let Some(element) = ctx.data.get::<List>(source)?.and_then(|list| list.peek(from)).map(<[u8]>::to_vec) else {
        ctx.reply.null();
        return Ok(());
    };
    ctx.data.get::<List>(destination)?;
    ctx.reply.bulk(&element);
    if source == destination && from == to {
        return Ok(());
    }
    // First in, then out: a list of one element that is moved onto itself must not vanish in between, with its deadline.
    ctx.data.apply(&list_effect(destination, ListChange::Push { side: to, elements: alloc::vec![element.into()] }));
    ctx.data.apply(&list_effect(source, ListChange::Pop { side: from, count: 1 }));
    Ok(())
}

fn lmpop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let keys = read_keys(args)?;
    let side = read_side(args)?;
    let count = read_count_option(args)?;
    for &key in keys {
        if let Some(list) = ctx.data.get::<List>(key)? {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            reply_end(&mut ctx.reply, list, side, count);
            ctx.data.apply(&list_effect(key, ListChange::Pop { side, count: count as u64 }));
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Reads `numkeys key [key ...]` of the commands that pop from the first of several keys.
///
/// # Errors
/// If the number is not positive, or fewer words follow.
pub(in crate::types) fn read_keys<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]]> {
    let count = positive(args.word()?).ok_or(Error::new("ERR numkeys should be greater than 0"))?;
    args.words(count)
}

/// Reads `[COUNT count]`, the last option of these commands; 1 where it is missing.
///
/// # Errors
/// If the count is not positive, or something else follows.
pub(in crate::types) fn read_count_option(args: &mut Args<'_>) -> Result<usize> {
    let mut count = 1;
    if !args.is_empty() {
        // The word alone, without a number, is as wrong as any other word.
        if args.len() < 2 || !args.take_if("COUNT") {
            return Err(Error::SYNTAX);
        }
        count = positive(args.word()?).ok_or(Error::new("ERR count should be greater than 0"))?;
    }
    args.end()?;
    Ok(count)
}

fn positive(word: &[u8]) -> Option<usize> {
    num::parse_i64(word).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0)
}
