//! Commands that combine sets: intersections, unions, differences, and the forms that store them.

use alloc::vec::Vec;

use super::{Member, Set};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Data, Flags, Group, Keys},
    effect::{Change, Effect, Put, StoredValue},
    error::{Error, Result},
    hash::hash,
    num, order,
    table::Table,
};

const READ: Flags = Flags::READ;
const STORE: Flags = Flags::WRITE.and(Flags::DENYOOM);

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: crate::command::Handler) -> Command {
    Command::new(Group::Set, name, arity, flags, keys, handler)
}

/// The combinations' rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("sdiff", -2, READ, Keys::ALL, |ctx, args| reply_members(ctx, args, difference))
        .doc("1.0.0", "O(N) where N is the total number of elements in all given sets", "key [key ...]", "Returns the difference of multiple sets."),
    row("sdiffstore", -3, STORE, Keys::ALL, |ctx, args| store_members(ctx, args, difference))
        .doc("1.0.0", "O(N) where N is the total number of elements in all given sets", "destination key [key ...]", "Stores the difference of multiple sets in a key.").accessing(Access::FirstFromRest),
    row("sinter", -2, READ, Keys::ALL, |ctx, args| reply_members(ctx, args, intersection))
        .doc("1.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets", "key [key ...]", "Returns the intersect of multiple sets."),
    row("sintercard", -3, READ, Keys::Counted { at: 1 }, sintercard)
        .doc("7.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets", "numkeys key [key ...] [LIMIT limit]", "Returns the number of members of the intersect of multiple sets."),
    row("sinterstore", -3, STORE, Keys::ALL, |ctx, args| store_members(ctx, args, intersection))
        .doc("1.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets", "destination key [key ...]", "Stores the intersect of multiple sets in a key.").accessing(Access::FirstFromRest),
    row("sunion", -2, READ, Keys::ALL, |ctx, args| reply_members(ctx, args, union))
        .doc("1.0.0", "O(N) where N is the total number of elements in all given sets", "key [key ...]", "Returns the union of multiple sets."),
    row("sunionstore", -3, STORE, Keys::ALL, |ctx, args| store_members(ctx, args, union))
        .doc("1.0.0", "O(N) where N is the total number of elements in all given sets", "destination key [key ...]", "Stores the union of multiple sets in a key.").accessing(Access::FirstFromRest),
];

/// Combines sets, absent ones being empty, with the seed of the tables that this may take.
type Combine = for<'a> fn(&[Option<&'a Set>], u64) -> Vec<Member<'a>>;

fn reply_members(ctx: &mut Context<'_>, args: &mut Args<'_>, combine: Combine) -> Result<()> {
    let seed = ctx.data.keyspace.encoding.seed;
    let members = combine(&sets(&mut ctx.data, args.rest())?, seed);
    ctx.reply.set(members.len());
    members.iter().for_each(|member| ctx.reply.bulk(member.as_bytes()));
    Ok(())
}

fn store_members(ctx: &mut Context<'_>, args: &mut Args<'_>, combine: Combine) -> Result<()> {
    let destination = args.word()?;
    let seed = ctx.data.keyspace.encoding.seed;
    let members = combine(&sets(&mut ctx.data, args.rest())?, seed);
    let members: Vec<Blob<'_>> = members.into_iter().map(|member| Blob::from(member).into_owned()).collect();
    ctx.reply.count(members.len());
    if members.is_empty() {
        ctx.data.delete(destination);
    } else {
        ctx.data.settle(destination);
        let put = Put { value: StoredValue::Set(members), expires_at: None };
        ctx.data.apply(&Effect::new(destination, Change::Put(put)));
    }
    Ok(())
}

fn sintercard(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let count = num::parse_i64(args.word()?).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let count = count.ok_or(Error::new("ERR numkeys should be greater than 0"))?;
    let keys = args.words(count).map_err(|_| Error::new("ERR Number of keys can't be greater than number of args"))?;
    let mut limit = 0;
    while !args.is_empty() {
        if !args.take_if("LIMIT") || args.is_empty() {
            return Err(Error::SYNTAX);
        }
        limit = args.count().map_err(|_| Error::new("ERR LIMIT can't be negative"))?;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    let sets = sets(&mut ctx.data, keys)?;
    let count = intersect(&sets).take(limit).count();
    ctx.reply.count(count);
    Ok(())
}

/// Returns the sets at these keys, `None` for an absent one.
///
/// # Errors
/// [`Error::WRONG_TYPE`] for any of them, even where the result is known without it.
fn sets<'a>(data: &'a mut Data<'_>, keys: &[&[u8]]) -> Result<Vec<Option<&'a Set>>> {
    for key in keys {
        data.settle(key);
    }
    keys.iter().map(|key| data.peek_as::<Set>(key)).collect()
}

fn union<'a>(sets: &[Option<&'a Set>], seed: u64) -> Vec<Member<'a>> {
    let mut seen: Table<Member<'a>> = Table::new();
    for member in sets.iter().copied().flatten().flatten() {
        let hash = hash(seed, member.as_bytes());
        if seen.find(hash, |other| *other == member).is_none() {
            seen.insert_unique(hash, member);
        }
    }
    seen.into_entries().collect()
}

fn difference<'a>(sets: &[Option<&'a Set>], _: u64) -> Vec<Member<'a>> {
    let Some((Some(first), others)) = sets.split_first() else { return Vec::new() };
    // The largest first: a member that goes probably goes because of it.
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    order::sort_by(&mut others, |one, other| other.len().cmp(&one.len()));
    let stays = |member: &Member<'_>| !others.iter().any(|set| set.contains(member.as_bytes()));
    first.iter().filter(stays).collect()
}

fn intersection<'a>(sets: &[Option<&'a Set>], _: u64) -> Vec<Member<'a>> {
    intersect(sets).collect()
}

/// Yields what is in all of the sets, going through the smallest.
fn intersect<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = Member<'a>> {
    let mut present: Vec<&'a Set> = sets.iter().copied().flatten().collect();
    if present.len() < sets.len() {
        present.clear();
    }
    order::sort_by(&mut present, |one, other| one.len().cmp(&other.len()));
    let mut others = present.into_iter();
    let smallest = others.next();
    let in_all = move |member: &Member<'_>| others.as_slice().iter().all(|set| set.contains(member.as_bytes()));
    smallest.into_iter().flatten().filter(in_all)
}
