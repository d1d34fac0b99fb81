//! WAIT and WAITAOF: waiting for writes to be safe.
//!
//! There are no replicas that acknowledge writes as those of Redis do, so of these there are none to wait for, and who
//! waits for one waits until the time is over. The log is another matter: `WAITAOF 1 …` is answered once all that was
//! written before has reached the disk, whatever the policy says.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys, Timeout},
    error::{Error, Result},
    num,
    session::{Errand, Otherwise},
};

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(
        Group::Generic,
        name,
        arity,
        Flags::SERVER_ONLY.and(Flags::BLOCKING).and(Flags::NO_SCRIPT),
        Keys::None,
        handler,
    )
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("wait", 3, wait)
        .doc("3.0.0", "O(1)", "numreplicas timeout", "Waits until so many replicas have acknowledged the writes of the connection: there are none, so it is a wait for the timeout."),
    row("waitaof", 4, waitaof)
        .doc("7.2.0", "O(1)", "numlocal numreplicas timeout", "Waits until the writes of the connection are on the local disk, and on those of so many replicas, of which there are none."),
];

fn wait(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (replicas, timeout) = (args.integer()?, Timeout::parse_ms(args.word()?)?);
    if replicas <= 0 || !ctx.may_wait() {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.wait_in_vain(timeout, Otherwise::Nobody)
}

fn waitaof(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let local = num::parse_i64(args.word()?).filter(|local| (0..=1).contains(local));
    let Some(local) = local else {
        return Err(Error::new("ERR value is out of range, must be between 0 and 1"));
    };
    if local > 0 && ctx.facts.no_log {
        return Err(Error::new("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."));
    }
    let (replicas, timeout) = (args.count()?, Timeout::parse_ms(args.word()?)?);
    // No reply goes out before it, neither this one nor that after the timeout.
    ctx.errands.push_back(Errand::Sync);
    if replicas == 0 || !ctx.may_wait() {
        Otherwise::OnlyLocal.write(&mut ctx.reply);
        return Ok(());
    }
    ctx.wait_in_vain(timeout, Otherwise::OnlyLocal)
}
