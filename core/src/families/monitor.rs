//! MONITOR: a connection that is told of every call, as it is made.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

const FLAGS: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::SERVER_ONLY);

/// The family's row.
pub const COMMANDS: &[Command] = &[Command::new(Group::Server, "monitor", 1, FLAGS, Keys::None, monitor).doc(
    "1.0.0",
    "O(1)",
    "",
    "Listens for all requests received by the server in real-time.",
)];

fn monitor(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    if !ctx.may_wait {
        return Err(Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    ctx.sessions.monitors.insert(ctx.session);
    ctx.reply.ok();
    Ok(())
}
