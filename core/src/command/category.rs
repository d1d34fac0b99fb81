//! The categories that access lists put commands in. They follow from a row's family and flags; the few commands that
//! Redis puts elsewhere are named here.

use super::{Command, Flags, Group};

/// All categories, in Redis's order. Each is a bit, whether or not a command of ours is in it.
pub const CATEGORIES: [&str; 21] = [
    "@keyspace",
    "@read",
    "@write",
    "@set",
    "@sortedset",
    "@list",
    "@hash",
    "@string",
    "@bitmap",
    "@hyperloglog",
    "@geo",
    "@stream",
    "@pubsub",
    "@admin",
    "@fast",
    "@slow",
    "@blocking",
    "@dangerous",
    "@connection",
    "@transaction",
    "@scripting",
];

const KEYSPACE: u32 = 1;
const READ: u32 = 1 << 1;
const WRITE: u32 = 1 << 2;
const SET: u32 = 1 << 3;
const SORTED_SET: u32 = 1 << 4;
const LIST: u32 = 1 << 5;
const HASH: u32 = 1 << 6;
const STRING: u32 = 1 << 7;
const BITMAP: u32 = 1 << 8;
const HYPERLOGLOG: u32 = 1 << 9;
const GEO: u32 = 1 << 10;
const STREAM: u32 = 1 << 11;
const PUBSUB: u32 = 1 << 12;
const ADMIN: u32 = 1 << 13;
const FAST: u32 = 1 << 14;
const SLOW: u32 = 1 << 15;
const BLOCKING: u32 = 1 << 16;
const DANGEROUS: u32 = 1 << 17;
const CONNECTION: u32 = 1 << 18;
const TRANSACTION: u32 = 1 << 19;
const SCRIPTING: u32 = 1 << 20;

impl Command {
    /// The ACL categories that the command is in, each once, in their order.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> {
        let bits = self.category_bits();
        CATEGORIES.into_iter().enumerate().filter(move |(place, _)| bits >> place & 1 == 1).map(|(_, name)| name)
    }

    /// The categories as bits in the order of [`CATEGORIES`].
    pub(crate) fn category_bits(&self) -> u32 {
        let flags = self.flags;
        let speed = if flags.has(Flags::FAST) { FAST } else { SLOW };
        let by_flag = [
            (Flags::READ, if self.group == Group::Scripting { 0 } else { READ }),
            (Flags::WRITE, WRITE),
            (Flags::ADMIN, ADMIN | DANGEROUS),
            (Flags::DANGEROUS, DANGEROUS),
            (Flags::BLOCKING, BLOCKING),
        ];
        let by_flag = by_flag.into_iter().filter(|(flag, _)| flags.has(*flag)).fold(speed, |all, (_, bits)| all | bits);
        match (self.container, self.name) {
            // What is called is one of its subcommands. DEBUG has none in Redis's table.
            ("", name) if !self.subcommands.is_empty() && !matches!(name, "command" | "debug") => speed,
            ("config" | "pubsub", "help") => speed,
            ("command", _) | ("", "command") => by_flag | CONNECTION,
            ("memory", "usage") => by_flag,
            ("", "sort" | "sort_ro") => by_flag | SET | SORTED_SET | LIST,
            ("", "role") => by_flag | ADMIN | DANGEROUS,
            ("", "lolwut") => by_flag | READ,
            _ => by_flag | self.family_bit(),
        }
    }

    /// The category that every command of the family is in; the server's have none in common.
    const fn family_bit(&self) -> u32 {
        match self.group {
            Group::Generic => KEYSPACE,
            Group::String => STRING,
            Group::Bitmap => BITMAP,
            Group::List => LIST,
            Group::Set => SET,
            Group::SortedSet => SORTED_SET,
            Group::Hash => HASH,
            Group::Geo => GEO,
            Group::HyperLogLog => HYPERLOGLOG,
            Group::Stream => STREAM,
            Group::PubSub => PUBSUB,
            Group::Transactions => TRANSACTION,
            Group::Scripting => SCRIPTING,
            Group::Connection => CONNECTION,
            // The commands on whole databases.
            Group::Server if self.flags.has(Flags::READ) || self.flags.has(Flags::WRITE) => KEYSPACE,
            Group::Server => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crate::command::table;

    #[test]
    fn the_commands_that_redis_puts_elsewhere_are_there() {
        let check = |name: &str, expected: &[&str]| {
            let (container, inner) = name.split_once('|').unwrap_or((name, ""));
            let row = table::find(container.as_bytes()).unwrap();
            let row = row.subcommands.iter().find(|row| row.name == inner).unwrap_or(row);
            assert_eq!(row.categories().collect::<Vec<_>>(), expected, "{name}");
        };
        check("get", &["@read", "@string", "@fast"]);
        check("sort", &["@write", "@set", "@sortedset", "@list", "@slow", "@dangerous"]);
        check("eval_ro", &["@slow", "@scripting"]);
        check("config", &["@slow"]);
        check("config|help", &["@slow"]);
        check("config|set", &["@admin", "@slow", "@dangerous"]);
        check("command|info", &["@slow", "@connection"]);
        check("subscribe", &["@pubsub", "@slow"]);
        check("memory|usage", &["@read", "@slow"]);
        check("debug", &["@admin", "@slow", "@dangerous"]);
        check("role", &["@admin", "@fast", "@dangerous"]);
        check("flushall", &["@keyspace", "@write", "@slow", "@dangerous"]);
        check("blpop", &["@write", "@list", "@slow", "@blocking"]);
    }
}
