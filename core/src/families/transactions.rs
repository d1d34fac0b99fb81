//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! A transaction's commands run one after the other in one call of the engine, so their effects are one record:
//! nobody ever sees half of it.

use alloc::format;

use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys, find_row, run},
    error::{Error, Result},
    limits::REPLY_BYTES_MAX,
    session::Watch,
};

const AT_ONCE: Flags = Flags::NO_QUEUE.and(Flags::NO_SCRIPT);

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Transactions, "multi", 1, Flags::FAST.and(AT_ONCE), Keys::None, multi).doc(
        "1.2.0",
        "O(1)",
        "",
        "Starts a transaction.",
    ),
    Command::new(Group::Transactions, "exec", 1, AT_ONCE, Keys::None, exec).doc(
        "1.2.0",
        "Depends on commands in the transaction",
        "",
        "Executes all commands in a transaction.",
    ),
    Command::new(Group::Transactions, "discard", 1, Flags::FAST.and(AT_ONCE), Keys::None, discard).doc(
        "2.0.0",
        "O(N), where N is the number of queued commands",
        "",
        "Discards a transaction.",
    ),
    Command::new(Group::Transactions, "watch", -2, Flags::FAST.and(AT_ONCE), Keys::ALL, watch)
        .doc(
            "2.2.0",
            "O(1) for every key",
            "key [key ...]",
            "Monitors changes to keys to determine the execution of a transaction.",
        )
        .accessing(Access::Existence),
    Command::new(Group::Transactions, "unwatch", 1, Flags::FAST.and(Flags::NO_SCRIPT), Keys::None, unwatch).doc(
        "2.2.0",
        "O(1)",
        "",
        "Forgets about watched keys of a transaction.",
    ),
];

fn multi(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let session = ctx.session();
    if session.transaction.is_some() {
        return Err(Error::new("ERR MULTI calls can not be nested"));
    }
    session.transaction = Some(Default::default());
    ctx.reply.ok();
    Ok(())
}

fn exec(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let Some(transaction) = ctx.session().transaction.take() else {
        return Err(Error::new("ERR EXEC without MULTI"));
    };
    let changed = release_watches(ctx);
    if transaction.aborted {
        return Err(Error::EXEC_ABORTED);
    }
    if changed {
        ctx.reply.null_array();
        return Ok(());
    }
    let start = ctx.reply.position();
    ctx.reply.array(transaction.commands.len());
    ctx.may_wait = false;
    for command in &transaction.commands {
        let words = command.words();
        let before = ctx.reply.position();
        let mut outcome = find_row(&words).and_then(|(row, _)| {
            #[cfg(feature = "server")]
            ctx.check_queued(row, &words)?;
            run(ctx, row, &words)
        });
        // It has run, as all of them do; only what it says is left out.
        if outcome.is_ok() && before - start > REPLY_BYTES_MAX {
            ctx.reply.truncate(before);
            outcome = Err(Error::REPLY_TOO_LONG);
        }
        if let Err(error) = outcome {
            ctx.stats.count_error(&error);
            ctx.reply.error(&error);
        }
    }
    Ok(())
}

/// Ends the transaction of an `EXEC` that can't even begin, and returns what it answers: not why alone, but that nothing
/// of the transaction has happened.
pub(crate) fn abort(ctx: &mut Context<'_>, why: &Error) -> Error {
    ctx.session().transaction = None;
    release_watches(ctx);
    let why = why.text();
    Error::owned(format!("EXECABORT Transaction discarded because of: {}", why.strip_prefix("ERR ").unwrap_or(why)))
}

fn discard(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    if ctx.session().transaction.take().is_none() {
        return Err(Error::new("ERR DISCARD without MULTI"));
    }
    release_watches(ctx);
    ctx.reply.ok();
    Ok(())
}

fn watch(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if ctx.session().transaction.is_some() {
        return Err(Error::new("ERR WATCH inside MULTI is not allowed"));
    }
    for key in args.rest() {
        let db = ctx.data.db_index();
        if ctx.session().watched.iter().any(|watch| watch.db == db && *watch.key == **key) {
            continue;
        }
        ctx.data.settle(key);
        let version = ctx.data.keyspace.watch(db, key);
        let session = ctx.session();
        session.watched.push(Watch { db, key: (*key).into(), version });
        #[cfg(feature = "server")]
        {
            session.watched_bytes += key.len();
        }
    }
    ctx.reply.ok();
    Ok(())
}

fn unwatch(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    release_watches(ctx);
    ctx.reply.ok();
    Ok(())
}

/// Ends every `WATCH` of the session. Returns whether one of the keys has changed, by expiring included.
fn release_watches(ctx: &mut Context<'_>) -> bool {
    let watched: alloc::vec::Vec<_> = ctx.session().watched.iter().map(|watch| (watch.db, watch.key.clone())).collect();
    for (db, key) in watched {
        ctx.data.within(db, |data| data.settle(&key));
    }
    let keyspace = &mut *ctx.data.keyspace;
    ctx.sessions.session_mut(ctx.session).unwatch(keyspace)
}
