//! CONFIG: settings, read and written.

use alloc::format;

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    session::Errand,
};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, ADMIN, Keys::None, handler).inside("config")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "config", -2, ADMIN, Keys::None, super::help::container)
        .doc("2.0.0", "Depends on subcommand", "", "A container for server configuration commands.")
        .with(&[
            row("get", -3, get)
                .doc("2.0.0", "O(N) when N is the number of configuration parameters provided", "parameter [parameter ...]", "Returns the effective values of configuration parameters."),
            row("help", 2, reply_help)
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("resetstat", 2, resetstat)
                .doc("2.0.0", "O(1)", "", "Resets the server's statistics."),
            row("rewrite", 2, rewrite)
                .doc("2.8.0", "O(1)", "", "Persists the effective configuration to file."),
            row("set", -4, set)
                .doc("2.0.0", "O(N) when N is the number of configuration parameters provided", "parameter value [parameter value ...]", "Sets configuration parameters in-flight."),
        ]),
];

fn get(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let found = ctx.config.matching(args.rest());
    ctx.reply.map(found.len());
    for (name, value) in found {
        ctx.reply.bulk(name.as_bytes());
        ctx.reply.bulk(value.as_bytes());
    }
    Ok(())
}

fn set(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (pairs, rest) = args.rest().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::SYNTAX);
    }
    let pairs: alloc::vec::Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    ctx.config.set_all(&pairs)?;
    ctx.errands.push_back(Errand::Configure);
    // A lower bound holds at once.
    ctx.data.keyspace.aging = ctx.config.aging();
    ctx.make_room();
    ctx.evict_clients();
    ctx.reply.ok();
    Ok(())
}

fn resetstat(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reset_stats();
    ctx.reply.ok();
    Ok(())
}

fn rewrite(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    rewrite_file(ctx, false)
}

/// Brings the configuration's file up to date, `with_defaults` too.
pub(crate) fn rewrite_file(ctx: &mut Context<'_>, with_defaults: bool) -> Result<()> {
    let mut settings = ctx.config.written();
    if with_defaults {
        settings.iter_mut().for_each(|setting| setting.is_default = false);
    }
    // Users that have a file of their own don't stand in this one.
    let users = (!ctx.users.has_file()).then(|| ctx.users.lines());
    let Some(file) = &mut ctx.config.file else {
        return Err(Error::new("ERR The server is running without a config file"));
    };
    file.rewrite(&settings, users.as_deref())
        .map_err(|why| Error::owned(format!("ERR Rewriting config file: {why}")))?;
    ctx.reply.ok();
    Ok(())
}
