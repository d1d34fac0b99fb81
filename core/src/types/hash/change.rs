//! Changes to a hash, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Hash, HashRef};
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredField, StoredValue},
    env::UnixMillis,
    keyspace::{Value, ValueBuf},
    types::encoding::Encoding,
};

/// A change to a hash. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HashChange<'a> {
    /// Fields get these values, and have no deadline.
    #[serde(borrow)]
    Set(Vec<(Blob<'a>, Blob<'a>)>),
    /// Fields go.
    #[serde(borrow)]
    Remove(Vec<Blob<'a>>),
    /// Fields get these values, and keep the deadlines that they have.
    #[serde(borrow)]
    SetKeeping(Vec<(Blob<'a>, Blob<'a>)>),
    /// Fields go because their deadlines have passed.
    #[serde(borrow)]
    Expire(Vec<Blob<'a>>),
    /// Those of these fields that are there expire at this moment.
    ExpireAt {
        /// The moment.
        at: UnixMillis,
        /// The fields.
        #[serde(borrow)]
        fields: Vec<Blob<'a>>,
    },
    /// Fields don't expire any more.
    #[serde(borrow)]
    Persist(Vec<Blob<'a>>),
}

/// Takes back a change to a hash: what each field was that changed, in the order of the changes.
#[derive(Debug)]
pub struct HashUndo(Vec<Before>);

/// What a field was.
#[derive(Debug)]
enum Before {
    /// It wasn't there.
    Absent(Vec<u8>),
    /// It had this value and this deadline.
    Held(Vec<u8>, Vec<u8>, Option<UnixMillis>),
    /// It had this deadline, and its value has stayed.
    Due(Vec<u8>, Option<UnixMillis>),
}

impl Hash {
    /// The change that fills an empty hash.
    pub(crate) fn filling<'a>(pairs: &'a [(Blob<'a>, Blob<'a>)]) -> HashChange<'a> {
        HashChange::Set(pairs.iter().map(|(field, value)| (field.borrowed(), value.borrowed())).collect())
    }

    /// Makes a hash from its fields with their deadlines.
    pub(crate) fn restored(fields: &[StoredField<'_>], encoding: &Encoding) -> Self {
        let mut hash = Self::new();
        for StoredField { field, value, expires_at } in fields {
            hash.insert(field, value, encoding);
            hash.set_expiry(field, *expires_at, encoding);
        }
        hash
    }

    fn before(&self, field: &[u8]) -> Before {
        match self.get(field) {
            Some(value) => Before::Held(field.to_vec(), value.to_vec(), self.expires_at(field)),
            None => Before::Absent(field.to_vec()),
        }
    }
}

impl<'a> HashRef<'a> {
    /// The content, for a snapshot.
    pub(crate) fn stored(self) -> StoredValue<'a> {
        if self.next_expiry().is_none() {
            return StoredValue::Hash(self.iter().map(|(field, value)| (field.into(), value.into())).collect());
        }
        let stored = |(field, value): (&'a [u8], &'a [u8])| StoredField {
            field: field.into(),
            value: value.into(),
            expires_at: self.expires_at(field),
        };
        StoredValue::TimedHash(self.iter().map(stored).collect())
    }
}

impl Collection for Hash {
    type Change<'a> = HashChange<'a>;
    type Undo = HashUndo;
    type Borrowed<'a> = HashRef<'a>;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: Value<'_>) -> Option<HashRef<'_>> {
        if let Value::Hash(value) = value { Some(value) } else { None }
    }

    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self> {
        if let ValueBuf::Hash(value) = value { Some(value) } else { None }
    }

    fn into_value(self) -> ValueBuf {
        ValueBuf::Hash(self)
    }

    fn apply(&mut self, change: &HashChange<'_>, encoding: &Encoding, want_undo: bool) -> (Applied, Option<HashUndo>) {
        let mut before = Vec::new();
        let (mut count, mut changed) = (0, false);
        match change {
            HashChange::Set(pairs) | HashChange::SetKeeping(pairs) => {
                let keeps = matches!(change, HashChange::SetKeeping(_));
                for (field, value) in pairs {
                    if want_undo {
                        before.push(self.before(field));
                    }
                    let is_new = match keeps {
                        true => self.insert_keeping(field, value, encoding),
                        false => self.insert(field, value, encoding),
                    };
                    count += usize::from(is_new);
                    changed = true;
                }
            }
            HashChange::Remove(fields) | HashChange::Expire(fields) => {
                for field in fields {
                    let held = want_undo.then(|| self.before(field));
                    if self.remove(field) {
                        before.extend(held);
                        count += 1;
                        changed = true;
                    }
                }
            }
            HashChange::ExpireAt { fields, .. } | HashChange::Persist(fields) => {
                let at = if let HashChange::ExpireAt { at, .. } = change { Some(*at) } else { None };
                for field in fields {
                    if !self.contains(field) {
                        continue;
                    }
                    let old = self.set_expiry(field, at, encoding);
                    if old != at {
                        if want_undo {
                            before.push(Before::Due(field.to_vec(), old));
                        }
                        count += 1;
                        changed = true;
                    }
                }
            }
        }
        (Applied { changed, count, len: self.len() }, (want_undo && changed).then_some(HashUndo(before)))
    }

    fn undo(&mut self, undo: HashUndo, encoding: &Encoding) {
        for before in undo.0.into_iter().rev() {
            match before {
                Before::Absent(field) => _ = self.remove(&field),
                Before::Held(field, value, expires_at) => {
                    self.insert(&field, &value, encoding);
                    self.set_expiry(&field, expires_at, encoding);
                }
                Before::Due(field, expires_at) => _ = self.set_expiry(&field, expires_at, encoding),
            }
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        self.borrowed().stored()
    }
}
