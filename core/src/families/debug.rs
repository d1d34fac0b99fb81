//! DEBUG: what tests and operators look at inside. Nothing here can crash the engine or stop its other clients.

use alloc::{format, string::String, vec::Vec};

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect, stored_value},
    error::{Error, Result},
    format::{ChunkReader, ChunkWriter},
    glob,
    keyspace::Value,
    limits::DATABASES,
};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);
const LOOK: Flags = ADMIN.and(Flags::ALL_KEYS);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, flags, Keys::None, handler).inside("debug")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "debug", -2, ADMIN, Keys::None, super::help::container)
        .doc("1.0.0", "Depends on subcommand", "", "A container for debugging commands.")
        .with(&[
            row("change-repl-id", 2, ADMIN, accept)
                .doc("5.0.0", "O(1)", "", "Does nothing: no replica of Redis's kind could resume."),
            row("digest", 2, LOOK, digest)
                .doc("1.0.0", "O(N) where N is the size of the data", "", "Returns a digest of all data."),
            row("digest-value", -2, LOOK, digest_value)
                .doc("5.0.0", "O(N) where N is the size of the values", "[key [key ...]]", "Returns the digest of each value."),
            row("help", 2, ADMIN, reply_help)
                .doc("4.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("loadaof", 2, LOOK, reload)
                .doc("2.4.0", "O(N) where N is the size of the data", "", "Writes all data in the snapshot's form and reads it back."),
            row("object", -3, LOOK, object)
                .doc("1.0.0", "O(N) where N is the size of the value", "key [FAST]", "Describes how a value is kept."),
            row("protocol", 3, ADMIN, protocol)
                .doc("6.0.0", "O(1)", "type", "Replies with an example of a type of the protocol."),
            row("quicklist-packed-threshold", 3, ADMIN, accept)
                .doc("7.0.0", "O(1)", "size", "Does nothing: elements of any length share a list's nodes by the same rule."),
            row("reload", -2, LOOK, reload)
                .doc("1.0.0", "O(N) where N is the size of the data", "[option ...]", "Writes all data in the snapshot's form and reads it back."),
            row("set-active-expire", 3, ADMIN, set_active_expire)
                .doc("3.2.0", "O(1)", "0|1", "Switches the removal of keys whose deadline has passed, unless they are met, off or on."),
            row("set-disable-deny-scripts", 3, ADMIN, set_disable_deny_scripts)
                .doc("7.0.0", "O(1)", "0|1", "Lets scripts call commands that are kept from them, or not."),
            row("sleep", 3, ADMIN, |_, _| Err(Error::new("ERR DEBUG SLEEP isn't offered: it would stop every client")))
                .doc("1.0.0", "O(1)", "seconds", "Refuses to stop the server."),
            row("stringmatch-len", 4, ADMIN, stringmatch_len)
                .doc("6.0.0", "O(N) where N is the length", "length pattern", "Matches a text of that length against a pattern."),
        ]),
];

fn set_disable_deny_scripts(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.config.scripts_call_all = args.integer()? != 0;
    ctx.reply.ok();
    Ok(())
}

fn accept(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reply.ok();
    Ok(())
}

fn digest(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let digest = ctx.data.keyspace.digest();
    ctx.reply.simple(&shown(digest));
    Ok(())
}

fn digest_value(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.reply.array(args.len());
    for key in args.rest() {
        let digest = ctx.data.value(key).map_or(0, Value::digest);
        ctx.reply.simple(&shown(digest));
    }
    Ok(())
}

/// A digest in the forty digits that Redis's tools expect, where nothing is all zeros.
fn shown(digest: u64) -> String {
    format!("{digest:040x}")
}

fn set_active_expire(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.config.active_expiry = args.integer()? != 0;
    ctx.reply.ok();
    Ok(())
}

fn stringmatch_len(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = args.count()?.min(ctx.limits.bulk_bytes_max);
    let matches = glob::matches(args.word()?, &alloc::vec![b'a'; len]);
    ctx.reply.integer(i64::from(matches));
    Ok(())
}

fn object(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    // What has expired is still shown while it is there.
    let entry = ctx.data.db().find(args.word()?).ok_or(Error::NO_SUCH_KEY)?;
    let bytes = postcard::to_allocvec(&stored_value(entry.value)).map_or(0, |bytes| bytes.len());
    let line = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{bytes} lru:0 lru_seconds_idle:0",
        entry.encoding()
    );
    ctx.reply.simple(&line);
    Ok(())
}

/// Empties every database and fills it from the chunks of a snapshot of itself. Content, and so what is logged, stays
/// the same; how values are laid out follows from the settings that hold now.
fn reload(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let keyspace = &mut *ctx.data.keyspace;
    for db in 0..DATABASES {
        let mut writer = ChunkWriter::new();
        let mut chunks: Vec<_> = keyspace.db(db).iter().filter_map(|entry| writer.push(db, entry)).collect();
        chunks.extend(writer.finish());
        if chunks.is_empty() {
            continue;
        }
        keyspace.apply(db, &Effect::new(b"", Change::Flush), None);
        for (db, effect) in chunks.iter().flat_map(|chunk| ChunkReader::new(chunk).effects().flatten()) {
            keyspace.apply(db, &effect, None);
        }
    }
    ctx.reply.ok();
    Ok(())
}

fn protocol(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let reply = &mut ctx.reply;
    match args.word()?.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3141.0 / 1000.0),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.attributes(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("This is a verbatim\nstring"),
        _ => {
            return Err(Error::new(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|true|false|verbatim",
            ));
        }
    }
    Ok(())
}
