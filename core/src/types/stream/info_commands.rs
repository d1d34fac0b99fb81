//! `XINFO`: what a stream, its groups and their consumers are like.

use super::{
    Group, Pending, Stream, StreamId,
    commands::no_group_of,
    range_commands::{reply_entries, reply_entry},
};
use crate::{
    command::{Args, Command, Context, Flags, Group as Family, Keys},
    error::{Error, Result},
    families::help::{container, reply_help},
    resp::Reply,
};

/// The key after the subcommand.
const KEY: Keys = Keys::Range { first: 2, last: 2, step: 1 };

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(Family::Stream, name, arity, Flags::READ, KEY, handler).inside("xinfo")
}

/// The row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Family::Stream, "xinfo", -2, Flags(0), Keys::None, container)
        .doc("5.0.0", "Depends on subcommand", "", "A container for commands that describe streams.")
        .with(&[
            row("consumers", 4, consumers)
                .doc("5.0.0", "O(1)", "key group", "Describes the consumers of a group."),
            row("groups", 3, groups)
                .doc("5.0.0", "O(1)", "key", "Describes the consumer groups of a stream."),
            Command::new(Family::Stream, "help", 2, Flags(0), Keys::None, reply_help).inside("xinfo")
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("stream", -3, stream)
                .doc("5.0.0", "O(1)", "key [FULL [COUNT count]]", "Describes a stream, with its groups if asked for in full."),
        ]),
];

fn stream(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    const MALFORMED: Error =
        Error::new("ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.");
    let key = args.word()?;
    let stream = ctx.data.get::<Stream>(key)?.ok_or(Error::NO_SUCH_KEY)?;
    let reply = &mut ctx.reply;
    if args.is_empty() {
        head(reply, stream, 10);
        reply.bulk(b"groups");
        reply.count(stream.groups().len());
        for (name, entry) in [("first-entry", stream.first()), ("last-entry", stream.last())] {
            reply.bulk(name.as_bytes());
            match entry {
                Some(entry) => reply_entry(reply, &entry),
                None => reply.null(),
            }
        }
        return Ok(());
    }
    let mut count = COUNT;
    if !args.take_if("FULL") || !matches!(args.len(), 0 | 2) {
        return Err(MALFORMED);
    }
    if !args.is_empty() {
        if !args.take_if("COUNT") {
            return Err(MALFORMED);
        }
        count = match usize::try_from(args.integer()?) {
            Ok(0) => usize::MAX,
            Ok(count) => count,
            Err(_) => COUNT,
        };
    }
    head(reply, stream, 9);
    reply.bulk(b"entries");
    let mut entries = stream.range(StreamId::MIN, StreamId::MAX);
    reply_entries(reply, &mut || entries.next(), count);
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for group in stream.groups() {
        reply.map(7);
        progress(reply, stream, group, None);
        reply.bulk(b"pel-count");
        reply.count(group.pending().len());
        pending(reply, group.pending(), count, Some(group));
        reply.bulk(b"consumers");
        reply.array(group.consumer_count());
        for consumer in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(&consumer.name);
            reply.bulk(b"seen-time");
            reply.integer(consumer.seen_at.0 as i64);
            reply.bulk(b"pel-count");
            reply.count(consumer.pending().len());
            pending(reply, consumer.pending(), count, None);
        }
    }
    Ok(())
}

/// How many entries and deliveries are shown of each unless another number is asked for.
const COUNT: usize = 10;

/// Begins the answer on a stream, of so many parts, with what is told in every case.
fn head(reply: &mut Reply<'_>, stream: &Stream, parts: usize) {
    let head = stream.head();
    reply.map(parts);
    let numbers = [
        ("length", stream.len()),
        ("radix-tree-keys", stream.node_count()),
        ("radix-tree-nodes", stream.node_count() + 1),
    ];
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.count(number);
    }
    reply.bulk(b"last-generated-id");
    reply.bulk(&head.last_id.text());
    reply.bulk(b"max-deleted-entry-id");
    reply.bulk(&head.max_deleted.text());
    reply.bulk(b"entries-added");
    reply.integer(head.added as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply.bulk(&stream.first_id().text());
}

/// Says how far a group has come; with what its consumers are like, if that is wanted.
fn progress(reply: &mut Reply<'_>, stream: &Stream, group: &Group, consumers: Option<usize>) {
    reply.bulk(b"name");
    reply.bulk(&group.name);
    if let Some(count) = consumers {
        reply.bulk(b"consumers");
        reply.count(count);
        reply.bulk(b"pending");
        reply.count(group.pending().len());
    }
    reply.bulk(b"last-delivered-id");
    reply.bulk(&group.last_id.text());
    for (name, number) in [("entries-read", group.entries_read.map(|read| read as i64)), ("lag", stream.lag(group))] {
        reply.bulk(name.as_bytes());
        match number {
            Some(number) => reply.integer(number),
            None => reply.null(),
        }
    }
}

/// Replies with what is pending, and for whom, if that isn't clear.
fn pending(reply: &mut Reply<'_>, pending: &Pending, count: usize, group: Option<&Group>) {
    reply.bulk(b"pending");
    reply.array(pending.len().min(count));
    for (id, delivery) in pending.iter().take(count) {
        reply.array(if group.is_some() { 4 } else { 3 });
        reply.bulk(&id.text());
        if let Some(group) = group {
            reply.bulk(group.owner(delivery));
        }
        reply.integer(delivery.at.0 as i64);
        reply.integer(delivery.count as i64);
    }
}

fn groups(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let stream = ctx.data.get::<Stream>(args.word()?)?.ok_or(Error::NO_SUCH_KEY)?;
    ctx.reply.array(stream.groups().len());
    for group in stream.groups() {
        ctx.reply.map(6);
        progress(&mut ctx.reply, stream, group, Some(group.consumer_count()));
    }
    Ok(())
}

fn consumers(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name) = (args.word()?, args.word()?);
    let now = ctx.data.now();
    let stream = ctx.data.get::<Stream>(key)?.ok_or(Error::NO_SUCH_KEY)?;
    let group = stream.group(name).ok_or_else(|| no_group_of(key, name))?;
    ctx.reply.array(group.consumer_count());
    for consumer in group.consumers() {
        ctx.reply.map(3);
        ctx.reply.bulk(b"name");
        ctx.reply.bulk(&consumer.name);
        ctx.reply.bulk(b"pending");
        ctx.reply.count(consumer.pending().len());
        ctx.reply.bulk(b"idle");
        ctx.reply.integer(now.ms_since(consumer.seen_at) as i64);
    }
    Ok(())
}
