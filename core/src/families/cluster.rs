//! CLUSTER, READONLY and READWRITE, of which clients and tools ask whether there is a cluster. There is none here, and they
//! are told so, in whatever way they ask.

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

const fn row(name: &'static str) -> Command {
    Command::new(Group::Connection, name, 1, Flags::FAST.and(Flags::SERVER_ONLY), Keys::None, refuse)
}

/// What asks about a cluster.
const fn asking(name: &'static str, arity: i32) -> Command {
    Command::new(Group::Server, name, arity, Flags::SERVER_ONLY, Keys::None, refuse).inside("cluster")
}

/// What changes one.
const fn changing(name: &'static str, arity: i32) -> Command {
    Command::new(Group::Server, name, arity, Flags::ADMIN.and(Flags::SERVER_ONLY), Keys::None, refuse).inside("cluster")
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "cluster", -2, Flags::SERVER_ONLY, Keys::None, super::help::container)
        .doc("3.0.0", "Depends on subcommand", "", "A container for Redis Cluster commands, which are all refused: there is no cluster.")
        .with(&[
            changing("addslots", -3)
                .doc("3.0.0", "O(N) where N is the number of slots", "slot [slot ...]", "Assigns hash slots to a node."),
            changing("addslotsrange", -4)
                .doc("7.0.0", "O(N) where N is the number of slots", "<start-slot end-slot> [start-slot end-slot ...]", "Assigns ranges of hash slots to a node."),
            changing("bumpepoch", 2)
                .doc("3.0.0", "O(1)", "", "Advances the configuration epoch of a cluster."),
            changing("count-failure-reports", 3)
                .doc("3.0.0", "O(N) where N is the number of failure reports", "node-id", "Counts the failure reports about a node."),
            asking("countkeysinslot", 3)
                .doc("3.0.0", "O(1)", "slot", "Counts the keys in a hash slot."),
            changing("delslots", -3)
                .doc("3.0.0", "O(N) where N is the number of slots", "slot [slot ...]", "Takes hash slots from a node."),
            changing("delslotsrange", -4)
                .doc("7.0.0", "O(N) where N is the number of slots", "<start-slot end-slot> [start-slot end-slot ...]", "Takes ranges of hash slots from a node."),
            changing("failover", -2)
                .doc("3.0.0", "O(1)", "[FORCE | TAKEOVER]", "Lets a replica take the place of its primary."),
            changing("flushslots", 2)
                .doc("3.0.0", "O(1)", "", "Takes all hash slots from a node."),
            changing("forget", 3)
                .doc("3.0.0", "O(1)", "node-id", "Removes a node from the table of nodes."),
            asking("getkeysinslot", 4)
                .doc("3.0.0", "O(N) where N is the number of keys asked for", "slot count", "Returns keys in a hash slot."),
            asking("help", 2)
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            asking("info", 2)
                .doc("3.0.0", "O(1)", "", "Returns the state of the cluster."),
            asking("keyslot", 3)
                .doc("3.0.0", "O(N) where N is the number of bytes in the key", "key", "Returns the hash slot of a key."),
            asking("links", 2)
                .doc("7.0.0", "O(N) where N is the number of nodes", "", "Returns the links between nodes."),
            changing("meet", -4)
                .doc("3.0.0", "O(1)", "ip port [cluster-bus-port]", "Makes a node join a cluster."),
            asking("myid", 2)
                .doc("3.0.0", "O(1)", "", "Returns the id of the node."),
            asking("nodes", 2)
                .doc("3.0.0", "O(N) where N is the number of nodes", "", "Returns what the node knows of the cluster."),
            changing("replicas", 3)
                .doc("5.0.0", "O(N) where N is the number of replicas", "node-id", "Returns the replicas of a node."),
            changing("replicate", 3)
                .doc("3.0.0", "O(1)", "node-id", "Makes a node the replica of another."),
            Command::new(Group::Server, "reset", -2, Flags::ADMIN.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT), Keys::None, refuse)
                .inside("cluster")
                .doc("3.0.0", "O(N) where N is the number of known nodes", "[HARD | SOFT]", "Makes a node forget its cluster."),
            changing("saveconfig", 2)
                .doc("3.0.0", "O(1)", "", "Saves the configuration of the cluster."),
            changing("set-config-epoch", 3)
                .doc("3.0.0", "O(1)", "config-epoch", "Sets the configuration epoch of a new node."),
            changing("setslot", -4)
                .doc("3.0.0", "O(1)", "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>", "Binds a hash slot to a node."),
            asking("shards", 2)
                .doc("7.0.0", "O(N) where N is the number of nodes", "", "Returns the shards of the cluster."),
            changing("slaves", 3)
                .doc("3.0.0", "O(N) where N is the number of replicas", "node-id", "Returns the replicas of a node."),
            asking("slots", 2)
                .doc("3.0.0", "O(N) where N is the number of nodes", "", "Returns which node has which hash slots."),
        ]),
    row("readonly")
        .doc("3.0.0", "O(1)", "", "Enables read-only queries for a connection to a Redis Cluster replica node."),
    row("readwrite")
        .doc("3.0.0", "O(1)", "", "Enables read-write queries for a connection to a Redis Cluster replica node."),
];

fn refuse(_: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::new("ERR This instance has cluster support disabled"))
}
