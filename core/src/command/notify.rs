//! Keyspace notifications: what became of a key, told on channels named after it (`__keyspace@0__:key`) and after the
//! event (`__keyevent@0__:del`).
//!
//! They follow from the effects, so no handler knows of them: an effect says what kind of change it was, and where one
//! kind has several names in Redis, the command that made it says which. What clients that cache keys are told follows
//! from them in the same place.

use alloc::{boxed::Box, format, vec::Vec};

use super::{Command, Context, Flags, Group};
use crate::{
    effect::{Change, Effect, Removal},
    keyspace::{Keyspace, Value},
    session::{Sessions, Topic},
    types::{
        hash::HashChange,
        list::{ListChange, Side},
        set::SetChange,
        stream::StreamChange,
        string::{Expiry, StringChange},
        zset::ZSetChange,
    },
};

/// What happened to a key.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    db: u8,
    key: Box<[u8]>,
    class: u16,
    event: &'static str,
    /// It wasn't there before.
    is_new: bool,
    /// It was a collection, and nothing is left of it.
    is_gone: bool,
    /// It has a deadline now.
    expires: bool,
    /// The database was emptied, and all of its keys are gone.
    is_flush: bool,
}

impl Happening {
    /// What an effect is going to do.
    pub(crate) fn before(keyspace: &Keyspace, db: u8, effect: &Effect<'_>) -> Self {
        let is_flush = matches!(effect.change, Change::Flush);
        let value = keyspace.db(db).find(&effect.key).map(|entry| entry.value);
        let (class, event) = event_of(&effect.change, value);
        let expires = matches!(effect.change, Change::String(StringChange::Set { expiry: Expiry::At(_), .. }));
        Self {
            db,
            key: effect.key.as_ref().into(),
            class,
            event,
            is_new: value.is_none() && !is_flush,
            is_gone: false,
            expires,
            is_flush,
        }
    }

    /// What it has done.
    pub(crate) fn after(mut self, keyspace: &Keyspace) -> Self {
        self.is_gone = !self.is_flush && self.event != "del" && keyspace.db(self.db).find(&self.key).is_none();
        self
    }

    /// Whether those who track keys are to be told, though nothing may have changed: a cache that holds a key's absence
    /// drops that, too, when all is emptied.
    pub(super) fn is_told_unchanged(&self) -> bool {
        self.is_flush
    }

    /// Whether it came of itself: no command's doing, whichever met it.
    fn is_of_itself(&self) -> bool {
        self.class == EXPIRED || self.class == EVICTED || self.event == "hexpired"
    }
}

/// The kind of a change and what it is called, if the command doesn't know better. An empty name is told to nobody.
fn event_of(change: &Change<'_>, value: Option<Value<'_>>) -> (u16, &'static str) {
    match change {
        Change::Flush => (0, ""),
        Change::Delete(Removal::Deleted) => (GENERIC, "del"),
        Change::Delete(Removal::Expired) => (EXPIRED, "expired"),
        Change::Delete(Removal::Evicted) => (EVICTED, "evicted"),
        Change::Put(_) => (GENERIC, ""),
        Change::ExpireAt(_) => (GENERIC, "expire"),
        Change::Persist => (GENERIC, "persist"),
        Change::String(StringChange::Set { .. }) => (STRING, "set"),
        Change::String(StringChange::Append(_)) => (STRING, "append"),
        Change::String(StringChange::Splice { .. }) => (STRING, "setrange"),
        Change::List(ListChange::Push { side: Side::Left, .. }) => (LIST, "lpush"),
        Change::List(ListChange::Push { side: Side::Right, .. }) => (LIST, "rpush"),
        Change::List(ListChange::Pop { side: Side::Left, .. }) => (LIST, "lpop"),
        Change::List(ListChange::Pop { side: Side::Right, .. }) => (LIST, "rpop"),
        Change::List(ListChange::Set { .. }) => (LIST, "lset"),
        Change::List(ListChange::Insert { .. }) => (LIST, "linsert"),
        Change::List(ListChange::Remove { .. }) => (LIST, "lrem"),
        Change::List(ListChange::Trim { .. }) => (LIST, "ltrim"),
        Change::Set(SetChange::Add(_)) => (SET, "sadd"),
        Change::Set(SetChange::Remove(_)) => (SET, "srem"),
        Change::Hash(HashChange::Set(_) | HashChange::SetKeeping(_)) => (HASH, "hset"),
        Change::Hash(HashChange::Remove(_)) => (HASH, "hdel"),
        Change::Hash(HashChange::Expire(_)) => (HASH, "hexpired"),
        Change::Hash(HashChange::ExpireAt { .. }) => (HASH, "hexpire"),
        Change::Hash(HashChange::Persist(_)) => (HASH, "hpersist"),
        Change::ZSet(ZSetChange::Set(_)) => (ZSET, "zadd"),
        Change::ZSet(ZSetChange::Remove(_)) => (ZSET, "zrem"),
        Change::Stream(change) => (STREAM, event_of_stream(change, value)),
    }
}

fn event_of_stream(change: &StreamChange<'_>, value: Option<Value<'_>>) -> &'static str {
    let is_new = |group: &[u8], consumer: &[u8]| match value {
        Some(Value::Stream(stream)) => stream.group(group).is_some_and(|group| group.consumer(consumer).is_none()),
        _ => false,
    };
    match change {
        StreamChange::Add { .. } => "xadd",
        StreamChange::Trim(_) => "xtrim",
        StreamChange::Delete(_) => "xdel",
        StreamChange::SetHead { .. } => "xsetid",
        StreamChange::CreateGroup { .. } => "xgroup-create",
        StreamChange::SetGroup { .. } => "xgroup-setid",
        StreamChange::DestroyGroup(_) => "xgroup-destroy",
        StreamChange::DeleteConsumer { .. } => "xgroup-delconsumer",
        StreamChange::Read { group, consumer, .. } | StreamChange::Deliver { group, consumer, .. }
            if is_new(group, consumer) =>
        {
            "xgroup-createconsumer"
        }
        _ => "",
    }
}

/// What the command that made a change calls it.
fn named(row: &Command, call: &[&[u8]], happening: &Happening) -> (u16, &'static str) {
    let has = |option: &str| call.iter().skip(1).any(|word| word.eq_ignore_ascii_case(option.as_bytes()));
    let (class, event) = (happening.class, happening.event);
    match (event, row.name) {
        ("del", "rename" | "renamenx") => (GENERIC, "rename_from"),
        ("del", "move") => (GENERIC, "move_from"),
        ("", "rename" | "renamenx") => (GENERIC, "rename_to"),
        ("", "move") => (GENERIC, "move_to"),
        ("", "copy") => (GENERIC, "copy_to"),
        ("", "restore") => (GENERIC, "restore"),
        ("", "sort") => (LIST, "sortstore"),
        ("", "sunionstore" | "sinterstore" | "sdiffstore") => (SET, row.name),
        ("", "georadius" | "georadiusbymember") => (ZSET, "georadiusstore"),
        ("", "zunionstore" | "zinterstore" | "zdiffstore" | "zrangestore" | "geosearchstore") => (ZSET, row.name),
        ("set" | "append" | "setrange", "incr" | "decr" | "incrby" | "decrby") => (STRING, "incrby"),
        ("set" | "append" | "setrange", "incrbyfloat") => (STRING, "incrbyfloat"),
        ("set" | "append" | "setrange", "pfadd" | "pfmerge") => (STRING, "pfadd"),
        ("set" | "append" | "setrange", "setbit" | "bitfield") => (STRING, "setbit"),
        ("set" | "setrange", "append") => (STRING, "append"),
        ("set" | "append", "setrange") => (STRING, "setrange"),
        ("setrange", "pfcount") | ("set", "pfdebug") => (STRING, ""),
        (_, "ltrim" | "lrem" | "linsert") if class == LIST => (LIST, row.name),
        ("srem", "spop") => (SET, "spop"),
        ("hset", "hincrby" | "hincrbyfloat") => (HASH, row.name),
        ("zadd", "zincrby") => (ZSET, "zincr"),
        ("zadd", "zadd") if has("INCR") => (ZSET, "zincr"),
        ("zrem", "zpopmin" | "bzpopmin") => (ZSET, "zpopmin"),
        ("zrem", "zpopmax" | "bzpopmax") => (ZSET, "zpopmax"),
        ("zrem", "zmpop" | "bzmpop") => (ZSET, if has("MIN") { "zpopmin" } else { "zpopmax" }),
        ("zrem", "zremrangebyscore" | "zremrangebyrank" | "zremrangebylex") => (ZSET, row.name),
        ("xgroup-setid", "xreadgroup") | ("xsetid", "xadd" | "xdel" | "xtrim") => (STREAM, ""),
        _ => (class, event),
    }
}

impl Context<'_> {
    /// Tells whoever listens what a command did.
    #[cold]
    pub(super) fn notify(&mut self, row: &Command, call: &[&[u8]]) {
        let Some(happenings) = &mut self.data.happenings else { return };
        let happenings = core::mem::take(happenings);
        if self.sessions.tracking.is_active() {
            self.invalidate(&happenings);
            self.remember_reads(row, call);
        }
        if happenings.is_empty() {
            return;
        }
        let wanted = self.config.events();
        tell(self.sessions, wanted, happenings.into_iter().map(|happening| (named(row, call, &happening), happening)));
    }

    /// Tells those who track what the command changed, before it is remembered what it has read.
    fn invalidate(&mut self, happenings: &[Happening]) {
        let me = self.session().id;
        if happenings.iter().any(|happening| happening.is_flush) {
            self.sessions.invalidate_all();
        }
        for happening in happenings.iter().filter(|happening| !happening.is_flush) {
            self.sessions.invalidate(&happening.key, Some(me).filter(|_| !happening.is_of_itself()));
        }
    }

    /// Remembers which keys the command has read, for whom tracks them. What a script's command reads the script has
    /// read, and with it all keys that the script was given: what it makes of one may depend on the others.
    fn remember_reads(&mut self, row: &Command, call: &[&[u8]]) {
        let reads = match row.group {
            Group::Scripting => core::mem::take(&mut self.data.lookups.in_script),
            _ => row.flags.has(Flags::READ),
        };
        if !reads || !self.sessions.tracks_reads(self.session) {
            return;
        }
        for position in row.key_positions(call) {
            if let Some(key) = call.get(position) {
                self.sessions.remember_read(self.session, key);
            }
        }
        self.data.lookups.in_script |= self.in_script;
    }
}

/// Tells whoever listens what happened of itself.
pub(crate) fn notify(sessions: &mut Sessions, wanted: u16, happening: Happening) {
    if sessions.tracking.is_active() {
        sessions.invalidate(&happening.key, None);
    }
    tell(sessions, wanted, core::iter::once(((happening.class, happening.event), happening)));
}

fn tell(sessions: &mut Sessions, wanted: u16, happenings: impl Iterator<Item = ((u16, &'static str), Happening)>) {
    if wanted == 0 {
        return;
    }
    // One command changes a key in several steps, and that is one event.
    let mut told: Vec<(u8, Box<[u8]>, &str)> = Vec::new();
    for ((class, event), Happening { db, key, is_new, is_gone, expires, .. }) in happenings {
        let steps =
            [(is_new, NEW, "new"), (true, class, event), (expires, GENERIC, "expire"), (is_gone, GENERIC, "del")];
        for (happened, class, event) in steps {
            let is_told = told.iter().any(|(other_db, other, what)| *other_db == db && *other == key && *what == event);
            if !happened || event.is_empty() || wanted & class == 0 || is_told {
                continue;
            }
            if wanted & KEYSPACE != 0 {
                let mut channel = format!("__keyspace@{db}__:").into_bytes();
                channel.extend_from_slice(&key);
                sessions.publish(Topic::Channel, &channel, event.as_bytes());
            }
            if wanted & KEYEVENT != 0 {
                sessions.publish(Topic::Channel, format!("__keyevent@{db}__:{event}").as_bytes(), &key);
            }
            told.push((db, key.clone(), event));
        }
    }
}

/// The classes of events, as `notify-keyspace-events` writes them.
const GENERIC: u16 = 1;
const STRING: u16 = 1 << 1;
const LIST: u16 = 1 << 2;
const SET: u16 = 1 << 3;
const HASH: u16 = 1 << 4;
const ZSET: u16 = 1 << 5;
const EXPIRED: u16 = 1 << 6;
const EVICTED: u16 = 1 << 7;
const STREAM: u16 = 1 << 8;
const KEYSPACE: u16 = 1 << 9;
const KEYEVENT: u16 = 1 << 10;
const NEW: u16 = 1 << 12;
