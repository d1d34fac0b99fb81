//! MEMORY: what values cost.

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
            row("doctor", 2, Flags(0), Keys::None, doctor)
                .doc("4.0.0", "O(1)", "", "Outputs a memory problems report."),
            row("help", 2, Flags(0), Keys::None, reply_help)
                .doc("4.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("purge", 2, Flags(0), Keys::None, |ctx, _| { ctx.reply.ok(); Ok(()) })
                .doc("4.0.0", "O(1)", "", "Asks the allocator to release memory."),
            row("usage", -3, Flags::READ, KEY, usage)
                .doc("4.0.0", "O(1)", "key [SAMPLES count]", "Estimates the memory usage of a key."),
        ]),
];

fn doctor(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reply.verbatim("The engine doesn't examine its memory. MEMORY USAGE estimates what a key takes.\n");
    Ok(())
}

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
