//! PFCOUNT.

use super::{
    add_commands::splice,
    estimate::count,
    layout::{COUNT_AT, Layout},
    registers::empty,
};
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::Result,
    role::Role,
};

/// The rows of commands that count.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::HyperLogLog, "pfcount", -2, Flags::READ, Keys::ALL, pfcount)
        .doc("2.8.9", "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys", "key [key ...]", "Returns the approximated cardinality of the sets observed by the HyperLogLog keys."),
];

fn pfcount(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if let [key] = args.rest() {
        return count_one(ctx, key);
    }
    let mut values = empty();
    for key in args.rest() {
        let Some(value) = ctx.data.string(key)? else { continue };
        let others = value.with_bytes(|bytes| Layout::read(bytes)?.values())?;
        for (value, other) in values.iter_mut().zip(others.iter()) {
            *value = (*value).max(*other);
        }
    }
    ctx.reply.integer(count(&values) as i64);
    Ok(())
}

/// Counts one, and keeps the count in the string until something is added. A replica leaves that to the server.
fn count_one(ctx: &mut Context<'_>, key: &[u8]) -> Result<()> {
    let Some(value) = ctx.data.string(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let (counted, is_kept) = value.with_bytes(|bytes| {
        let layout = Layout::read(bytes)?;
        match layout.count {
            Some(count) => Ok((count, true)),
            None => Ok((count(&*layout.values()?), false)),
        }
    })?;
    if !is_kept && ctx.data.role == Role::Primary {
        splice(ctx, key, COUNT_AT, &counted.to_le_bytes());
    }
    ctx.reply.integer(counted as i64);
    Ok(())
}
