//! What stands in the table for commands that only a server answers, in a build without the feature `server`: their
//! names, so that they are refused as what they are and not as unknown.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

/// The rows.
pub const COMMANDS: &[Command] = &[
    row("acl"),
    row("bgrewriteaof"),
    row("bgsave"),
    row("client"),
    row("cluster"),
    row("command"),
    row("config"),
    row("debug"),
    row("dump"),
    row("eval"),
    row("eval_ro"),
    row("evalsha"),
    row("evalsha_ro"),
    row("fcall"),
    row("fcall_ro"),
    row("function"),
    row("info"),
    row("lastsave"),
    row("latency"),
    row("migrate"),
    row("module"),
    row("monitor"),
    row("psubscribe"),
    row("publish"),
    row("pubsub"),
    row("punsubscribe"),
    row("readonly"),
    row("readwrite"),
    row("replicaof"),
    row("restore"),
    row("save"),
    row("script"),
    row("shutdown"),
    row("slaveof"),
    row("slowlog"),
    row("spublish"),
    row("ssubscribe"),
    row("subscribe"),
    row("sunsubscribe"),
    row("unsubscribe"),
    row("wait"),
    row("waitaof"),
];

const fn row(name: &'static str) -> Command {
    Command::new(Group::Server, name, -1, Flags::ADMIN.and(Flags::SERVER_ONLY), Keys::None, refuse)
}

fn refuse(_: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::new("ERR this build has no server in it"))
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use alloc::vec::Vec;

    use super::COMMANDS;
    use crate::{command::Flags, families};

    #[test]
    fn the_names_are_those_of_what_is_left_out() {
        let families = [
            families::acl::COMMANDS,
            families::client::COMMANDS,
            families::cluster::COMMANDS,
            families::command::COMMANDS,
            families::config::COMMANDS,
            families::debug::COMMANDS,
            families::dump::COMMANDS,
            families::info::COMMANDS,
            families::latency::COMMANDS,
            families::modules::COMMANDS,
            families::monitor::COMMANDS,
            families::persistence::COMMANDS,
            families::pubsub::COMMANDS,
            families::replication::COMMANDS,
            families::scripting::COMMANDS,
            families::slowlog::COMMANDS,
            families::wait::COMMANDS,
        ];
        let mut names: Vec<&str> = families.iter().copied().flatten().map(|row| row.name).collect();
        names.sort_unstable();
        assert_eq!(names, COMMANDS.iter().map(|row| row.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_replica_refuses_them_in_every_build() {
        for row in COMMANDS {
            let row = crate::command::table::find(row.name.as_bytes()).unwrap();
            assert!(row.flags.has(Flags::SERVER_ONLY) || row.flags.has(Flags::ADMIN), "{}", row.name);
        }
    }
}
