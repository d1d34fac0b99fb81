//! OBJECT: how a value is kept. Nothing here changes what a command on the value answers.

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    keyspace::{Entry, Value},
    types::string::Str,
};

/// The key after the subcommand.
const KEY: Keys = Keys::Range { first: 2, last: 2, step: 1 };

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: crate::command::Handler) -> Command {
    Command::new(Group::Generic, name, arity, flags, keys, handler).inside("object")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Generic, "object", -2, Flags(0), Keys::None, super::help::container)
        .doc("2.2.3", "Depends on subcommand", "", "A container for object introspection commands.")
        .with(&[
            row("encoding", 3, Flags::READ, KEY, encoding)
                .doc("2.2.3", "O(1)", "key", "Returns the internal encoding of a value."),
            row("freq", 3, Flags::READ, KEY, freq)
                .doc("4.0.0", "O(1)", "key", "Returns the logarithmic access frequency counter of a value."),
            row("help", 2, Flags(0), Keys::None, reply_help)
                .doc("6.2.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("idletime", 3, Flags::READ, KEY, idletime)
                .doc("2.2.3", "O(1)", "key", "Returns the time since the last access to a value."),
            row("refcount", 3, Flags::READ, KEY, refcount)
                .doc("2.2.3", "O(1)", "key", "Returns the reference count of a value."),
        ]),
];

fn encoding(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    match entry(ctx, args)?.map(|entry| entry.encoding()) {
        Some(encoding) => ctx.reply.bulk(encoding.as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// Redis shares the integers below 10,000 among all keys and counts them so, unless each is to have an age of its own;
/// here an integer costs no more than a reference to a shared one would, and only the figure is kept, for those who look
/// at it.
fn refcount(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    #[cfg(feature = "server")]
    let shares = !ctx.config.evicts_by_age();
    #[cfg(not(feature = "server"))]
    let shares = true;
    let shared = match entry(ctx, args)?.map(|entry| entry.value) {
        Some(Value::String(Str::Integer(0..=9_999))) if shares => i64::from(i32::MAX),
        Some(_) => 1,
        None => {
            ctx.reply.null();
            return Ok(());
        }
    };
    ctx.reply.integer(shared);
    Ok(())
}

fn idletime(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (aging, now) = (ctx.data.keyspace.aging, ctx.data.now());
    match entry(ctx, args)?.map(|entry| entry.stamp) {
        Some(_) if aging.counts_uses => {
            return Err(Error::new(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        Some(stamp) => ctx.reply.integer(aging.idle_seconds(stamp, now) as i64),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn freq(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (aging, now) = (ctx.data.keyspace.aging, ctx.data.now());
    match entry(ctx, args)?.map(|entry| entry.stamp) {
        Some(_) if !aging.counts_uses => {
            return Err(Error::new(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        Some(stamp) => ctx.reply.integer(i64::from(aging.frequency(stamp, now))),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn entry<'c>(ctx: &'c mut Context<'_>, args: &mut Args<'_>) -> Result<Option<Entry<'c>>> {
    Ok(ctx.data.look(args.word()?))
}
