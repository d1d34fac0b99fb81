//! Changes to a sorted set, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{ZSet, value::Insert};
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    keyspace::Value,
    types::encoding::Encoding,
};

/// A change to a sorted set. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ZSetChange<'a> {
    /// Members get these scores.
    #[serde(borrow)]
    Set(Vec<(f64, Blob<'a>)>),
    /// Members go.
    #[serde(borrow)]
    Remove(Vec<Blob<'a>>),
}

/// Takes back a change to a sorted set: each member that changed with the score that it had, in the order of the
/// changes.
#[derive(Debug)]
pub struct ZSetUndo(Vec<(Vec<u8>, Option<f64>)>);

impl ZSet {
    /// The change that fills an empty sorted set.
    pub(crate) fn filling<'a>(members: &'a [(f64, Blob<'a>)]) -> ZSetChange<'a> {
        ZSetChange::Set(members.iter().map(|(score, member)| (*score, member.borrowed())).collect())
    }
}

impl Collection for ZSet {
    type Change<'a> = ZSetChange<'a>;
    type Undo = ZSetUndo;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: &Value) -> Option<&Self> {
        if let Value::ZSet(value) = value { Some(value) } else { None }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::ZSet(value) = value { Some(value) } else { None }
    }

    fn into_value(self) -> Value {
        Value::ZSet(self.into())
    }

    fn apply(&mut self, change: &ZSetChange<'_>, encoding: &Encoding, want_undo: bool) -> (Applied, Option<ZSetUndo>) {
        let mut before = Vec::new();
        let (mut count, mut changed) = (0, false);
        match change {
            ZSetChange::Set(members) => {
                // A score that isn't a number has no place in the order; no command lets one through.
                for (score, member) in members.iter().filter(|(score, _)| !score.is_nan()) {
                    let old = match self.insert(member, *score, encoding) {
                        Insert::Added => {
                            count += 1;
                            None
                        }
                        Insert::Updated(old) => Some(old),
                        Insert::Unchanged => continue,
                    };
                    changed = true;
                    if want_undo {
                        before.push((member.to_vec(), old));
                    }
                }
            }
            ZSetChange::Remove(members) => {
                for member in members {
                    if let Some(old) = self.remove(member) {
                        count += 1;
                        changed = true;
                        if want_undo {
                            before.push((member.to_vec(), Some(old)));
                        }
                    }
                }
            }
        }
        (Applied { changed, count, len: self.len() }, (want_undo && changed).then_some(ZSetUndo(before)))
    }

    fn undo(&mut self, undo: ZSetUndo, encoding: &Encoding) {
        for (member, score) in undo.0.into_iter().rev() {
            match score {
                Some(score) => {
                    self.insert(&member, score, encoding);
                }
                None => {
                    self.remove(&member);
                }
            }
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        StoredValue::ZSet(self.iter().map(|(member, score)| (score, member.into())).collect())
    }
}
