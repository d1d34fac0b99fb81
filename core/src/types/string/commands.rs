//! Commands that read and write whole strings and parts of them.

use super::{Expiry, Str, StringChange};
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys, RevealingOption, TimeUnit},
    effect::{Change, Effect},
    env::UnixMillis,
    error::{Error, Result},
    table::WARMED_MAX,
};

const READ: Flags = Flags::READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const WRITE_FAST: Flags = WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: crate::command::Handler) -> Command {
    Command::new(Group::String, name, arity, flags, keys, handler)
}

/// The family's rows, counters apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("append", 3, WRITE_FAST, Keys::FIRST, append)
        .doc("2.0.0", "O(1)", "key value", "Appends a string to the value of a key. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("get", 2, READ, Keys::FIRST, get)
        .doc("1.0.0", "O(1)", "key", "Returns the string value of a key."),
    row("getdel", 2, Flags::WRITE.and(Flags::FAST), Keys::FIRST, getdel)
        .doc("6.2.0", "O(1)", "key", "Returns the string value of a key after deleting the key."),
    row("getex", -2, Flags::WRITE.and(Flags::FAST), Keys::FIRST, getex)
        .doc("6.2.0", "O(1)", "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]", "Returns the string value of a key after setting its expiration time."),
    row("getrange", 4, Flags::READ, Keys::FIRST, getrange)
        .doc("2.4.0", "O(N) where N is the length of the returned string", "key start end", "Returns a substring of the string stored at a key."),
    row("substr", 4, Flags::READ, Keys::FIRST, getrange)
        .doc("1.0.0", "O(N) where N is the length of the returned string", "key start end", "Returns a substring from a string value."),
    row("getset", 3, WRITE_FAST, Keys::FIRST, getset)
        .doc("1.0.0", "O(1)", "key value", "Returns the previous string value of a key after setting it to a new value."),
    row("mget", -2, READ, Keys::ALL, mget)
        .doc("1.0.0", "O(N) where N is the number of keys to retrieve", "key [key ...]", "Atomically returns the string values of one or more keys."),
    row("mset", -3, WRITE, Keys::Range { first: 1, last: -1, step: 2 }, mset)
        .doc("1.0.1", "O(N) where N is the number of keys to set", "key value [key value ...]", "Atomically creates or modifies the string values of one or more keys.").accessing(Access::Blind),
    row("msetnx", -3, WRITE, Keys::Range { first: 1, last: -1, step: 2 }, msetnx)
        .doc("1.0.1", "O(N) where N is the number of keys to set", "key value [key value ...]", "Atomically modifies the string values of one or more keys only when all keys don't exist.").accessing(Access::Blind),
    row("psetex", 4, WRITE, Keys::FIRST, psetex)
        .doc("2.6.0", "O(1)", "key milliseconds value", "Sets both string value and expiration time in milliseconds of a key.").accessing(Access::Blind),
    row("set", -3, WRITE, Keys::FIRST, set)
        .doc("1.0.0", "O(1)", "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]", "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.").accessing(Access::BlindUnless(RevealingOption::Get)),
    row("setex", 4, WRITE, Keys::FIRST, setex)
        .doc("2.0.0", "O(1)", "key seconds value", "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("setnx", 3, WRITE_FAST, Keys::FIRST, setnx)
        .doc("1.0.0", "O(1)", "key value", "Sets the string value of a key only when the key doesn't exist.").accessing(Access::Blind),
    row("setrange", 4, WRITE, Keys::FIRST, setrange)
        .doc("2.2.0", "O(1), not counting the time taken to copy the new string in place", "key offset value", "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.").accessing(Access::Blind),
    row("strlen", 2, READ, Keys::FIRST, strlen)
        .doc("2.2.0", "O(1)", "key", "Returns the length of a string value.").accessing(Access::Existence),
];

fn get(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    match ctx.data.string(args.word()?)? {
        Some(Str::Bytes(bytes)) => ctx.reply.bulk(bytes),
        Some(Str::Integer(value)) => ctx.reply.bulk_integer(value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// What `SET` may be told besides key and value.
#[derive(Default)]
struct SetOptions {
    if_absent: bool,
    if_present: bool,
    get: bool,
    expiry: Option<Expiry>,
}

impl SetOptions {
    fn read(ctx: &Context<'_>, args: &mut Args<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut deadline = None;
        while !args.is_empty() {
            if args.take_if("NX") {
                options.if_absent = true;
            } else if args.take_if("XX") {
                options.if_present = true;
            } else if args.take_if("GET") {
                options.get = true;
            } else if args.take_if("KEEPTTL") && deadline.is_none() {
                options.expiry = Some(Expiry::Keep);
            } else if let Some(given) = Deadline::take(args)
                && options.expiry.is_none()
                && deadline.as_ref().is_none_or(|before: &Deadline<'_>| before.unit == given.unit)
            {
                deadline = Some(given);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        if options.if_absent && options.if_present {
            return Err(Error::SYNTAX);
        }
        if let Some(deadline) = deadline {
            options.expiry = Some(Expiry::At(deadline.read(ctx, "set")?));
        }
        Ok(options)
    }
}

/// A deadline as an option gives it. It is read when all options are known to be there.
struct Deadline<'a> {
    unit: TimeUnit,
    word: Args<'a>,
}

impl<'a> Deadline<'a> {
    fn take(args: &mut Args<'a>) -> Option<Self> {
        let mut rest = args.clone();
        let unit = TimeUnit::take(&mut rest)?;
        let word = Args::new(rest.words(1).ok()?);
        *args = rest;
        Some(Self { unit, word })
    }

    fn read(mut self, ctx: &Context<'_>, command: &str) -> Result<UnixMillis> {
        self.unit.read_positive(&mut self.word, ctx.data.now(), command)
    }
}

fn set(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, value) = (args.word()?, args.word()?);
    let options = SetOptions::read(ctx, args)?;
    let effect = string_set(key, value, options.expiry.unwrap_or(Expiry::Clear));
    if !options.get && !options.if_absent && !options.if_present {
        ctx.data.settle(key);
        ctx.data.apply(&effect);
        ctx.reply.ok();
        return Ok(());
    }
    let exists = if options.get {
        let before = ctx.data.string(key)?;
        let exists = before.is_some();
        reply_string(ctx, key)?;
        exists
    } else {
        ctx.data.contains(key)
    };
    let wanted = !(options.if_absent && exists || options.if_present && !exists);
    if wanted {
        ctx.data.apply(&effect);
    }
    match (options.get, wanted) {
        (true, _) => {}
        (false, true) => ctx.reply.ok(),
        (false, false) => ctx.reply.null(),
    }
    Ok(())
}

fn setnx(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, value) = (args.word()?, args.word()?);
    let absent = !ctx.data.contains(key);
    if absent {
        ctx.data.apply(&string_set(key, value, Expiry::Clear));
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

fn setex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    set_expiring(ctx, args, TimeUnit::Seconds, "setex")
}

fn psetex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    set_expiring(ctx, args, TimeUnit::Millis, "psetex")
}

fn set_expiring(ctx: &mut Context<'_>, args: &mut Args<'_>, unit: TimeUnit, command: &str) -> Result<()> {
    let key = args.word()?;
    let at = unit.read_positive(args, ctx.data.now(), command)?;
    ctx.data.settle(key);
    ctx.data.apply(&string_set(key, args.word()?, Expiry::At(at)));
    ctx.reply.ok();
    Ok(())
}

fn getset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, value) = (args.word()?, args.word()?);
    reply_string(ctx, key)?;
    ctx.data.apply(&string_set(key, value, Expiry::Clear));
    Ok(())
}

fn getdel(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    reply_string(ctx, key)?;
    ctx.data.apply(&Effect::delete(key));
    Ok(())
}

fn getex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let (mut persists, mut deadline) = (false, None);
    while !args.is_empty() {
        match Deadline::take(args) {
            Some(given)
                if !persists && deadline.as_ref().is_none_or(|before: &Deadline<'_>| before.unit == given.unit) =>
            {
                deadline = Some(given);
            }
            None if deadline.is_none() && args.take_if("PERSIST") => persists = true,
            _ => return Err(Error::SYNTAX),
        }
    }
    // Without a key there is nothing that a time could be wrong for.
    if ctx.data.string(key)?.is_none() {
        ctx.reply.null();
        return Ok(());
    }
    let change = match deadline {
        Some(deadline) => Some(Change::ExpireAt(deadline.read(ctx, "getex")?)),
        None => persists.then_some(Change::Persist),
    };
    reply_string(ctx, key)?;
    if let Some(change) = change {
        let due = matches!(change, Change::ExpireAt(at) if at <= ctx.data.now());
        ctx.data.apply(&if due { Effect::delete(key) } else { Effect::new(key, change) });
    }
    Ok(())
}

fn mget(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.reply.array(args.len());
    for keys in args.rest().chunks(WARMED_MAX) {
        ctx.data.warm(keys, 1);
        for key in keys {
            // A value of another type reads as absent here, as in Redis.
            if reply_string(ctx, key).is_err() {
                ctx.reply.null();
            }
        }
    }
    Ok(())
}

fn mset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::arity("mset"));
    }
    set_pairs(ctx, args);
    ctx.reply.ok();
    Ok(())
}

fn msetnx(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::arity("msetnx"));
    }
    let absent = args.rest().iter().step_by(2).all(|key| !ctx.data.contains(key));
    if absent {
        set_pairs(ctx, args);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

fn set_pairs(ctx: &mut Context<'_>, args: &Args<'_>) {
    for pairs in args.rest().chunks(2 * WARMED_MAX) {
        ctx.data.warm(pairs, 2);
        for pair in pairs.chunks_exact(2) {
            if let [key, value] = pair {
                ctx.data.settle(key);
                ctx.data.apply(&string_set(key, *value, Expiry::Clear));
            }
        }
    }
}

fn append(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, tail) = (args.word()?, args.word()?);
    let before = ctx.data.string(key)?.map_or(0, |value| value.len());
    check_length(ctx, before, tail.len())?;
    let applied = ctx.data.apply(&Effect::new(key, Change::String(StringChange::Append(tail.into()))));
    ctx.reply.count(applied.len);
    Ok(())
}

fn strlen(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.string(args.word()?)?.map_or(0, |value| value.len());
    ctx.reply.count(len);
    Ok(())
}

fn getrange(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let (start, end) = (args.integer()?, args.integer()?);
    let reply = &mut ctx.reply;
    match ctx.data.string(key)? {
        Some(value) => value.with_bytes(|bytes| reply.bulk(slice(bytes, start, end))),
        None => reply.bulk(b""),
    }
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    let len = bytes.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let absolute = |position: i64| if position < 0 { position.saturating_add(len) } else { position };
    let (start, end) = (absolute(start).max(0), absolute(end).max(0).min(len - 1));
    if start > end {
        return &[];
    }
    bytes.get(start as usize..=end as usize).unwrap_or_default()
}

fn setrange(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let offset = usize::try_from(args.integer()?).map_err(|_| Error::new("ERR offset is out of range"))?;
    let bytes = args.word()?;
    let before = ctx.data.string(key)?.map_or(0, |value| value.len());
    if bytes.is_empty() {
        ctx.reply.count(before);
        return Ok(());
    }
    check_length(ctx, offset, bytes.len())?;
    let splice = StringChange::Splice { offset: offset as u64, bytes: bytes.into() };
    let applied = ctx.data.apply(&Effect::new(key, Change::String(splice)));
    ctx.reply.count(applied.len);
    Ok(())
}

/// Refuses a string that would pass the limit.
fn check_length(ctx: &Context<'_>, offset: usize, tail: usize) -> Result<()> {
    match offset.checked_add(tail) {
        Some(len) if len <= ctx.limits.bulk_bytes_max => Ok(()),
        _ => Err(Error::STRING_TOO_LONG),
    }
}

/// Replies with the string at `key`, or null.
fn reply_string(ctx: &mut Context<'_>, key: &[u8]) -> Result<()> {
    match ctx.data.string(key)? {
        Some(value) => value.with_bytes(|bytes| ctx.reply.bulk(bytes)),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// The effect that makes `key` a string.
pub(super) fn string_set<'a>(key: &'a [u8], value: impl Into<crate::blob::Blob<'a>>, expiry: Expiry) -> Effect<'a> {
    Effect::new(key, Change::String(StringChange::Set { value: value.into(), expiry }))
}

/// The effect that makes `key` hold a number, keeping its deadline.
pub(super) fn number_set<'a>(key: &'a [u8], text: &'a [u8]) -> Effect<'a> {
    string_set(key, text, Expiry::Keep)
}
