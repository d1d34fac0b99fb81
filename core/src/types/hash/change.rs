//! Changes to a hash, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Hash;
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    keyspace::{Value, ValueBuf},
    types::encoding::Encoding,
};

/// A change to a hash. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HashChange<'a> {
    /// Fields get these values.
    #[serde(borrow)]
    Set(Vec<(Blob<'a>, Blob<'a>)>),
    /// Fields go.
    #[serde(borrow)]
    Remove(Vec<Blob<'a>>),
}

/// Takes back a change to a hash: each field that changed with the value that it had, in the order of the changes.
#[derive(Debug)]
pub struct HashUndo(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Hash {
    /// The change that fills an empty hash.
    pub(crate) fn filling<'a>(pairs: &'a [(Blob<'a>, Blob<'a>)]) -> HashChange<'a> {
        HashChange::Set(pairs.iter().map(|(field, value)| (field.borrowed(), value.borrowed())).collect())
    }
}

impl Collection for Hash {
    type Change<'a> = HashChange<'a>;
    type Undo = HashUndo;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: Value<'_>) -> Option<&Self> {
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
            HashChange::Set(pairs) => {
                for (field, value) in pairs {
                    if want_undo {
                        before.push((field.to_vec(), self.get(field).map(<[u8]>::to_vec)));
                    }
                    count += usize::from(self.insert(field, value, encoding));
                    changed = true;
                }
            }
            HashChange::Remove(fields) => {
                for field in fields {
                    let value = if want_undo { self.get(field).map(<[u8]>::to_vec) } else { None };
                    if self.remove(field) {
                        if want_undo {
                            before.push((field.to_vec(), value));
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
        for (field, value) in undo.0.into_iter().rev() {
            match value {
                Some(value) => self.insert(&field, &value, encoding),
                None => self.remove(&field),
            };
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        StoredValue::Hash(self.iter().map(|(field, value)| (field.into(), value.into())).collect())
    }
}
