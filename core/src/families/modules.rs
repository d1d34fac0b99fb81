//! MODULE: there are none, and none can be loaded.

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Handler, Keys},
    error::{Error, Result},
};

const FLAGS: Flags = Flags::ADMIN.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT);

const fn row(name: &'static str, arity: i32, handler: Handler) -> Command {
    Command::new(Group::Server, name, arity, FLAGS, Keys::None, handler).inside("module")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "module", -2, Flags::SERVER_ONLY, Keys::None, super::help::container)
        .doc("4.0.0", "Depends on subcommand", "", "A container for module commands. Modules aren't offered.")
        .with(&[
            Command::new(Group::Server, "help", 2, Flags::SERVER_ONLY, Keys::None, reply_help)
                .inside("module")
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("list", 2, |ctx, _| { ctx.reply.array(0); Ok(()) })
                .doc("4.0.0", "O(N) where N is the number of loaded modules", "", "Returns the loaded modules: none."),
            row("load", -3, refuse)
                .doc("4.0.0", "O(1)", "path [arg [arg ...]]", "Is refused."),
            row("loadex", -3, refuse)
                .doc("7.0.0", "O(1)", "path [CONFIG name value [CONFIG name value ...]] [ARGS arg [arg ...]]", "Is refused."),
            row("unload", 3, refuse)
                .doc("4.0.0", "O(1)", "name", "Is refused."),
        ]),
];

fn refuse(_: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::new("ERR MODULE command not allowed: this server has no modules, and loads none"))
}
