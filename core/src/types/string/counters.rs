//! Strings as counters: INCR and its family.

use super::{Str, commands::number_set};
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num::Extended,
};

const FLAGS: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);

/// The counters' rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::String, "decr", 2, FLAGS, Keys::FIRST, |ctx, args| add(ctx, args.word()?, -1))
        .doc("1.0.0", "O(1)", "key", "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."),
    Command::new(Group::String, "decrby", 3, FLAGS, Keys::FIRST, decrby)
        .doc("1.0.0", "O(1)", "key decrement", "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist."),
    Command::new(Group::String, "incr", 2, FLAGS, Keys::FIRST, |ctx, args| add(ctx, args.word()?, 1))
        .doc("1.0.0", "O(1)", "key", "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."),
    Command::new(Group::String, "incrby", 3, FLAGS, Keys::FIRST, incrby)
        .doc("1.0.0", "O(1)", "key increment", "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."),
    Command::new(Group::String, "incrbyfloat", 3, FLAGS, Keys::FIRST, incrbyfloat)
        .doc("2.6.0", "O(1)", "key increment", "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist."),
];

fn incrby(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, increment) = (args.word()?, args.integer()?);
    add(ctx, key, increment)
}

fn decrby(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, decrement) = (args.word()?, args.integer()?);
    let increment = decrement.checked_neg().ok_or(Error::new("ERR decrement would overflow"))?;
    add(ctx, key, increment)
}

fn add(ctx: &mut Context<'_>, key: &[u8], increment: i64) -> Result<()> {
    let before = match ctx.data.string(key)? {
        Some(value) => value.to_integer().ok_or(Error::NOT_AN_INTEGER)?,
        None => 0,
    };
    let sum = before.checked_add(increment).ok_or(Error::OVERFLOW)?;
    let mut buffer = itoa::Buffer::new();
    ctx.data.apply(&number_set(key, buffer.format(sum).as_bytes()));
    ctx.reply.integer(sum);
    Ok(())
}

fn incrbyfloat(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let before = match ctx.data.string(key)? {
        Some(Str::Integer(value)) => Extended::from(value),
        Some(Str::Bytes(bytes)) => Extended::parse(bytes).ok_or(Error::NOT_A_FLOAT)?,
        None => Extended::ZERO,
    };
    let sum = before + args.extended()?;
    if !sum.is_finite() {
        return Err(Error::NAN_OR_INFINITY);
    }
    let text = sum.to_text();
    ctx.data.apply(&number_set(key, &text));
    ctx.reply.bulk(&text);
    Ok(())
}
