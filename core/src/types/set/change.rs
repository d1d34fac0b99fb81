//! Changes to a set, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Set;
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    keyspace::{Value, ValueBuf},
    types::encoding::Encoding,
};

/// A change to a set. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SetChange<'a> {
    /// Members come.
    #[serde(borrow)]
    Add(Vec<Blob<'a>>),
    /// Members go.
    #[serde(borrow)]
    Remove(Vec<Blob<'a>>),
}

/// Takes back a change to a set: the members that really came, or really went.
#[derive(Debug)]
pub enum SetUndo {
    /// These came.
    Added(Vec<Vec<u8>>),
    /// These went.
    Removed(Vec<Vec<u8>>),
}

impl Set {
    /// The change that fills an empty set.
    pub(crate) fn filling<'a>(members: &'a [Blob<'a>]) -> SetChange<'a> {
        SetChange::Add(members.iter().map(Blob::borrowed).collect())
    }
}

impl Collection for Set {
    type Change<'a> = SetChange<'a>;
    type Undo = SetUndo;
    type Borrowed<'a> = &'a Self;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: Value<'_>) -> Option<&Self> {
        if let Value::Set(value) = value { Some(value) } else { None }
    }

    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self> {
        if let ValueBuf::Set(value) = value { Some(value) } else { None }
    }

    fn into_value(self) -> ValueBuf {
        ValueBuf::Set(self.into())
    }

    fn apply(&mut self, change: &SetChange<'_>, encoding: &Encoding, want_undo: bool) -> (Applied, Option<SetUndo>) {
        let mut moved = Vec::new();
        let mut count = 0;
        let (adds, members) = match change {
            SetChange::Add(members) => (true, members),
            SetChange::Remove(members) => (false, members),
        };
        for member in members {
            if if adds { self.add(member, encoding) } else { self.remove(member) } {
                count += 1;
                if want_undo {
                    moved.push(member.to_vec());
                }
            }
        }
        let undo = if adds { SetUndo::Added(moved) } else { SetUndo::Removed(moved) };
        (Applied { changed: count > 0, count, len: self.len() }, (want_undo && count > 0).then_some(undo))
    }

    fn undo(&mut self, undo: SetUndo, encoding: &Encoding) {
        match undo {
            SetUndo::Added(members) => {
                for member in members {
                    self.remove(&member);
                }
            }
            SetUndo::Removed(members) => {
                for member in members {
                    self.add(&member, encoding);
                }
            }
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        StoredValue::Set(self.iter().map(Blob::from).collect())
    }
}
