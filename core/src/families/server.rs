//! Commands that concern the server as a whole.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    limits::DATABASES,
};

/// The Redis release whose commands and texts this engine follows, as `HELLO` and `INFO` give it.
pub const REDIS_VERSION: &str = "7.2.0";

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "dbsize", 1, Flags::READ.and(Flags::FAST).and(Flags::ALL_KEYS), Keys::None, dbsize)
        .doc("1.0.0", "O(1)", "", "Returns the number of keys in the database."),
    Command::new(Group::Server, "flushall", -1, Flags::WRITE.and(Flags::ALL_KEYS), Keys::None, flushall)
        .doc("1.0.0", "O(N) where N is the total number of keys in all databases", "[ASYNC | SYNC]", "Removes all keys from all databases."),
    Command::new(Group::Server, "flushdb", -1, Flags::WRITE.and(Flags::ALL_KEYS), Keys::None, flushdb)
        .doc("1.0.0", "O(N) where N is the number of keys in the selected database", "[ASYNC | SYNC]", "Remove all keys from the current database."),
];

fn dbsize(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.db().len();
    ctx.reply.count(len);
    Ok(())
}

fn flushdb(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    read_flush_mode(args)?;
    ctx.data.apply(&Effect::new(b"", Change::Flush));
    ctx.reply.ok();
    Ok(())
}

fn flushall(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    read_flush_mode(args)?;
    for db in 0..DATABASES {
        ctx.data.apply_in(db, &Effect::new(b"", Change::Flush));
    }
    ctx.reply.ok();
    Ok(())
}

fn read_flush_mode(args: &mut Args<'_>) -> Result<()> {
    if !args.is_empty() && !args.take_if("ASYNC") && !args.take_if("SYNC") {
        return Err(Error::SYNTAX);
    }
    args.end()
}
