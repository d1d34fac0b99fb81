//! Commands that concern the server as a whole.

use alloc::vec::Vec;

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect, Put, stored_value},
    error::{Error, Result},
    format::effects,
    limits::DATABASES,
    role::Role,
};

const EMPTY: Flags = Flags::WRITE.and(Flags::ALL_KEYS).and(Flags::DANGEROUS);

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "dbsize", 1, Flags::READ.and(Flags::FAST).and(Flags::ALL_KEYS), Keys::None, dbsize)
        .doc("1.0.0", "O(1)", "", "Returns the number of keys in the database."),
    Command::new(Group::Server, "flushall", -1, EMPTY, Keys::None, flushall)
        .doc("1.0.0", "O(N) where N is the total number of keys in all databases", "[ASYNC | SYNC]", "Removes all keys from all databases."),
    Command::new(Group::Server, "flushdb", -1, EMPTY, Keys::None, flushdb)
        .doc("1.0.0", "O(N) where N is the number of keys in the selected database", "[ASYNC | SYNC]", "Removes all keys from the current database."),
    Command::new(Group::Server, "lolwut", -1, Flags::FAST, Keys::None, lolwut)
        .doc("5.0.0", "O(1)", "[VERSION version]", "Displays a sanderling and the version of Redis that the server follows."),
    Command::new(Group::Server, "role", 1, Flags::FAST.and(Flags::NO_SCRIPT), Keys::None, role)
        .doc("2.8.12", "O(1)", "", "Returns the replication role."),
    Command::new(Group::Server, "swapdb", 3, EMPTY.and(Flags::FAST).and(Flags::SERVER_ONLY), Keys::None, swapdb)
        .doc("4.0.0", "O(N) where N is the size of the data in both databases", "index1 index2", "Swaps two databases."),
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

/// Swaps two databases by effects as any other command: each is emptied and filled with what the other held. So a
/// replica of one of them gets what it needs without knowing the other, and the log carries all of it.
fn swapdb(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let mut read = |invalid: &'static str| {
        let index = args.small_integer().map_err(|_| Error::new(invalid))?;
        u8::try_from(index).ok().filter(|db| *db < DATABASES).ok_or(Error::new("ERR DB index is out of range"))
    };
    let (one, other) = (read("ERR invalid first DB index")?, read("ERR invalid second DB index")?);
    if one != other {
        let (to_other, to_one) = (pack(ctx, one, other)?, pack(ctx, other, one)?);
        ctx.data.apply_in(one, &Effect::new(b"", Change::Flush));
        ctx.data.apply_in(other, &Effect::new(b"", Change::Flush));
        for (db, effect) in effects(&to_other).chain(effects(&to_one)).flatten() {
            ctx.data.apply_in(db, &effect);
        }
    }
    ctx.reply.ok();
    Ok(())
}

/// The effects that put the keys of one database into another, those apart whose deadline has passed.
fn pack(ctx: &Context<'_>, from: u8, to: u8) -> Result<Vec<u8>> {
    let (now, mut bytes) = (ctx.data.now(), Vec::new());
    for entry in ctx.data.keyspace.db(from).iter().filter(|entry| !entry.is_expired(now)) {
        let put = Put { value: stored_value(entry.value), expires_at: entry.expires_at };
        Effect::new(entry.key, Change::Put(put)).encode(to, &mut bytes);
        if bytes.len() > SWAP_BYTES_MAX {
            return Err(Error::new("ERR the databases are too large to be swapped: they pass 1 GiB"));
        }
    }
    Ok(bytes)
}

/// What one side of `SWAPDB` may log: both sides fit in one record.
const SWAP_BYTES_MAX: usize = 1024 * 1024 * 1024;

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
