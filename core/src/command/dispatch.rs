//! From words to a handler: lookup, arity, transactions.

use alloc::{format, string::String};

use super::{Args, Command, Context, Flags, Group, Keys, table};
use crate::{
    error::{Error, Result},
    families::transactions,
    session::Queued,
};

/// The row that `args` call: of a container's subcommand the inner one, with the number of words of its name.
///
/// # Errors
/// Redis's texts for an unknown command or subcommand and for a wrong number of arguments.
pub(crate) fn find_row(args: &[&[u8]]) -> Result<(&'static Command, usize)> {
    let Some(name) = args.first() else { return Err(Error::new("ERR empty command")) };
    let Some(row) = table::find(name) else { return Err(unknown_command(args)) };
    if !row.subcommands.is_empty()
        && let Some(word) = args.get(1)
    {
        let Some(inner) = row.subcommand(word) else {
            return Err(Error::owned(format!(
                "ERR unknown subcommand '{}'. Try {} HELP.",
                shown(word, 128),
                row.name.to_ascii_uppercase()
            )));
        };
        return match inner.accepts(args.len()) {
            true => Ok((inner, 2)),
            false => Err(Error::arity(&inner.full_name())),
        };
    }
    if !row.accepts(args.len()) {
        return Err(Error::arity(row.name));
    }
    Ok((row, 1))
}

/// What [`find_row`] says.
type Found = Result<(&'static Command, usize)>;

/// Runs a call, whose row has been looked up, or queues it where a transaction is open. Whatever happens, exactly one
/// reply is written.
pub(crate) fn dispatch(ctx: &mut Context<'_>, args: &[&[u8]], found: Found) {
    let errors = ctx.stats.errors;
    let mut outcome = admit(ctx, args, found);
    if let Err(why) = &outcome {
        #[cfg(feature = "server")]
        ctx.account_rejected(args);
        // An EXEC that isn't admitted ends the transaction all the same.
        if args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"exec")) {
            outcome = Err(transactions::abort(ctx, why));
            #[cfg(feature = "server")]
            ctx.tell_monitors(&ABORTED, args);
        } else if let Some(transaction) = &mut ctx.session().transaction {
            transaction.aborted = true;
        }
    }
    let outcome = match outcome {
        Ok(Some(row)) => run(ctx, row, args),
        // It waits for the end of a pause.
        Ok(None) if ctx.wait.is_some() => Ok(()),
        Ok(None) => {
            ctx.reply.simple("QUEUED");
            Ok(())
        }
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        // A script hands on an error of one of its commands, which was counted there.
        if ctx.stats.errors == errors {
            ctx.stats.count_error(&error);
        }
        ctx.reply.error(&error);
    }
}

/// What is to run now, or `None` if the call was queued or has to wait.
fn admit(ctx: &mut Context<'_>, args: &[&[u8]], found: Found) -> Result<Option<&'static Command>> {
    let (row, _) = found?;
    let limit = ctx.limits.queued_bytes_max;
    #[cfg(feature = "server")]
    if !ctx.session().trusted {
        ctx.check_caller(row, args)?;
    }
    #[cfg(feature = "server")]
    if row.flags.has(Flags::DEBUGS) {
        ctx.check_debugging()?;
    }
    check_writable(ctx, row)?;
    #[cfg(feature = "server")]
    ctx.admit_memory(row)?;
    #[cfg(feature = "server")]
    check_listening(ctx, row)?;
    #[cfg(feature = "server")]
    if ctx.data.is_paused && ctx.postpone(row, args) {
        return Ok(None);
    }
    let session = ctx.session();
    match &mut session.transaction {
        Some(transaction) if !row.flags.has(Flags::NO_QUEUE) => {
            if row.flags.has(Flags::NO_MULTI) {
                return Err(Error::new("ERR Command not allowed inside a transaction"));
            }
            transaction.queue(Queued::new(args), limit)?;
            Ok(None)
        }
        _ => Ok(Some(row)),
    }
}

/// Runs a row's handler for a call, the name first.
pub(crate) fn run(ctx: &mut Context<'_>, row: &'static Command, call: &[&[u8]]) -> Result<()> {
    check_writable(ctx, row)?;
    ctx.row = row;
    ctx.data.writing = row.flags.has(Flags::WRITE);
    ctx.stats.commands += 1;
    let words = call.get(row.name_words()..).unwrap_or_default();
    // What a script calls comes after the script itself.
    #[cfg(feature = "server")]
    if ctx.data.happenings.is_some() && row.group == Group::Scripting {
        ctx.tell_monitors(row, call);
    }
    #[cfg(feature = "server")]
    let start = ctx.begin();
    let outcome = (row.handler)(ctx, &mut Args::new(words));
    #[cfg(feature = "server")]
    {
        if ctx.data.happenings.is_some() {
            if row.group != Group::Scripting {
                ctx.tell_monitors(row, call);
            }
            ctx.notify(row, call);
        }
        ctx.account(row, call, start, outcome.is_err());
    }
    outcome
}

/// Refuses what a connection that listens in RESP2 may not call: its reply couldn't be told from messages.
#[cfg(feature = "server")]
fn check_listening(ctx: &mut Context<'_>, row: &Command) -> Result<()> {
    let session = ctx.session();
    let is_bound = session.protocol == crate::resp::Protocol::Resp2 && !session.listening.is_empty();
    let is_allowed = row.group == Group::PubSub && row.flags.has(Flags::CONNECTION)
        || row.container.is_empty() && matches!(row.name, "ping" | "quit" | "reset");
    match is_bound && !is_allowed {
        true => Err(Error::owned(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            row.full_name()
        ))),
        false => Ok(()),
    }
}

/// Refuses a write where the shell has said that it can't keep one.
fn check_writable(ctx: &Context<'_>, row: &Command) -> Result<()> {
    match ctx.refusal {
        Some(refusal) if row.flags.has(Flags::WRITE) => Err(refusal.clone()),
        _ => Ok(()),
    }
}

fn unknown_command(args: &[&[u8]]) -> Error {
    let mut text = String::new();
    for word in args.iter().skip(1) {
        if text.len() >= 128 {
            break;
        }
        let room = 128 - text.len();
        text += &format!("'{}' ", shown(word, room));
    }
    let name = args.first().map(|name| shown(name, 128)).unwrap_or_default();
    Error::owned(format!("ERR unknown command '{name}', with args beginning with: {text}"))
}

fn shown(word: &[u8], bytes_max: usize) -> String {
    String::from_utf8_lossy(word.get(..word.len().min(bytes_max)).unwrap_or_default()).into_owned()
}

/// An `EXEC` that didn't come to run, as those who are told of calls see it.
#[cfg(feature = "server")]
static ABORTED: Command =
    Command::new(Group::Transactions, "exec", 1, Flags(0), Keys::None, |_, _| Err(Error::EXEC_ABORTED));

/// The row that stands in the context while a name that is no command is answered.
pub(crate) static UNKNOWN: Command =
    Command::new(Group::Server, "unknown", -1, Flags(0), Keys::None, |_, _| Err(Error::new("ERR unknown command")));
