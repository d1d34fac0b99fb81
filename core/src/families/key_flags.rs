//! What commands do to their keys, in the words of Redis's table: for `COMMAND INFO` and `COMMAND GETKEYSANDFLAGS`.
//!
//! `RO`, `RW`, `OW` and `RM` say whether a value is read, changed, overwritten or removed; `access`, `insert`, `update` and
//! `delete`, what becomes of what the user stored. The permissions of users follow from `command::access`, and not from this.

use crate::command::{Command, Flags, KeyUse};

/// Words for a key.
pub(super) type KeyFlags = &'static [&'static str];

const OW_INSERT: KeyFlags = &["OW", "insert"];
const OW_UPDATE: KeyFlags = &["OW", "update"];
const RM_DELETE: KeyFlags = &["RM", "delete"];
const RO: KeyFlags = &["RO"];
const RO_ACCESS: KeyFlags = &["RO", "access"];
const RW_ACCESS: KeyFlags = &["RW", "access"];
const RW_ACCESS_DELETE: KeyFlags = &["RW", "access", "delete"];
const RW_ACCESS_INSERT: KeyFlags = &["RW", "access", "insert"];
const RW_ACCESS_UPDATE: KeyFlags = &["RW", "access", "update"];
const RW_ANY: KeyFlags = &["RW", "access", "update", "variable_flags"];
const RW_DELETE: KeyFlags = &["RW", "delete"];
const RW_INSERT: KeyFlags = &["RW", "insert"];
const RW_UPDATE: KeyFlags = &["RW", "update"];

/// What a command does to its first key, and to those after it.
pub(super) fn of(row: &Command) -> [KeyFlags; 2] {
    let alike = |flags: KeyFlags| [flags, flags];
    match (row.container, row.name) {
        ("object", _) | ("memory", "usage") => alike(RO),
        ("xgroup", "create" | "createconsumer") => alike(RW_INSERT),
        ("xgroup", "delconsumer" | "destroy") => alike(RW_DELETE),
        ("xgroup", "setid") => alike(RW_UPDATE),
        ("", "msetnx" | "setnx") => alike(OW_INSERT),
        ("", "mset" | "psetex" | "restore" | "setex") => alike(OW_UPDATE),
        ("", "bitop" | "geosearchstore" | "sdiffstore" | "sunionstore" | "zdiffstore" | "zinterstore")
        | ("", "zrangestore" | "zunionstore") => [OW_UPDATE, RO_ACCESS],
        ("", "sinterstore") => [RW_UPDATE, RO_ACCESS],
        ("", "del" | "unlink") => alike(RM_DELETE),
        ("", "exists" | "hexists" | "hlen" | "hstrlen" | "llen" | "scard" | "sismember" | "strlen" | "touch")
        | ("", "type" | "watch" | "xlen" | "zcard") => alike(RO),
        ("", "copy") => [RO_ACCESS, OW_UPDATE],
        ("", "sort" | "georadius" | "georadiusbymember" | "xreadgroup") => alike(RO_ACCESS),
        ("", "pfcount" | "pfdebug") => alike(RW_ACCESS),
        ("", "blmpop" | "blpop" | "brpop" | "bzmpop" | "bzpopmax" | "bzpopmin" | "getdel" | "hgetdel" | "lmpop")
        | ("", "lpop" | "rpop" | "spop" | "zmpop" | "zpopmax" | "zpopmin" | "migrate") => alike(RW_ACCESS_DELETE),
        ("", "rename") => [RW_ACCESS_DELETE, OW_UPDATE],
        ("", "renamenx") => [RW_ACCESS_DELETE, OW_INSERT],
        ("", "blmove" | "brpoplpush" | "lmove" | "rpoplpush" | "smove") => [RW_ACCESS_DELETE, RW_INSERT],
        ("", "pfmerge") => [RW_ACCESS_INSERT, RO_ACCESS],
        ("", "eval" | "evalsha" | "fcall") => alike(RW_ACCESS_UPDATE),
        ("", "bitfield" | "set") => alike(RW_ANY),
        ("", "hdel" | "lrem" | "ltrim" | "srem" | "xautoclaim" | "xdel" | "xtrim" | "zrem" | "zremrangebylex")
        | ("", "zremrangebyrank" | "zremrangebyscore") => alike(RW_DELETE),
        ("", "append" | "hsetnx" | "linsert" | "lpush" | "lpushx" | "pfadd" | "rpush" | "rpushx" | "sadd") => {
            alike(RW_INSERT)
        }
        ("", "expire" | "expireat" | "geoadd" | "hmset" | "hset" | "lset" | "persist" | "pexpire" | "pexpireat")
        | ("", "hexpire" | "hexpireat" | "hpersist" | "hpexpire" | "hpexpireat" | "hsetex" | "setrange" | "xack")
        | ("", "xadd" | "xclaim" | "xsetid" | "zadd") => alike(RW_UPDATE),
        _ if row.flags.has(Flags::WRITE) => alike(RW_ACCESS_UPDATE),
        _ => alike(RO_ACCESS),
    }
}

/// What a call does to one of its keys, the how manieth it is.
pub(super) fn of_call(row: &Command, used: KeyUse, index: usize) -> KeyFlags {
    let [first, others] = of(row);
    match row.name {
        "bitfield" if !used.writes => RO_ACCESS,
        "set" if !used.reads => OW_UPDATE,
        "bitfield" | "set" => RW_ACCESS_UPDATE,
        // The key after STORE, which is the only one of these that is written to.
        "sort" | "georadius" | "georadiusbymember" if used.writes => OW_UPDATE,
        _ if index == 0 => first,
        _ => others,
    }
}
