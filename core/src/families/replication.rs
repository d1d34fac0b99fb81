//! REPLICAOF and SLAVEOF, by which a tool makes sure that a server follows nobody. This one never does; what replicas there
//! are connect to it by themselves.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

const fn row(name: &'static str) -> Command {
    let flags = Flags::ADMIN.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT);
    Command::new(Group::Server, name, 3, flags, Keys::None, replicaof)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("replicaof")
        .doc("5.0.0", "O(1)", "<NO ONE | host port>", "Confirms that the server follows no other; to follow one is refused."),
    row("slaveof")
        .doc("1.0.0", "O(1)", "<NO ONE | host port>", "Confirms that the server follows no other; to follow one is refused."),
];

fn replicaof(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (host, port) = (args.word()?, args.word()?);
    if !host.eq_ignore_ascii_case(b"no") || !port.eq_ignore_ascii_case(b"one") {
        return Err(Error::new("ERR this server can't follow another one: it is always a master"));
    }
    ctx.reply.ok();
    Ok(())
}
