//! Commands on hashes.

use alloc::vec::Vec;

use super::{HashChange, HashView};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, DrawCount, Flags, Group, Keys, ScanOptions},
    effect::{Applied, Change, Effect},
    error::{Error, Result},
    num::{self, Extended},
    resp::{Protocol, Reply},
    types::draw::draw_distinct,
};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Hash, name, arity, flags, Keys::FIRST, handler)
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("hdel", -3, Flags::WRITE.and(Flags::FAST), hdel)
        .doc("2.0.0", "O(N) where N is the number of fields to be removed", "key field [field ...]", "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.").accessing(Access::Blind),
    row("hexists", 3, READ_FAST, hexists)
        .doc("2.0.0", "O(1)", "key field", "Determines whether a field exists in a hash.").accessing(Access::Existence),
    row("hget", 3, READ_FAST, hget)
        .doc("2.0.0", "O(1)", "key field", "Returns the value of a field in a hash."),
    row("hgetall", 2, READ, hgetall)
        .doc("2.0.0", "O(N) where N is the size of the hash", "key", "Returns all fields and values in a hash."),
    row("hincrby", 4, WRITE, hincrby)
        .doc("2.0.0", "O(1)", "key field increment", "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist."),
    row("hincrbyfloat", 4, WRITE, hincrbyfloat)
        .doc("2.6.0", "O(1)", "key field increment", "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist."),
    row("hkeys", 2, READ, hkeys)
        .doc("2.0.0", "O(N) where N is the size of the hash", "key", "Returns all fields in a hash."),
    row("hlen", 2, READ_FAST, hlen)
        .doc("2.0.0", "O(1)", "key", "Returns the number of fields in a hash.").accessing(Access::Existence),
    row("hmget", -3, READ_FAST, hmget)
        .doc("2.0.0", "O(N) where N is the number of fields being requested", "key field [field ...]", "Returns the values of all fields in a hash."),
    row("hmset", -4, WRITE, hmset)
        .doc("2.0.0", "O(N) where N is the number of fields being set", "key field value [field value ...]", "Sets the values of multiple fields.").accessing(Access::Blind),
    row("hrandfield", -2, READ.and(Flags::RANDOM), hrandfield)
        .doc("6.2.0", "O(N) where N is the number of fields returned", "key [count [WITHVALUES]]", "Returns one or more random fields from a hash."),
    row("hscan", -3, READ.and(Flags::RANDOM), hscan)
        .doc("2.8.0", "O(1) for every call. O(N) for a complete iteration", "key cursor [MATCH pattern] [COUNT count]", "Iterates over fields and values of a hash."),
    row("hset", -4, WRITE, hset)
        .doc("2.0.0", "O(N) where N is the number of field/value pairs", "key field value [field value ...]", "Creates or modifies the value of a field in a hash.").accessing(Access::Blind),
    row("hsetnx", 4, WRITE, hsetnx)
        .doc("2.0.0", "O(1)", "key field value", "Sets the value of a field in a hash only when the field doesn't exist.").accessing(Access::Blind),
    row("hstrlen", 3, READ_FAST, hstrlen)
        .doc("3.2.0", "O(1)", "key field", "Returns the length of the value of a field.").accessing(Access::Existence),
    row("hvals", 2, READ, hvals)
        .doc("2.0.0", "O(N) where N is the size of the hash", "key", "Returns all values in a hash."),
];

fn hset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let applied = set_pairs(ctx, args, "hset")?;
    ctx.reply.count(applied.count);
    Ok(())
}

fn hmset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

fn set_pairs(ctx: &mut Context<'_>, args: &mut Args<'_>, command: &str) -> Result<Applied> {
    let key = args.word()?;
    let (pairs, rest) = args.rest().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::arity(command));
    }
    ctx.data.hash(key)?;
    let pairs = pairs.iter().map(|[field, value]| (Blob::from(*field), Blob::from(*value))).collect();
    Ok(ctx.data.apply(&hash_set(key, pairs)))
}

fn hsetnx(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field, value) = (args.word()?, args.word()?, args.word()?);
    let absent = ctx.data.hash(key)?.is_none_or(|hash| !hash.contains(field));
    if absent {
        ctx.data.apply(&hash_set(key, [(field.into(), value.into())].into()));
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

fn hdel(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    ctx.data.hash(key)?;
    let fields = args.rest().iter().map(|field| Blob::from(*field)).collect();
    let applied = ctx.data.apply(&Effect::new(key, Change::Hash(HashChange::Remove(fields))));
    ctx.reply.count(applied.count);
    Ok(())
}

fn hget(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field) = (args.word()?, args.word()?);
    let value = ctx.data.hash(key)?.and_then(|hash| hash.get(field));
    ctx.reply.bulk_or_null(value);
    Ok(())
}

fn hmget(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let hash = ctx.data.hash(args.word()?)?;
    ctx.reply.array(args.len());
    for field in args.rest() {
        ctx.reply.bulk_or_null(hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

fn hgetall(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let hash = ctx.data.hash(args.word()?)?;
    ctx.reply.map(hash.map_or(0, HashView::len));
    for (field, value) in hash.into_iter().flat_map(HashView::iter) {
        ctx.reply.bulk(field);
        ctx.reply.bulk(value);
    }
    Ok(())
}

fn hkeys(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let hash = ctx.data.hash(args.word()?)?;
    ctx.reply.array(hash.map_or(0, HashView::len));
    hash.into_iter().flat_map(HashView::iter).for_each(|(field, _)| ctx.reply.bulk(field));
    Ok(())
}

fn hvals(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let hash = ctx.data.hash(args.word()?)?;
    ctx.reply.array(hash.map_or(0, HashView::len));
    hash.into_iter().flat_map(HashView::iter).for_each(|(_, value)| ctx.reply.bulk(value));
    Ok(())
}

fn hlen(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.hash(args.word()?)?.map_or(0, HashView::len);
    ctx.reply.count(len);
    Ok(())
}

fn hexists(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field) = (args.word()?, args.word()?);
    let exists = ctx.data.hash(key)?.is_some_and(|hash| hash.contains(field));
    ctx.reply.integer(i64::from(exists));
    Ok(())
}

fn hstrlen(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field) = (args.word()?, args.word()?);
    let len = ctx.data.hash(key)?.and_then(|hash| hash.get(field)).map_or(0, <[u8]>::len);
    ctx.reply.count(len);
    Ok(())
}

fn hincrby(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field, increment) = (args.word()?, args.word()?, args.integer()?);
    let hash = ctx.data.hash(key)?;
    let keeps = hash.is_some_and(|hash| hash.expires_at(field).is_some());
    let before = match hash.and_then(|hash| hash.get(field)) {
        Some(value) => num::parse_i64(value).ok_or(Error::new("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = before.checked_add(increment).ok_or(Error::OVERFLOW)?;
    let text = num::IntText::new(sum);
    ctx.data.apply(&hash_count(key, field, text.as_bytes(), keeps));
    ctx.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, field, increment) = (args.word()?, args.word()?, args.extended()?);
    if !increment.is_finite() {
        return Err(Error::new("ERR value is NaN or Infinity"));
    }
    let hash = ctx.data.hash(key)?;
    let keeps = hash.is_some_and(|hash| hash.expires_at(field).is_some());
    let before = match hash.and_then(|hash| hash.get(field)) {
        Some(value) => Extended::parse(value).ok_or(Error::new("ERR hash value is not a float"))?,
        None => Extended::ZERO,
    };
    let sum = before + increment;
    if !sum.is_finite() {
        return Err(Error::NAN_OR_INFINITY);
    }
    let text = sum.to_text();
    ctx.data.apply(&hash_count(key, field, &text, keeps));
    ctx.reply.bulk(&text);
    Ok(())
}

fn hrandfield(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut rng = ctx.data.rng();
    if args.is_empty() {
        let field = ctx.data.hash(key)?.and_then(|hash| hash.sample(&mut rng)).map(|(field, _)| field);
        ctx.reply.bulk_or_null(field);
        return Ok(());
    }
    let count = DrawCount::read(args)?;
    let with_values = args.take_if("WITHVALUES");
    args.end()?;
    if with_values && count.is_huge() {
        return Err(Error::VALUE_OUT_OF_RANGE);
    }
    let Some(hash) = ctx.data.hash(key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    match count {
        DrawCount::Distinct(count) => {
            let drawn = draw_distinct(hash.len(), count, &mut rng, hash.iter(), |rng| hash.sample(rng));
            start_pairs(&mut ctx.reply, drawn.len(), with_values);
            drawn.into_iter().for_each(|pair| reply_pair(&mut ctx.reply, pair, with_values));
        }
        DrawCount::Repeated(count) => {
            let start = ctx.reply.position();
            start_pairs(&mut ctx.reply, count, with_values);
            let mut drawn = core::iter::repeat_with(|| hash.sample(&mut rng)).take(count).flatten();
            drawn.try_for_each(|pair| {
                reply_pair(&mut ctx.reply, pair, with_values);
                ctx.reply.bounded(start)
            })?;
        }
    }
    Ok(())
}

/// Announces `count` fields. With their values they are pairs in RESP3, and one after the other in RESP2.
fn start_pairs(reply: &mut Reply<'_>, count: usize, with_values: bool) {
    let flat = with_values && reply.protocol() == Protocol::Resp2;
    reply.array(if flat { 2 * count } else { count });
}

fn reply_pair(reply: &mut Reply<'_>, (field, value): (&[u8], &[u8]), with_values: bool) {
    if with_values && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(field);
    if with_values {
        reply.bulk(value);
    }
}

fn hscan(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, cursor) = (args.word()?, args.cursor()?);
    let mut found = Vec::new();
    let mut next = 0;
    // Redis answers for a key that isn't there before it looks at the options.
    if let Some(hash) = ctx.data.hash(key)? {
        let options = ScanOptions::read(args, false)?;
        next = hash.scan(cursor, options.count, |field, value| {
            if options.matches(field) {
                found.push((field, value));
            }
        });
    }
    ctx.reply.array(2);
    ctx.reply.bulk_unsigned(next);
    ctx.reply.array(2 * found.len());
    for (field, value) in found {
        ctx.reply.bulk(field);
        ctx.reply.bulk(value);
    }
    Ok(())
}

fn hash_set<'a>(key: &'a [u8], pairs: Vec<(Blob<'a>, Blob<'a>)>) -> Effect<'a> {
    Effect::new(key, Change::Hash(HashChange::Set(pairs)))
}

/// A field that counts gets its next value, and keeps its deadline if it has one.
fn hash_count<'a>(key: &'a [u8], field: &'a [u8], value: &'a [u8], keeps: bool) -> Effect<'a> {
    let pairs = [(field.into(), value.into())].into();
    Effect::new(key, Change::Hash(if keeps { HashChange::SetKeeping(pairs) } else { HashChange::Set(pairs) }))
}
