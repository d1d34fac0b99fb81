//! MEMORY: what values cost, and on a server what all of it does.

#[cfg(feature = "server")]
mod report;

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

const KEY: Keys = Keys::Range { first: 2, last: 2, step: 1 };

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, flags, keys, handler).inside("memory")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "memory", -2, Flags(0), Keys::None, super::help::container)
        .doc("4.0.0", "Depends on subcommand", "", "A container for memory diagnostics commands.")
        .with(&[
            #[cfg(feature = "server")]
            row("doctor", 2, Flags(0), Keys::None, report::doctor)
                .doc("4.0.0", "O(1)", "", "Outputs a memory problems report."),
            row("help", 2, Flags(0), Keys::None, reply_help)
                .doc("4.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            #[cfg(feature = "server")]
            row("malloc-stats", 2, Flags(0), Keys::None, report::malloc_stats)
                .doc("4.0.0", "Depends on how much memory is allocated, could be slow", "", "Returns the allocator statistics."),
            row("purge", 2, Flags(0), Keys::None, |ctx, _| { ctx.reply.ok(); Ok(()) })
                .doc("4.0.0", "O(1)", "", "Asks the allocator to release memory."),
            #[cfg(feature = "server")]
            row("stats", 2, Flags(0), Keys::None, report::stats)
                .doc("4.0.0", "O(1)", "", "Returns details about memory usage."),
            row("usage", -3, Flags::READ, KEY, usage)
                .doc("4.0.0", "O(1)", "key [SAMPLES count]", "Estimates the memory usage of a key."),
        ]),
];

fn usage(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    if args.len() >= 2 && args.take_if("SAMPLES") && args.integer()? < 0 {
        return Err(Error::SYNTAX);
    }
    args.end()?;
    match ctx.data.look(key).map(|entry| entry.allocated_bytes()) {
        Some(bytes) => ctx.reply.count(bytes),
        None => ctx.reply.null(),
    }
    Ok(())
}
