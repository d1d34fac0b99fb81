//! `HELP` of the containers (`OBJECT HELP`, `CONFIG HELP`, …), made from their rows.

use alloc::format;

use crate::{
    command::{Args, Context, table},
    error::{Error, Result},
};

/// Replies with every subcommand of the container that is running, its arguments and what it does.
pub(crate) fn reply_help(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let Some(container) = table::find(ctx.row.container.as_bytes()) else { return Err(Error::SYNTAX) };
    let name = container.name.to_ascii_uppercase();
    ctx.reply.array(1 + 2 * container.subcommands.len());
    ctx.reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for row in container.subcommands {
        let head = format!("{} {}", row.name.to_ascii_uppercase(), row.syntax);
        ctx.reply.simple(head.trim_end());
        ctx.reply.simple(&format!("    {}", row.summary));
    }
    Ok(())
}

/// What a container answers when it is called without a subcommand; its arity rules that out.
pub(crate) fn container(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::arity(ctx.row.name))
}
