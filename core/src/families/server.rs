//! Commands that concern the server as a whole.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    limits::DATABASES,
    role::Role,
};

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "dbsize", 1, Flags::READ.and(Flags::FAST).and(Flags::ALL_KEYS), Keys::None, dbsize)
        .doc("1.0.0", "O(1)", "", "Returns the number of keys in the database."),
    Command::new(Group::Server, "flushall", -1, Flags::WRITE.and(Flags::ALL_KEYS), Keys::None, flushall)
        .doc("1.0.0", "O(N) where N is the total number of keys in all databases", "[ASYNC | SYNC]", "Removes all keys from all databases."),
    Command::new(Group::Server, "flushdb", -1, Flags::WRITE.and(Flags::ALL_KEYS), Keys::None, flushdb)
        .doc("1.0.0", "O(N) where N is the number of keys in the selected database", "[ASYNC | SYNC]", "Removes all keys from the current database."),
    Command::new(Group::Server, "lolwut", -1, Flags::FAST, Keys::None, lolwut)
        .doc("5.0.0", "O(1)", "[VERSION version]", "Displays a sanderling and the version of Redis that the server follows."),
    Command::new(Group::Server, "role", 1, Flags::FAST, Keys::None, role)
        .doc("2.8.12", "O(1)", "", "Returns the replication role."),
    Command::new(Group::Server, "time", 1, Flags::FAST, Keys::None, time)
        .doc("2.6.0", "O(1)", "", "Returns the server time."),
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

fn time(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let now = ctx.data.now().0;
    let mut digits = itoa::Buffer::new();
    ctx.reply.array(2);
    ctx.reply.bulk(digits.format(now / 1000).as_bytes());
    ctx.reply.bulk(digits.format(now % 1000 * 1000).as_bytes());
    Ok(())
}

/// Answers as a primary without replicas of Redis's kind, or as a replica that follows something that isn't Redis.
fn role(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let reply = &mut ctx.reply;
    match ctx.data.role {
        Role::Primary => {
            reply.array(3);
            reply.bulk(b"master");
            reply.integer(0);
            reply.array(0);
        }
        Role::Replica => {
            reply.array(5);
            reply.bulk(b"slave");
            reply.bulk(b"");
            reply.integer(0);
            reply.bulk(b"connected");
            reply.integer(0);
        }
    }
    Ok(())
}

fn lolwut(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reply.verbatim(&alloc::format!("{SANDERLING}\nRedis ver. {}\n", super::connection::REDIS_VERSION));
    Ok(())
}

/// The bird, at the edge of the sea.
const SANDERLING: &str = r"
          __
        <(o )___
          ( ._> /
           `---'   .
    ~^~^~   ||  ~^~^~^~
  .  .  .   ^^   .  .  .
";
