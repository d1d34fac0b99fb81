//! Commands on one set, and SMOVE. What combines sets is in [`super::algebra_commands`].

use alloc::vec::Vec;

use super::{Member, Set, SetChange};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, DrawCount, Flags, Group, Keys, ScanOptions},
    effect::{Change, Effect},
    error::{Error, Result},
    types::draw::draw_distinct,
};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ.and(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Set, name, arity, flags, Keys::FIRST, handler)
}

/// The family's rows, combinations apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("sadd", -3, WRITE_FAST.and(Flags::DENYOOM), sadd)
        .doc("1.0.0", "O(N) where N is the number of members to be added", "key member [member ...]", "Adds one or more members to a set. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("scard", 2, READ_FAST, scard)
        .doc("1.0.0", "O(1)", "key", "Returns the number of members in a set.").accessing(Access::Existence),
    row("sismember", 3, READ_FAST, sismember)
        .doc("1.0.0", "O(1)", "key member", "Determines whether a member belongs to a set.").accessing(Access::Existence),
    row("smembers", 2, READ, smembers)
        .doc("1.0.0", "O(N) where N is the set cardinality", "key", "Returns all members of a set."),
    row("smismember", -3, READ_FAST, smismember)
        .doc("6.2.0", "O(N) where N is the number of elements being checked for membership", "key member [member ...]", "Determines whether multiple members belong to a set."),
    Command::new(Group::Set, "smove", 4, WRITE_FAST, Keys::FIRST_TWO, smove)
        .doc("1.0.0", "O(1)", "source destination member", "Moves a member from one set to another.").accessing(Access::FirstIntoSecond),
    row("spop", -2, WRITE_FAST.and(Flags::RANDOM), spop)
        .doc("1.0.0", "Without the count argument O(1), otherwise O(N) where N is the value of the passed count", "key [count]", "Returns one or more random members from a set after removing them. Deletes the set if the last member was popped."),
    row("srandmember", -2, READ.and(Flags::RANDOM), srandmember)
        .doc("1.0.0", "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count", "key [count]", "Gets one or multiple random members from a set."),
    row("srem", -3, WRITE_FAST, srem)
        .doc("1.0.0", "O(N) where N is the number of members to be removed", "key member [member ...]", "Removes one or more members from a set. Deletes the set if the last member was removed.").accessing(Access::Blind),
    row("sscan", -3, READ.and(Flags::RANDOM), sscan)
        .doc("2.8.0", "O(1) for every call. O(N) for a complete iteration", "key cursor [MATCH pattern] [COUNT count]", "Iterates over members of a set."),
];

fn sadd(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    change_members(ctx, args, SetChange::Add)
}

fn srem(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    change_members(ctx, args, SetChange::Remove)
}

fn change_members<'a>(
    ctx: &mut Context<'_>,
    args: &mut Args<'a>,
    change: fn(Vec<Blob<'a>>) -> SetChange<'a>,
) -> Result<()> {
    let key = args.word()?;
    ctx.data.get::<Set>(key)?;
    let members = args.rest().iter().map(|member| Blob::from(*member)).collect();
    let applied = ctx.data.apply(&Effect::new(key, Change::Set(change(members))));
    ctx.reply.count(applied.count);
    Ok(())
}

fn scard(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.get::<Set>(args.word()?)?.map_or(0, Set::len);
    ctx.reply.count(len);
    Ok(())
}

fn sismember(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, member) = (args.word()?, args.word()?);
    let is_member = ctx.data.get::<Set>(key)?.is_some_and(|set| set.contains(member));
    ctx.reply.integer(i64::from(is_member));
    Ok(())
}

fn smismember(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<Set>(args.word()?)?;
    ctx.reply.array(args.len());
    for member in args.rest() {
        ctx.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

fn smembers(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<Set>(args.word()?)?;
    ctx.reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flatten() {
        ctx.reply.bulk(member.as_bytes());
    }
    Ok(())
}

fn smove(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (source, destination, member) = (args.word()?, args.word()?, args.word()?);
    let Some(set) = ctx.data.get::<Set>(source)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let moves = set.contains(member);
    ctx.data.get::<Set>(destination)?;
    if moves && source != destination {
        ctx.data.apply(&Effect::new(source, Change::Set(SetChange::Remove([member.into()].into()))));
        ctx.data.apply(&Effect::new(destination, Change::Set(SetChange::Add([member.into()].into()))));
    }
    ctx.reply.integer(i64::from(moves));
    Ok(())
}

fn spop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut rng = ctx.data.rng();
    if args.is_empty() {
        let drawn = ctx.data.get::<Set>(key)?.and_then(|set| set.sample(&mut rng)).map(Blob::from);
        let drawn = drawn.map(Blob::into_owned);
        ctx.reply.bulk_or_null(drawn.as_deref());
        if let Some(member) = drawn {
            ctx.data.apply(&Effect::new(key, Change::Set(SetChange::Remove([member].into()))));
        }
        return Ok(());
    }
    if args.len() > 1 {
        return Err(Error::SYNTAX);
    }
    let count = args.count()?;
    let Some(set) = ctx.data.get::<Set>(key)? else {
        ctx.reply.set(0);
        return Ok(());
    };
    let drawn = draw_distinct(set.len(), count, &mut rng, set.iter(), |rng| set.sample(rng));
    let takes_all = drawn.len() == set.len();
    ctx.reply.set(drawn.len());
    drawn.iter().for_each(|member| ctx.reply.bulk(member.as_bytes()));
    // What takes everything need not say what everything was.
    if takes_all {
        ctx.data.apply(&Effect::delete(key));
    } else {
        let members = drawn.into_iter().map(|member| Blob::from(member).into_owned()).collect();
        ctx.data.apply(&Effect::new(key, Change::Set(SetChange::Remove(members))));
    }
    Ok(())
}

fn srandmember(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut rng = ctx.data.rng();
    if args.is_empty() {
        let member = ctx.data.get::<Set>(key)?.and_then(|set| set.sample(&mut rng));
        ctx.reply.bulk_or_null(member.as_ref().map(Member::as_bytes));
        return Ok(());
    }
    if args.len() > 1 {
        return Err(Error::SYNTAX);
    }
    let count = DrawCount::read(args)?;
    let Some(set) = ctx.data.get::<Set>(key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    match count {
        DrawCount::Distinct(count) => {
            let drawn = draw_distinct(set.len(), count, &mut rng, set.iter(), |rng| set.sample(rng));
            ctx.reply.array(drawn.len());
            drawn.iter().for_each(|member| ctx.reply.bulk(member.as_bytes()));
        }
        DrawCount::Repeated(count) => {
            let start = ctx.reply.position();
            ctx.reply.array(count);
            let mut drawn = core::iter::repeat_with(|| set.sample(&mut rng)).take(count).flatten();
            drawn.try_for_each(|member| {
                ctx.reply.bulk(member.as_bytes());
                ctx.reply.bounded(start)
            })?;
        }
    }
    Ok(())
}

fn sscan(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, cursor) = (args.word()?, args.cursor()?);
    let mut found = Vec::new();
    let mut next = 0;
    // Redis answers for a key that isn't there before it looks at the options.
    if let Some(set) = ctx.data.get::<Set>(key)? {
        let options = ScanOptions::read(args, false)?;
        next = set.scan(cursor, options.count, |member| {
            if options.matches(member.as_bytes()) {
                found.push(member);
            }
        });
    }
    ctx.reply.array(2);
    ctx.reply.bulk_unsigned(next);
    ctx.reply.array(found.len());
    found.iter().for_each(|member| ctx.reply.bulk(member.as_bytes()));
    Ok(())
}
