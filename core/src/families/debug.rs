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
    types::string::{Expiry, StringChange},
};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::DEBUGS);
const LOOK: Flags = ADMIN.and(Flags::ALL_KEYS);
const FILL: Flags = LOOK.and(Flags::WRITE).and(Flags::DENYOOM);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, flags, Keys::None, handler).inside("debug")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "debug", -2, ADMIN, Keys::None, super::help::container)
        .doc("1.0.0", "Depends on subcommand", "", "A container for debugging commands.")
        .with(&[
            row("assert", 2, ADMIN, refuse)
                .doc("3.2.0", "O(1)", "", "Refuses to end the server."),
            row("change-repl-id", 2, ADMIN, accept)
                .doc("5.0.0", "O(1)", "", "Does nothing: no replica of Redis's kind could resume."),
            row("config-rewrite-force-all", 2, ADMIN, config_rewrite_force_all)
                .doc("7.0.0", "O(1)", "", "Persists the configuration to file, and what is as it would be anyway too."),
            row("crash-and-recover", -2, ADMIN, refuse)
                .doc("2.8.0", "O(1)", "[milliseconds]", "Refuses to end the server."),
            row("digest", 2, LOOK, digest)
                .doc("1.0.0", "O(N) where N is the size of the data", "", "Returns a digest of all data."),
            row("digest-value", -2, LOOK, digest_value)
                .doc("5.0.0", "O(N) where N is the size of the values", "[key [key ...]]", "Returns the digest of each value."),
            row("error", 3, ADMIN, error)
                .doc("3.0.0", "O(1)", "text", "Replies with an error of that text."),
            row("help", 2, ADMIN, reply_help)
                .doc("4.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("leak", 3, ADMIN, refuse)
                .doc("5.0.0", "O(1)", "text", "Refuses to lose memory."),
            row("loadaof", 2, LOOK, reload)
                .doc("2.4.0", "O(N) where N is the size of the data", "", "Writes all data in the snapshot's form and reads it back."),
            row("object", -3, LOOK, object)
                .doc("1.0.0", "O(N) where N is the size of the value", "key [FAST]", "Describes how a value is kept."),
            row("oom", 2, ADMIN, refuse)
                .doc("3.0.0", "O(1)", "", "Refuses to end the server."),
            row("panic", 2, ADMIN, refuse)
                .doc("5.0.0", "O(1)", "", "Refuses to end the server."),
            row("pause-cron", 3, ADMIN, pause_cron)
                .doc("6.0.0", "O(1)", "0|1", "Lets the server's regular work rest, or go on."),
            row("populate", -3, FILL, populate)
                .doc("2.6.0", "O(N) where N is the number of keys", "count [prefix [size]]", "Sets so many keys to strings, those apart that are there."),
            row("protocol", 3, ADMIN, protocol)
                .doc("6.0.0", "O(1)", "type", "Replies with an example of a type of the protocol."),
            row("quicklist-packed-threshold", 3, ADMIN, accept)
                .doc("7.0.0", "O(1)", "size", "Does nothing: elements of any length share a list's nodes by the same rule."),
            row("reload", -2, LOOK, reload)
                .doc("1.0.0", "O(N) where N is the size of the data", "[MERGE] [NOFLUSH] [NOSAVE]", "Writes all data in the snapshot's form and reads it back."),
            row("replybuffer", 4, ADMIN, accept)
                .doc("7.0.0", "O(1)", "RESIZING <0|1> | PEAK-RESET-TIME <milliseconds | NEVER | RESET>", "Does nothing: buffers of replies don't shrink by and by."),
            row("restart", -2, ADMIN, refuse)
                .doc("2.8.0", "O(1)", "[milliseconds]", "Refuses to end the server."),
            row("segfault", 2, ADMIN, refuse)
                .doc("1.0.0", "O(1)", "", "Refuses to end the server."),
            row("set-active-expire", 3, ADMIN, set_active_expire)
                .doc("3.2.0", "O(1)", "0|1", "Switches the removal of keys whose deadline has passed, unless they are met, off or on."),
            row("set-disable-deny-scripts", 3, ADMIN, set_disable_deny_scripts)
                .doc("7.0.0", "O(1)", "0|1", "Lets scripts call commands that are kept from them, or not."),
            row("sleep", 3, ADMIN, sleep)
                .doc("1.0.0", "O(1)", "seconds", "Stops the server for some time, decimals allowed."),
            row("stringmatch-len", 4, ADMIN, stringmatch_len)
                .doc("6.0.0", "O(N) where N is the length", "length pattern", "Matches a text of that length against a pattern."),
        ]),
];

fn set_disable_deny_scripts(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.config.scripts_call_all = args.integer()? != 0;
    ctx.reply.ok();
    Ok(())
}

/// Says that the server isn't ended, nor harmed, on purpose.
fn refuse(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let name = ctx.row.name.to_ascii_uppercase();
    Err(Error::owned(format!("ERR DEBUG {name} isn't offered: it would harm the server or end it")))
}

/// Replies with an error, the code of which the caller gives too.
fn error(_: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let text = String::from_utf8_lossy(args.word()?);
    // A reply is one line.
    Err(Error::owned(text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>()))
}

fn config_rewrite_force_all(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    super::config::rewrite_file(ctx, true)
}

/// Makes keys such as `key:0`, `key:1`, each with a value such as `value:0`, as long as is wanted.
fn populate(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let count = args.count()?;
    let prefix = args.take().unwrap_or(b"key");
    let size = if args.is_empty() { None } else { Some(args.count()?) };
    args.end()?;
    let bytes = size.unwrap_or(0).max(prefix.len() + POPULATED_BYTES).saturating_mul(count);
    // All of it stands in one record.
    if bytes > ctx.limits.bulk_bytes_max.saturating_mul(2) {
        return Err(Error::new("ERR DEBUG POPULATE makes twice proto-max-bulk-len of keys and values at most at once"));
    }
    for number in 0..count {
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        if ctx.data.contains(&key) {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        let set = StringChange::Set { value: value.as_slice().into(), expiry: Expiry::Clear };
        ctx.data.apply(&Effect::new(&key, Change::String(set)));
    }
    ctx.reply.ok();
    Ok(())
}

/// What a populated key and its value take at least, about.
const POPULATED_BYTES: usize = 32;

/// Sleeps within the call, as long as whoever may debug the server wants.
fn sleep(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let seconds = args.float()?.max(0.0);
    ctx.stats.meter.stand_still((seconds * 1e6) as u64);
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

fn pause_cron(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.config.work_rests = args.integer()? != 0;
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
    let (aging, now) = (ctx.data.keyspace.aging, ctx.data.now());
    let entry = ctx.data.db().find(args.word()?).ok_or(Error::NO_SUCH_KEY)?;
    // Where uses are counted, nobody knows when the last one was.
    let idle = if aging.counts_uses { 0 } else { aging.idle_seconds(entry.stamp, now) };
    let used_at = (now.0 / 1000).saturating_sub(idle) % (1 << 24);
    let bytes = postcard::to_allocvec(&stored_value(entry.value)).map_or(0, |bytes| bytes.len());
    let line = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{bytes} lru:{used_at} lru_seconds_idle:{idle}",
        entry.encoding()
    );
    ctx.reply.simple(&line);
    Ok(())
}

/// Empties every database and fills it from the chunks of a snapshot of itself. Content, and so what is logged, stays
/// the same; how values are laid out follows from the settings that hold now.
fn reload(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (mut merges, mut flushes) = (false, true);
    while let Some(option) = args.take() {
        match option.to_ascii_lowercase().as_slice() {
            b"merge" => merges = true,
            b"noflush" => flushes = false,
            // What is read back is what is in memory: no file is written, and none is read.
            b"nosave" => {}
            _ => return Err(Error::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")),
        }
    }
    if !flushes && !merges && is_there_anything(ctx) {
        return Err(Error::new("ERR Error trying to load the RDB dump, check server logs."));
    }
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

/// Whether there is a key, or a library of functions, that would be met again.
fn is_there_anything(ctx: &Context<'_>) -> bool {
    let libraries = ctx.interpreter.iter().flat_map(|interpreter| interpreter.facts());
    (0..DATABASES).any(|db| !ctx.data.keyspace.db(db).is_empty())
        || libraries.into_iter().any(|(name, count)| name == "number_of_libraries" && count != "0")
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
