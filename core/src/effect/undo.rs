//! Taking effects back: what a replica does with its guesses before the server's truth arrives.

use alloc::boxed::Box;

use super::apply::Collection;
use crate::{
    env::UnixMillis,
    keyspace::{Db, EntryBuf, Keyspace, ValueBuf},
    types::{
        hash::{Hash, HashUndo},
        list::{List, ListUndo},
        set::{Set, SetUndo},
        stream::{Stream, StreamUndo},
        string::StringUndo,
        zset::{ZSet, ZSetUndo},
    },
};

/// Takes back one effect. To be used once, in the reverse order of the effects, on the state that they left.
#[derive(Debug)]
pub struct Undo {
    pub(super) db: u8,
    pub(super) key: Box<[u8]>,
    pub(super) kind: UndoKind,
}

impl Undo {
    /// The database and the key that it restores; the key is empty where a whole database is restored.
    pub fn target(&self) -> (u8, &[u8]) {
        (self.db, &self.key)
    }
}

/// How a key gets back to what it was.
#[derive(Debug)]
pub(super) enum UndoKind {
    /// It didn't exist.
    Remove,
    /// It held this entry, which was moved out of the keyspace, not copied.
    Restore(Box<EntryBuf>),
    /// The key stayed, and held this value with this deadline.
    Value { value: ValueBuf, expires_at: Option<UnixMillis> },
    /// It had this deadline.
    Expiry(Option<UnixMillis>),
    /// Its value changed in part.
    Change {
        undo: TypeUndo,
        /// The key went away with its last element, and had this deadline.
        revive: Option<Option<UnixMillis>>,
    },
    /// The database held this.
    Refill(Box<Db>),
}

/// What takes back a change inside a value.
#[derive(Debug)]
pub enum TypeUndo {
    /// Of a string.
    String(StringUndo),
    /// Of a list.
    List(ListUndo),
    /// Of a set.
    Set(SetUndo),
    /// Of a hash.
    Hash(HashUndo),
    /// Of a sorted set.
    ZSet(ZSetUndo),
    /// Of a stream.
    Stream(StreamUndo),
}

macro_rules! from_type_undo {
    ($($variant:ident($undo:ty)),*) => {
        $(impl From<$undo> for TypeUndo {
            fn from(undo: $undo) -> Self {
                Self::$variant(undo)
            }
        })*
    };
}
from_type_undo!(String(StringUndo), List(ListUndo), Set(SetUndo), Hash(HashUndo), ZSet(ZSetUndo), Stream(StreamUndo));

impl Keyspace {
    /// Takes back one effect.
    pub fn undo(&mut self, undo: Undo) {
        let Undo { db, key, kind } = undo;
        match kind {
            UndoKind::Remove => {
                self.db_mut(db).remove(&key);
            }
            UndoKind::Restore(entry) => {
                self.db_mut(db).replace(*entry);
            }
            UndoKind::Value { value, expires_at } => {
                let database = self.db_mut(db);
                // What is undone stands there still, and goes.
                if database.remove(&key) {
                    database.insert_new(&key, value, expires_at);
                }
            }
            UndoKind::Expiry(before) => {
                self.db_mut(db).set_expiry(&key, before);
            }
            UndoKind::Refill(before) => {
                *self.db_mut(db) = *before;
                self.note_flush(db, None);
                return;
            }
            UndoKind::Change { undo, revive } => match undo {
                TypeUndo::String(undo) => {
                    self.db_mut(db).change(&key, |value, _| {
                        if let ValueBuf::String(value) = value {
                            value.undo(undo);
                        }
                    });
                }
                TypeUndo::List(undo) => self.undo_collection::<List>(db, &key, undo, revive),
                TypeUndo::Set(undo) => self.undo_collection::<Set>(db, &key, undo, revive),
                TypeUndo::Hash(undo) => self.undo_collection::<Hash>(db, &key, undo, revive),
                TypeUndo::ZSet(undo) => self.undo_collection::<ZSet>(db, &key, undo, revive),
                TypeUndo::Stream(undo) => self.undo_collection::<Stream>(db, &key, undo, revive),
            },
        }
        self.note_change(db, &key);
    }

    fn undo_collection<C: Collection>(
        &mut self,
        db: u8,
        key: &[u8],
        undo: C::Undo,
        revive: Option<Option<UnixMillis>>,
    ) {
        let (database, encoding) = self.parts_mut(db);
        if let Some(expires_at) = revive {
            database.insert_new(key, C::empty().into_value(), expires_at);
        }
        database.change(key, |value, _| {
            if let Some(value) = C::of_mut(value) {
                value.undo(undo, encoding);
            }
        });
    }
}
