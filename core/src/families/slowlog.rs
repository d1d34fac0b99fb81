//! SLOWLOG: the calls that took longer than others.

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num,
};

const ADMIN: Flags = Flags::ADMIN;

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, ADMIN, Keys::None, handler).inside("slowlog")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "slowlog", -2, ADMIN, Keys::None, super::help::container)
        .doc("2.2.12", "Depends on subcommand", "", "A container for slow log commands.")
        .with(&[
            row("get", -2, get)
                .doc("2.2.12", "O(N) where N is the number of entries returned", "[count]", "Returns the slow log's entries."),
            row("help", 2, reply_help)
                .doc("6.2.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("len", 2, len)
                .doc("2.2.12", "O(1)", "", "Returns the number of entries in the slow log."),
            row("reset", 2, reset)
                .doc("2.2.12", "O(N) where N is the number of entries in the slowlog", "", "Clears all entries from the slow log."),
        ]),
];

fn get(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    const COUNT: Error = Error::new("ERR count should be greater than or equal to -1");
    let count = match args.take() {
        None => 10,
        Some(word) => num::parse_i64(word).filter(|count| *count >= -1).ok_or(COUNT)?,
    };
    if !args.is_empty() {
        return Err(Error::new("ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP."));
    }
    let entries = ctx.stats.meter.slow.entries();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(entries.len());
    let reply = &mut ctx.reply;
    reply.array(count);
    for call in entries.take(count) {
        reply.array(6);
        reply.integer(call.id as i64);
        reply.integer((call.origin.at.0 / 1000) as i64);
        reply.integer(call.micros as i64);
        reply.array(call.words.len());
        call.words.iter().for_each(|word| reply.bulk(word));
        reply.bulk(call.origin.address.as_bytes());
        reply.bulk(call.origin.name.as_bytes());
    }
    Ok(())
}

fn len(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let len = ctx.stats.meter.slow.entries().len();
    ctx.reply.count(len);
    Ok(())
}

fn reset(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.stats.meter.slow.clear();
    ctx.reply.ok();
    Ok(())
}
