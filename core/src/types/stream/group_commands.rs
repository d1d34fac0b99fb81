//! `XGROUP` and `XACK`: consumer groups come and go, and what they have read is acknowledged.

use alloc::{format, vec::Vec};

use super::{
    Group, Stream, StreamChange, StreamId,
    commands::{no_group_of, parse_id, parse_ids, stream_effect},
};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group as Family, Keys},
    error::{Error, Result},
    families::help::{container, reply_help},
    num,
};

/// The key after the subcommand.
const KEY: Keys = Keys::Range { first: 2, last: 2, step: 1 };
const GROWS: Flags = Flags::WRITE.and(Flags::DENYOOM);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Family::Stream, name, arity, flags, KEY, handler).inside("xgroup").accessing(Access::Blind)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Family::Stream, "xack", -4, Flags::WRITE.and(Flags::FAST), Keys::FIRST, xack)
        .doc("5.0.0", "O(1) for each message ID processed", "key group id [id ...]", "Acknowledges messages that were delivered in a group and returns how many were pending.").accessing(Access::Blind),
    Command::new(Family::Stream, "xgroup", -2, Flags(0), Keys::None, container)
        .doc("5.0.0", "Depends on subcommand", "", "A container for commands on consumer groups.")
        .with(&[
            row("create", -5, GROWS, create)
                .doc("5.0.0", "O(1)", "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]", "Makes a consumer group that reads on from an id."),
            row("createconsumer", 5, GROWS, create_consumer)
                .doc("6.2.0", "O(1)", "key group consumer", "Makes a consumer in a group."),
            row("delconsumer", 5, Flags::WRITE, delete_consumer)
                .doc("5.0.0", "O(1)", "key group consumer", "Removes a consumer from a group and returns how much was pending for it."),
            row("destroy", 4, Flags::WRITE, destroy)
                .doc("5.0.0", "O(N) where N is the number of entries in the group's pending entries list (PEL)", "key group", "Removes a consumer group."),
            Command::new(Family::Stream, "help", 2, Flags(0), Keys::None, reply_help).inside("xgroup")
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("setid", -5, Flags::WRITE, set_id)
                .doc("5.0.0", "O(1)", "key group <id | $> [ENTRIESREAD entries-read]", "Lets a consumer group read on from another id."),
        ]),
];

/// The stream at a key.
///
/// # Errors
/// If there's none, or something else.
fn stream_at<'c>(ctx: &'c mut Context<'_>, key: &[u8]) -> Result<&'c Stream> {
    ctx.data.get::<Stream>(key)?.ok_or(Error::new(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
    ))
}

/// The group of the stream at a key.
///
/// # Errors
/// If the stream or the group isn't there.
fn group_at<'c>(ctx: &'c mut Context<'_>, key: &[u8], group: &[u8]) -> Result<&'c Group> {
    stream_at(ctx, key)?.group(group).ok_or_else(|| no_group_of(key, group))
}

/// What `CREATE` and `SETID` are told behind the id: whether the stream is made, and what the group has read.
fn read_options(args: &mut Args<'_>, creates: bool) -> Result<(bool, Option<u64>)> {
    let (mut makes, mut entries_read) = (false, None);
    while !args.is_empty() {
        if creates && args.take_if("MKSTREAM") {
            makes = true;
        } else if args.len() >= 2 && args.take_if("ENTRIESREAD") {
            let count = num::parse_i64(args.word()?).ok_or(Error::NOT_AN_INTEGER)?;
            if count < -1 {
                return Err(Error::new("ERR value for ENTRIESREAD must be positive or -1"));
            }
            entries_read = u64::try_from(count).ok();
        } else {
            return Err(wrong_words(if creates { "CREATE" } else { "SETID" }));
        }
    }
    Ok((makes, entries_read))
}

fn wrong_words(name: &str) -> Error {
    Error::owned(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try XGROUP HELP."))
}

fn create(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, id) = (args.word()?, args.word()?, args.word()?);
    // Options may be repeated, within bounds.
    let is_long = args.len() > 3;
    let (makes, entries_read) = read_options(args, true)?;
    let stream = ctx.data.get::<Stream>(key)?;
    let (head, exists) = (stream.map(Stream::head), stream.is_some_and(|stream| stream.group(name).is_some()));
    if head.is_none() && !makes {
        stream_at(ctx, key)?;
    }
    if is_long {
        return Err(wrong_words("CREATE"));
    }
    let last_id = match id {
        b"$" => head.unwrap_or_default().last_id,
        id => parse_id(id)?,
    };
    if exists {
        return Err(Error::new("BUSYGROUP Consumer Group name already exists"));
    }
    ctx.data.apply(&stream_effect(key, StreamChange::CreateGroup { group: name.into(), last_id, entries_read }));
    ctx.reply.ok();
    Ok(())
}

fn set_id(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, id) = (args.word()?, args.word()?, args.word()?);
    let is_long = args.len() > 2;
    let (_, entries_read) = read_options(args, false)?;
    group_at(ctx, key, name)?;
    if is_long {
        return Err(wrong_words("SETID"));
    }
    let last_id = match id {
        b"$" => stream_at(ctx, key)?.head().last_id,
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        id => parse_id(id)?,
    };
    ctx.data.apply(&stream_effect(key, StreamChange::SetGroup { group: name.into(), last_id, entries_read }));
    ctx.reply.ok();
    Ok(())
}

fn destroy(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name) = (args.word()?, args.word()?);
    stream_at(ctx, key)?;
    let destroyed = ctx.data.apply(&stream_effect(key, StreamChange::DestroyGroup(name.into())));
    ctx.reply.count(destroyed.count);
    Ok(())
}

fn create_consumer(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, consumer) = (args.word()?, args.word()?, args.word()?);
    let is_new = group_at(ctx, key, name)?.consumer(consumer).is_none();
    if is_new {
        let (at, group, consumer) = (ctx.data.now(), name.into(), consumer.into());
        let change = StreamChange::Deliver { group, consumer, at, deliveries: Vec::new() };
        ctx.data.apply(&stream_effect(key, change));
    }
    ctx.reply.integer(i64::from(is_new));
    Ok(())
}

fn delete_consumer(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, consumer) = (args.word()?, args.word()?, args.word()?);
    group_at(ctx, key, name)?;
    let (group, consumer) = (Blob::from(name), Blob::from(consumer));
    let gone = ctx.data.apply(&stream_effect(key, StreamChange::DeleteConsumer { group, consumer }));
    ctx.reply.count(gone.count);
    Ok(())
}

fn xack(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name) = (args.word()?, args.word()?);
    let mut count = 0;
    if ctx.data.get::<Stream>(key)?.is_some_and(|stream| stream.group(name).is_some()) {
        let (group, ids) = (Blob::from(name), parse_ids(args.rest())?);
        count = ctx.data.apply(&stream_effect(key, StreamChange::Acknowledge { group, ids })).count;
    }
    ctx.reply.count(count);
    Ok(())
}
