//! SAVE, BGSAVE, LASTSAVE, SHUTDOWN: asked of the engine, done by the shell.
//!
//! What a command did is in the shell's log before it is answered, so nothing depends on these: a snapshot shortens the
//! next start, and a shutdown only has to be orderly. A shell without a log keeps nothing but what these and the save points ask for.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num,
    session::Errand,
};

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    let flags = Flags::ADMIN.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT);
    Command::new(Group::Server, name, arity, flags, Keys::None, handler)
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("bgrewriteaof", 1, |ctx, _| save(ctx, "Background append only file rewriting started"))
        .doc("1.0.0", "O(1)", "", "Asynchronously rewrites the append-only file to disk."),
    row("bgsave", -1, bgsave)
        .doc("1.0.0", "O(1)", "[SCHEDULE]", "Asynchronously saves the database(s) to disk."),
    row("lastsave", 1, lastsave)
        .doc("1.0.0", "O(1)", "", "Returns the Unix timestamp of the last successful save to disk."),
    row("save", 1, |ctx, _| save(ctx, "OK")).adding(Flags::NO_MULTI)
        .doc("1.0.0", "O(N) where N is the total number of keys in all databases", "", "Saves the database(s) to disk."),
    row("shutdown", -1, shutdown).adding(Flags::NO_MULTI)
        .doc("1.0.0", "O(N) when saving, where N is the total number of keys in all databases, otherwise O(1)", "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]", "Synchronously saves the database(s) to disk and shuts down the server."),
];

fn save(ctx: &mut Context<'_>, reply: &str) -> Result<()> {
    ctx.errands.push_back(Errand::Save);
    ctx.reply.simple(reply);
    Ok(())
}

fn bgsave(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    args.take_if("SCHEDULE");
    args.end()?;
    save(ctx, "Background saving started")
}

fn lastsave(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let lines = ctx.facts.info.get("persistence").into_iter().flatten();
    let time =
        lines.filter(|(name, _)| *name == "rdb_last_save_time").find_map(|(_, time)| num::parse_i64(time.as_bytes()));
    ctx.reply.integer(time.unwrap_or(0));
    Ok(())
}

/// Closes the connection without a reply, as Redis does when it goes down.
fn shutdown(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (mut save, mut nosave, mut abort) = (false, false, false);
    while !args.is_empty() {
        if args.take_if("SAVE") {
            save = true;
        } else if args.take_if("NOSAVE") {
            nosave = true;
        } else if args.take_if("ABORT") {
            abort = true;
        } else if !args.take_if("NOW") && !args.take_if("FORCE") {
            return Err(Error::SYNTAX);
        }
    }
    if save && nosave || abort && (save || nosave) {
        return Err(Error::SYNTAX);
    }
    if abort {
        return Err(Error::new("ERR No shutdown in progress."));
    }
    if save {
        ctx.errands.push_back(Errand::Save);
    }
    ctx.errands.push_back(Errand::Shutdown { saves: !nosave });
    ctx.closing = true;
    Ok(())
}
