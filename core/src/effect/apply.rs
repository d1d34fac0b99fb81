//! Applying effects: the one place where a keyspace changes.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Change, Effect, Put, StoredValue, Undo,
    undo::{TypeUndo, UndoKind},
};
use crate::{
    keyspace::{EntryBuf, Keyspace, Value, ValueBuf},
    types::{
        encoding::Encoding,
        hash::Hash,
        list::List,
        set::Set,
        stream::Stream,
        string::{StrBuf, StringChange},
        zset::ZSet,
    },
};

/// What applying an effect did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything is different now. An effect that changed nothing isn't logged.
    pub changed: bool,
    /// Elements that came or went: what `SADD`, `HSET`, `ZREM` and their like answer.
    pub count: usize,
    /// Elements (of a string: bytes) that the value has now.
    pub len: usize,
}

/// A type whose values are made of elements: its key exists as long as there are any, unless the type says otherwise.
pub trait Collection: Sized {
    /// The changes that the type knows.
    type Change<'a>;
    /// What takes a change back.
    type Undo: Into<TypeUndo>;

    /// The value where it lies.
    type Borrowed<'a>;

    /// A value without elements.
    fn empty() -> Self;
    /// Elements in the value.
    fn len(&self) -> usize;
    /// Whether nothing is left for which the key would exist: no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The value as this type, if it is of this type.
    fn of(value: Value<'_>) -> Option<Self::Borrowed<'_>>;
    /// The same, to change it.
    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self>;
    /// The value of a key.
    fn into_value(self) -> ValueBuf;
    /// Makes a change. Returns its undo if `want_undo` and something changed; its size follows the change, not the value.
    fn apply(
        &mut self,
        change: &Self::Change<'_>,
        encoding: &Encoding,
        want_undo: bool,
    ) -> (Applied, Option<Self::Undo>);
    /// Takes back what `apply` did.
    fn undo(&mut self, undo: Self::Undo, encoding: &Encoding);
    /// The content, for a snapshot.
    fn stored(&self) -> StoredValue<'_>;
}

impl Keyspace {
    /// Applies an effect to the database `db`, and adds what takes it back to `undos` where that is wanted.
    ///
    /// It never fails: a change that doesn't fit what the key holds (which only a corrupt or hostile source of
    /// effects can ask for) changes nothing.
    pub fn apply(&mut self, db: u8, effect: &Effect<'_>, undos: Option<&mut Vec<Undo>>) -> Applied {
        let key = &*effect.key;
        let mut kind = None;
        let want_undo = undos.is_some();
        let applied = match &effect.change {
            Change::Delete(_) => {
                let database = self.db_mut(db);
                let changed = if want_undo {
                    kind = database.take(key).map(|entry| UndoKind::Restore(Box::new(entry)));
                    kind.is_some()
                } else {
                    database.remove(key)
                };
                Applied { changed, count: usize::from(changed), len: 0 }
            }
            Change::Put(Put { value, expires_at }) => {
                let (database, encoding) = self.parts_mut(db);
                match restore_value(value, encoding) {
                    Some(value) => {
                        let entry = EntryBuf { key: key.into(), value, expires_at: *expires_at };
                        kind = Some(match database.replace(entry) {
                            Some(before) => UndoKind::Restore(Box::new(before)),
                            None => UndoKind::Remove,
                        });
                        Applied { changed: true, count: 1, len: 0 }
                    }
                    // A collection without elements is no key.
                    None => Applied::default(),
                }
            }
            Change::ExpireAt(at) => self.apply_expiry(db, key, Some(*at), &mut kind),
            Change::Persist => self.apply_expiry(db, key, None, &mut kind),
            Change::Flush => {
                let count = self.db(db).len();
                if count > 0 {
                    let before = self.db_mut(db).take_all();
                    self.note_flush(db, Some(&before));
                    match undos {
                        Some(undos) => {
                            undos.push(Undo { db, key: Box::default(), kind: UndoKind::Refill(Box::new(before)) })
                        }
                        None => self.discard(before),
                    }
                }
                return Applied { changed: count > 0, count, len: 0 };
            }
            Change::String(change) => self.apply_string(db, key, change, want_undo, &mut kind),
            Change::List(change) => self.apply_collection::<List>(db, key, change, want_undo, &mut kind),
            Change::Set(change) => self.apply_collection::<Set>(db, key, change, want_undo, &mut kind),
            Change::Hash(change) => self.apply_collection::<Hash>(db, key, change, want_undo, &mut kind),
            Change::ZSet(change) => self.apply_collection::<ZSet>(db, key, change, want_undo, &mut kind),
            Change::Stream(change) => self.apply_collection::<Stream>(db, key, change, want_undo, &mut kind),
        };
        if applied.changed {
            self.note_change(db, key);
            if let Some(undos) = undos
                && let Some(kind) = kind
            {
                undos.push(Undo { db, key: key.into(), kind });
            }
        }
        applied
    }

    fn apply_expiry(
        &mut self,
        db: u8,
        key: &[u8],
        expires_at: Option<crate::env::UnixMillis>,
        kind: &mut Option<UndoKind>,
    ) -> Applied {
        match self.db_mut(db).set_expiry(key, expires_at) {
            Some(before) if before != expires_at => {
                *kind = Some(UndoKind::Expiry(before));
                Applied { changed: true, count: 1, len: 0 }
            }
            _ => Applied::default(),
        }
    }

    fn apply_string(
        &mut self,
        db: u8,
        key: &[u8],
        change: &StringChange<'_>,
        want_undo: bool,
        kind: &mut Option<UndoKind>,
    ) -> Applied {
        let database = self.db_mut(db);
        if let StringChange::Set { value, expiry } = change {
            *kind = match database.set_string(key, value, *expiry, want_undo) {
                Some((expires_at, value)) => value.map(|value| UndoKind::Value { value, expires_at }),
                None => Some(UndoKind::Remove),
            };
            return Applied { changed: true, count: 1, len: value.len() };
        }
        let changed = database.change(key, |value, _| {
            let ValueBuf::String(value) = value else { return None };
            let undo = value.apply(change)?;
            Some((undo, value.len()))
        });
        match changed {
            Some(Some((undo, len))) => {
                *kind = Some(UndoKind::Change { undo: undo.into(), revive: None });
                Applied { changed: true, count: 1, len }
            }
            Some(None) => Applied::default(),
            None => {
                let mut value = StrBuf::default();
                if let StringChange::Append(tail) = change {
                    // What comes whole may be an integer, and needs no room.
                    value = StrBuf::from_bytes(tail);
                } else if value.apply(change).is_none() {
                    return Applied::default();
                }
                let len = value.len();
                database.insert_new(key, ValueBuf::String(value), None);
                *kind = Some(UndoKind::Remove);
                Applied { changed: true, count: 1, len }
            }
        }
    }

    fn apply_collection<C: Collection>(
        &mut self,
        db: u8,
        key: &[u8],
        change: &C::Change<'_>,
        want_undo: bool,
        kind: &mut Option<UndoKind>,
    ) -> Applied {
        let (database, encoding) = self.parts_mut(db);
        let changed = database.change(key, |value, expires_at| {
            let value = C::of_mut(value)?;
            let (applied, undo) = value.apply(change, encoding, want_undo);
            Some((applied, undo, value.is_empty().then_some(expires_at)))
        });
        let Some(changed) = changed else {
            let mut value = C::empty();
            let (applied, _) = value.apply(change, encoding, false);
            if value.is_empty() || !applied.changed {
                return Applied::default();
            }
            database.insert_new(key, value.into_value(), None);
            *kind = Some(UndoKind::Remove);
            return applied;
        };
        let Some((applied, undo, revive)) = changed else { return Applied::default() };
        *kind = undo.map(|undo| UndoKind::Change { undo: undo.into(), revive });
        if revive.is_some() {
            database.remove(key);
        }
        applied
    }
}

/// Makes a value from its content; `None` for a collection without elements.
fn restore_value(stored: &StoredValue<'_>, encoding: &Encoding) -> Option<ValueBuf> {
    fn filled<C: Collection>(change: &C::Change<'_>, encoding: &Encoding) -> Option<ValueBuf> {
        let mut value = C::empty();
        value.apply(change, encoding, false);
        (!value.is_empty()).then(|| value.into_value())
    }
    match stored {
        StoredValue::String(bytes) => Some(ValueBuf::String(StrBuf::from_bytes(bytes))),
        StoredValue::List(elements) => filled::<List>(&List::filling(elements), encoding),
        StoredValue::Set(members) => filled::<Set>(&Set::filling(members), encoding),
        StoredValue::Hash(pairs) => filled::<Hash>(&Hash::filling(pairs), encoding),
        StoredValue::ZSet(members) => filled::<ZSet>(&ZSet::filling(members), encoding),
        StoredValue::TimedHash(fields) => {
            let hash = Hash::restored(fields, encoding);
            (!hash.is_empty()).then(|| hash.into_value())
        }
        StoredValue::Stream(stored) => Some(Stream::restored(stored, encoding).into_value()),
    }
}

/// The content of a value, for a snapshot or a `Put`.
pub fn stored_value(value: Value<'_>) -> StoredValue<'_> {
    match value {
        Value::String(value) => StoredValue::String(value.to_blob()),
        Value::List(value) => value.stored(),
        Value::Set(value) => value.stored(),
        Value::Hash(value) => value.stored(),
        Value::ZSet(value) => value.stored(),
        Value::Stream(value) => value.stored(),
    }
}
