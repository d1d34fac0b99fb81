//! Commands that read and write one list, searches apart.

use alloc::vec::Vec;

use super::{List, ListChange, Side};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Handler, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    types::range::{position, positions},
};

const READ: Flags = Flags::READ;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.and(Flags::FAST);
const GROW: Flags = WRITE.and(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::List, name, arity, flags, Keys::FIRST, handler)
}

/// The rows of commands on one list.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("lindex", 3, READ, lindex)
        .doc("1.0.0", "O(N) where N is the number of elements to traverse to get to the element at index", "key index", "Returns an element from a list by its index."),
    row("linsert", 5, GROW, linsert)
        .doc("2.2.0", "O(N) where N is the number of elements to traverse before seeing the value pivot", "key BEFORE|AFTER pivot element", "Inserts an element before or after another element in a list.").accessing(Access::Blind),
    row("llen", 2, READ.and(Flags::FAST), llen)
        .doc("1.0.0", "O(1)", "key", "Returns the length of a list.").accessing(Access::Existence),
    row("lpop", -2, WRITE_FAST, |ctx, args| pop(ctx, args, Side::Left, "lpop"))
        .doc("1.0.0", "O(N) where N is the number of elements returned", "key [count]", "Returns the first elements in a list after removing it. Deletes the list if the last element was popped."),
    row("lpush", -3, GROW_FAST, |ctx, args| push(ctx, args, Side::Left))
        .doc("1.0.0", "O(1) for each element added", "key element [element ...]", "Prepends one or more elements to a list. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("lpushx", -3, GROW_FAST, |ctx, args| push_if_exists(ctx, args, Side::Left))
        .doc("2.2.0", "O(1) for each element added", "key element [element ...]", "Prepends one or more elements to a list only when the list exists.").accessing(Access::Blind),
    row("lrange", 4, READ, lrange)
        .doc("1.0.0", "O(S+N) where S is the distance of start offset from HEAD or TAIL and N is the number of elements in the range", "key start stop", "Returns a range of elements from a list."),
    row("lrem", 4, WRITE, lrem)
        .doc("1.0.0", "O(N+M) where N is the length of the list and M is the number of elements removed", "key count element", "Removes elements from a list. Deletes the list if the last element was removed.").accessing(Access::Blind),
    row("lset", 4, GROW, lset)
        .doc("1.0.0", "O(N) where N is the distance of the index from HEAD or TAIL", "key index element", "Sets the value of an element in a list by its index.").accessing(Access::Blind),
    row("ltrim", 4, WRITE, ltrim)
        .doc("1.0.0", "O(N) where N is the number of elements to be removed", "key start stop", "Removes elements from both ends of a list. Deletes the list if all elements were trimmed.").accessing(Access::Blind),
    row("rpop", -2, WRITE_FAST, |ctx, args| pop(ctx, args, Side::Right, "rpop"))
        .doc("1.0.0", "O(N) where N is the number of elements returned", "key [count]", "Returns and removes the last elements of a list. Deletes the list if the last element was popped."),
    row("rpush", -3, GROW_FAST, |ctx, args| push(ctx, args, Side::Right))
        .doc("1.0.0", "O(1) for each element added", "key element [element ...]", "Appends one or more elements to a list. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("rpushx", -3, GROW_FAST, |ctx, args| push_if_exists(ctx, args, Side::Right))
        .doc("2.2.0", "O(1) for each element added", "key element [element ...]", "Appends one or more elements to a list only when the list exists.").accessing(Access::Blind),
];

/// Makes the effect of a change to the list at `key`.
pub(super) fn list_effect<'a>(key: &'a [u8], change: ListChange<'a>) -> Effect<'a> {
    Effect::new(key, Change::List(change))
}

fn push(ctx: &mut Context<'_>, args: &mut Args<'_>, side: Side) -> Result<()> {
    let key = args.word()?;
    ctx.data.get::<List>(key)?;
    let elements = args.rest().iter().map(|element| Blob::from(*element)).collect();
    let applied = ctx.data.apply(&list_effect(key, ListChange::Push { side, elements }));
    ctx.reply.count(applied.len);
    Ok(())
}

fn push_if_exists(ctx: &mut Context<'_>, args: &mut Args<'_>, side: Side) -> Result<()> {
    let key = args.peek().unwrap_or_default();
    if ctx.data.get::<List>(key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    push(ctx, args, side)
}

fn pop(ctx: &mut Context<'_>, args: &mut Args<'_>, side: Side, name: &str) -> Result<()> {
    let key = args.word()?;
    if args.len() > 1 {
        return Err(Error::arity(name));
    }
    let count = if args.is_empty() { None } else { Some(args.count()?) };
    let Some(list) = ctx.data.get::<List>(key)? else {
        if count.is_some() {
            ctx.reply.null_array()
        } else {
            ctx.reply.null()
        }
        return Ok(());
    };
    match count {
        Some(count) => reply_end(&mut ctx.reply, list, side, count),
        None => ctx.reply.bulk_or_null(list.peek(side)),
    }
    ctx.data.apply(&list_effect(key, ListChange::Pop { side, count: count.unwrap_or(1) as u64 }));
    Ok(())
}

/// Replies with up to `count` elements of one end, the outermost first.
pub(super) fn reply_end(reply: &mut crate::resp::Reply<'_>, list: &List, side: Side, count: usize) {
    reply.array(count.min(list.len()));
    match side {
        Side::Left => list.iter().take(count).for_each(|element| reply.bulk(element)),
        Side::Right => list.iter_rev().take(count).for_each(|element| reply.bulk(element)),
    }
}

fn llen(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.get::<List>(args.word()?)?.map_or(0, List::len);
    ctx.reply.count(len);
    Ok(())
}

fn lrange(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let (start, stop) = (args.integer()?, args.integer()?);
    let Some(list) = ctx.data.get::<List>(key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let range = positions(start, stop, list.len());
    ctx.reply.array(range.len());
    for element in list.range(range.start, range.len()) {
        ctx.reply.bulk(element);
    }
    Ok(())
}

fn lindex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    // A key that is not there answers before the index is read, as in Redis.
    match ctx.data.get::<List>(args.word()?)? {
        Some(list) => {
            let index = position(args.integer()?, list.len());
            ctx.reply.bulk_or_null(index.and_then(|index| list.get(index)));
        }
        None => ctx.reply.null(),
    }
    Ok(())
}

fn lset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let len = ctx.data.get::<List>(key)?.ok_or(Error::NO_SUCH_KEY)?.len();
    let index = position(args.integer()?, len).ok_or(Error::INDEX_OUT_OF_RANGE)? as u64;
    let element = args.word()?.into();
    ctx.data.apply(&list_effect(key, ListChange::Set { index, element }));
    ctx.reply.ok();
    Ok(())
}

fn linsert(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let is_after = args.take_if("AFTER");
    if !is_after && !args.take_if("BEFORE") {
        return Err(Error::SYNTAX);
    }
    let (pivot, element) = (args.word()?, args.word()?);
    let Some(list) = ctx.data.get::<List>(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let Some(at) = list.iter().position(|element| element == pivot) else {
        ctx.reply.integer(-1);
        return Ok(());
    };
    let index = (at + usize::from(is_after)) as u64;
    let applied = ctx.data.apply(&list_effect(key, ListChange::Insert { index, element: element.into() }));
    ctx.reply.count(applied.len);
    Ok(())
}

fn ltrim(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let (start, stop) = (args.integer()?, args.integer()?);
    if let Some(list) = ctx.data.get::<List>(key)? {
        let range = positions(start, stop, list.len());
        let change = ListChange::Trim { start: range.start as u64, count: range.len() as u64 };
        ctx.data.apply(&list_effect(key, change));
    }
    ctx.reply.ok();
    Ok(())
}

fn lrem(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let (count, element) = (args.integer()?, args.word()?);
    let Some(list) = ctx.data.get::<List>(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let indices = matches(list, element, count);
    let mut removed = 0;
    if !indices.is_empty() {
        removed = ctx.data.apply(&list_effect(key, ListChange::Remove { indices })).count;
    }
    ctx.reply.count(removed);
    Ok(())
}

/// Returns the indices of the first `count` elements that equal `element`, of the last ones if it is negative, of all
/// if it is 0; ascending.
fn matches(list: &List, element: &[u8], count: i64) -> Vec<u64> {
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let is_match = |(_, other): &(usize, &[u8])| *other == element;
    let elements = list.iter().enumerate();
    if count >= 0 {
        return elements.filter(is_match).take(most).map(|(index, _)| index as u64).collect();
    }
    let mut indices: Vec<u64> = elements.rev().filter(is_match).take(most).map(|(index, _)| index as u64).collect();
    indices.reverse();
    indices
}
