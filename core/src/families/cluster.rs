//! READONLY and READWRITE: what connections to a cluster's replicas say. There is no cluster here, and they are told so.

use crate::{
    command::{Args, Command, Context, Flags, Group, Handler, Keys},
    error::{Error, Result},
};

const fn row(name: &'static str, handler: Handler) -> Command {
    Command::new(Group::Connection, name, 1, Flags::FAST.and(Flags::SERVER_ONLY), Keys::None, handler)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("readonly", refuse)
        .doc("3.0.0", "O(1)", "", "Enables read-only queries for a connection to a Redis Cluster replica node."),
    row("readwrite", refuse)
        .doc("3.0.0", "O(1)", "", "Enables read-write queries for a connection to a Redis Cluster replica node."),
];

fn refuse(_: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::new("ERR This instance has cluster support disabled"))
}
