//! The data: logical databases of keys, their values and their deadlines.
//!
//! A keyspace changes by [`Keyspace::apply`] (see `effect`) and by undoing what that did, and in no other way.
//! It doesn't know commands, sessions or protocols, and it never asks for the time: whether a deadline has
//! passed is the caller's question.

pub(crate) mod aging;
mod db;
mod digest;
mod entry;
mod expiry;
#[cfg(feature = "server")]
mod garbage;
mod objects;
mod parts;
mod record;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

pub use aging::Aging;
pub use db::Db;
pub(crate) use db::Due;
#[cfg(feature = "server")]
pub(crate) use db::RECORD_OVERHEAD_BYTES;
pub use entry::{Entry, EntryBuf, Kind, Value, ValueBuf};
#[cfg(feature = "server")]
use garbage::Cleaning;
#[cfg(feature = "server")]
pub use garbage::Garbage;

use crate::{
    limits::{DATABASES, TOUCHED_KEYS_MAX},
    types::encoding::Encoding,
};

/// All logical databases of an engine.
#[derive(Debug)]
pub struct Keyspace {
    dbs: Vec<Db>,
    /// Seeds and thresholds that decide how values are laid out, not what they hold.
    pub encoding: Encoding,
    /// How keys age.
    pub aging: Aging,
    /// Versions of the keys that a session watches: bumped at each change.
    watched: Vec<BTreeMap<Box<[u8]>, Watched>>,
    watched_count: usize,
    /// Keys that calls wait for and that changed since the last look.
    ready: VecDeque<(u8, Box<[u8]>)>,
    /// What changed since the last drain, if anyone wants to know.
    touched: Option<Touched>,
    changes: u64,
    /// What somebody else is to free.
    #[cfg(feature = "server")]
    cleaning: Cleaning,
}

/// What changed: single keys, or whole databases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Database and key of each change, in order; a key that changed twice may stand twice.
    pub keys: Vec<(u8, Box<[u8]>)>,
    /// Databases that were emptied, or in which so many keys changed that they aren't listed.
    pub flushed: Vec<u8>,
}

impl Touched {
    fn add(&mut self, db: u8, key: &[u8]) {
        if self.keys.len() >= TOUCHED_KEYS_MAX {
            self.flush(db);
        } else if !self.flushed.contains(&db) {
            self.keys.push((db, key.into()));
        }
    }

    fn flush(&mut self, db: u8) {
        self.keys.retain(|(other, _)| *other != db);
        if !self.flushed.contains(&db) {
            self.flushed.push(db);
        }
    }
}

#[derive(Debug, Default)]
struct Watched {
    version: u64,
    sessions: usize,
    /// How many calls wait for it to hold something.
    waiting: usize,
}

impl Keyspace {
    /// Makes an empty keyspace.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            dbs: (0..DATABASES).map(|index| Db::new(encoding.seed.wrapping_add(u64::from(index)))).collect(),
            encoding,
            aging: Aging::default(),
            watched: (0..DATABASES).map(|_| BTreeMap::new()).collect(),
            watched_count: 0,
            ready: VecDeque::new(),
            touched: None,
            changes: 0,
            #[cfg(feature = "server")]
            cleaning: Cleaning::default(),
        }
    }

    /// Keeps what takes long to free for [`Keyspace::take_garbage`] from now on, which is to be called regularly then.
    #[cfg(feature = "server")]
    pub(crate) fn keep_garbage(&mut self) {
        self.dbs.iter_mut().for_each(|db| _ = db.garbage.get_or_insert_default());
    }

    /// Takes what is to be freed, if there is anything.
    #[cfg(feature = "server")]
    pub(crate) fn take_garbage(&mut self) -> Option<Garbage> {
        let values = self.dbs.iter_mut().filter_map(|db| db.garbage.as_mut());
        let values: Vec<ValueBuf> = values.flat_map(core::mem::take).collect();
        self.cleaning.take(values)
    }

    /// Values and keys that somebody else has still to free, and those that were freed since the start.
    #[cfg(feature = "server")]
    pub(crate) fn cleaned(&self) -> (u64, u64) {
        let kept = self.dbs.iter().filter_map(|db| db.garbage.as_ref()).map(Vec::len).sum::<usize>();
        self.cleaning.counts(kept)
    }

    /// Drops what a database held, or leaves that to somebody else.
    pub(crate) fn discard(&mut self, before: Db) {
        #[cfg(feature = "server")]
        if self.dbs.first().is_some_and(|db| db.garbage.is_some()) {
            self.cleaning.leave(before);
            return;
        }
        drop(before);
    }

    /// The database `index`. An index past the last is answered with the first: parsers check it before.
    pub fn db(&self, index: u8) -> &Db {
        debug_assert!(index < DATABASES, "database {index} was checked by the parser");
        #[expect(
            clippy::indexing_slicing,
            reason = "there are always DATABASES databases, and the index is reduced below it"
        )]
        &self.dbs[usize::from(index % DATABASES)]
    }

    /// The database `index`, to change it.
    pub(crate) fn db_mut(&mut self, index: u8) -> &mut Db {
        debug_assert!(index < DATABASES, "database {index} was checked by the parser");
        #[expect(
            clippy::indexing_slicing,
            reason = "there are always DATABASES databases, and the index is reduced below it"
        )]
        &mut self.dbs[usize::from(index % DATABASES)]
    }

    /// The database `index` together with the encoding that its values follow.
    pub(crate) fn parts_mut(&mut self, index: u8) -> (&mut Db, &Encoding) {
        #[expect(
            clippy::indexing_slicing,
            reason = "there are always DATABASES databases, and the index is reduced below it"
        )]
        (&mut self.dbs[usize::from(index % DATABASES)], &self.encoding)
    }

    /// The bytes that all databases take in memory. Cost: O(1).
    pub fn allocated_bytes(&self) -> usize {
        self.dbs.iter().map(Db::allocated_bytes).sum()
    }

    /// Changes since the start, by which a cache in front of the keyspace can tell that it's stale.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Starts (or stops) collecting what changes, for [`Keyspace::drain_touched`].
    pub fn collect_touched(&mut self, collect: bool) {
        self.touched = collect.then(Touched::default);
    }

    /// What changed since the last call.
    pub fn drain_touched(&mut self) -> Touched {
        self.touched.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Begins to count the changes of a key. Returns its version; to be ended by [`Keyspace::unwatch`].
    pub(crate) fn watch(&mut self, db: u8, key: &[u8]) -> u64 {
        let Some(watched) = self.watched.get_mut(usize::from(db)) else { return 0 };
        self.watched_count += 1;
        let watched = watched.entry(key.into()).or_default();
        watched.sessions += 1;
        watched.version
    }

    /// Ends one [`Keyspace::watch`] and returns the key's version by now.
    pub(crate) fn unwatch(&mut self, db: u8, key: &[u8]) -> u64 {
        let Some(map) = self.watched.get_mut(usize::from(db)) else { return 0 };
        let Some(watched) = map.get_mut(key) else { return 0 };
        self.watched_count -= 1;
        watched.sessions = watched.sessions.saturating_sub(1);
        let version = watched.version;
        if watched.sessions == 0 && watched.waiting == 0 {
            map.remove(key);
        }
        version
    }

    /// Begins to note when a key changes, for [`Keyspace::pop_ready`]; to be ended by [`Keyspace::forget_key`].
    #[cfg(feature = "server")]
    pub(crate) fn await_key(&mut self, db: u8, key: &[u8]) {
        let Some(watched) = self.watched.get_mut(usize::from(db)) else { return };
        self.watched_count += 1;
        watched.entry(key.into()).or_default().waiting += 1;
    }

    /// Ends one [`Keyspace::await_key`].
    #[cfg(feature = "server")]
    pub(crate) fn forget_key(&mut self, db: u8, key: &[u8]) {
        let Some(map) = self.watched.get_mut(usize::from(db)) else { return };
        let Some(watched) = map.get_mut(key) else { return };
        self.watched_count -= 1;
        watched.waiting = watched.waiting.saturating_sub(1);
        if watched.sessions == 0 && watched.waiting == 0 {
            map.remove(key);
        }
    }

    /// A key that somebody waits for and that has changed, the one that changed first.
    #[cfg(feature = "server")]
    pub(crate) fn pop_ready(&mut self) -> Option<(u8, Box<[u8]>)> {
        self.ready.pop_front()
    }

    /// Tells those who watch that a key changed.
    pub(crate) fn note_change(&mut self, db: u8, key: &[u8]) {
        self.changes += 1;
        if self.watched_count > 0
            && let Some(watched) = self.watched.get_mut(usize::from(db)).and_then(|map| map.get_mut(key))
        {
            watched.version += 1;
            if watched.waiting > 0 {
                self.ready.push_back((db, key.into()));
            }
        }
        if let Some(touched) = &mut self.touched {
            touched.add(db, key);
        }
    }

    /// Tells those who watch that a database was emptied or replaced.
    /// Of the watched keys those change that were there `before`; all of them if that isn't known.
    pub(crate) fn note_flush(&mut self, db: u8, before: Option<&Db>) {
        self.changes += 1;
        if let Some(map) = self.watched.get_mut(usize::from(db)) {
            for (key, watched) in map {
                if before.is_none_or(|before| before.find(key).is_some()) {
                    watched.version += 1;
                    if watched.waiting > 0 {
                        self.ready.push_back((db, key.clone()));
                    }
                }
            }
        }
        if let Some(touched) = &mut self.touched {
            touched.flush(db);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn of_very_many_changed_keys_all_are_said_to_have_changed() {
        let mut touched = Touched::default();
        for index in 0..TOUCHED_KEYS_MAX {
            touched.add(0, format!("{index}").as_bytes());
        }
        assert_eq!((touched.keys.len(), touched.flushed.as_slice()), (TOUCHED_KEYS_MAX, [].as_slice()));
        touched.add(0, b"one more");
        touched.add(0, b"and another");
        assert_eq!((touched.keys.len(), touched.flushed.as_slice()), (0, [0].as_slice()));
        touched.add(3, b"elsewhere");
        assert_eq!(touched.keys, [(3, Box::from(*b"elsewhere"))]);
    }

    #[cfg(feature = "server")]
    #[test]
    fn what_takes_long_to_free_is_left_to_who_wants_it() {
        use crate::{Engine, EngineOptions, Env};
        let mut engine = Engine::new(EngineOptions::default());
        let session = engine.open_session("", Env::new(0, 1));
        let members: Vec<Vec<u8>> = (0..10_000).map(|index| format!("member:{index}").into_bytes()).collect();
        let fill = |engine: &mut Engine| {
            let words = [&b"SADD"[..], b"large"].into_iter().chain(members.iter().map(Vec::as_slice));
            engine.execute(Env::new(0, 1), session, &words.collect::<Vec<_>>(), &mut Vec::new());
            engine.execute(Env::new(0, 1), session, &[b"SADD", b"small", b"a"], &mut Vec::new());
        };
        fill(&mut engine);
        let call = |engine: &mut Engine, words: &[&[u8]]| {
            engine.execute(Env::new(0, 1), session, words, &mut Vec::new());
            let (pending, before) = engine.keyspace().cleaned();
            let garbage = engine.take_garbage();
            assert_eq!(engine.keyspace().cleaned(), (pending, before), "nothing is freed by taking it");
            let len = garbage.map_or(0, |garbage| garbage.len());
            assert_eq!(engine.keyspace().cleaned(), (0, before + pending), "all is freed");
            (len, pending)
        };
        assert_eq!(call(&mut engine, &[b"DEL", b"large"]), (0, 0), "nobody wants it");
        engine.keep_garbage();
        for (words, expected) in [
            (&[&b"DEL"[..], b"large"][..], (1, 1)),
            (&[b"DEL", b"small"], (0, 0)),
            (&[b"SET", b"large", b"x"], (1, 1)),
            (&[b"FLUSHALL"], (1, 2)),
            (&[b"SETEX", b"large", b"10", b"x"], (1, 1)),
        ] {
            engine.execute(Env::new(0, 1), session, &[b"FLUSHALL"], &mut Vec::new());
            engine.take_garbage();
            fill(&mut engine);
            assert_eq!(call(&mut engine, words), expected, "{words:?}");
            assert_eq!(engine.keyspace().db(0).allocated_bytes(), engine.keyspace().db(0).counted_bytes());
        }
    }
}
