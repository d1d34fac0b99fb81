//! Changes to a sorted set, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{ZSet, value::Insert};
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    keyspace::{Value, ValueBuf},
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
    type Borrowed<'a> = &'a Self;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: Value<'_>) -> Option<&Self> {
        if let Value::ZSet(value) = value { Some(value) } else { None }
    }

    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self> {
        if let ValueBuf::ZSet(value) = value { Some(value) } else { None }
    }

    fn into_value(self) -> ValueBuf {
        ValueBuf::ZSet(self.into())
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member() -> impl Strategy<Value = Blob<'static>> {
        prop_oneof![
            4 => prop::collection::vec(0..4_u8, 0..4),
            1 => prop::collection::vec(any::<u8>(), 60..80),
        ]
        .prop_map(Blob::from)
    }

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![8 => (-4..4_i8).prop_map(f64::from), 1 => any::<f64>()]
    }

    fn change() -> impl Strategy<Value = ZSetChange<'static>> {
        prop_oneof![
            4 => prop::collection::vec((score(), member()), 0..40).prop_map(ZSetChange::Set),
            2 => prop::collection::vec(member(), 0..40).prop_map(ZSetChange::Remove),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn undos_restore_and_the_wire_form_round_trips(
            changes in prop::collection::vec(change(), 1..20),
            entries in prop::sample::select(alloc::vec![4_usize, 128]),
        ) {
            let encoding = Encoding { zset_max_listpack_entries: entries, ..Encoding::default() };
            let mut set = ZSet::new();
            let mut history = Vec::new();
            for change in &changes {
                let bytes = postcard::to_allocvec(change).unwrap();
                let received: ZSetChange<'_> = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(postcard::to_allocvec(&received).unwrap(), bytes);

                let before = set.clone();
                let mut copy = set.clone();
                let (applied, undo) = set.apply(change, &encoding, true);
                prop_assert_eq!(copy.apply(change, &Encoding::default(), false).0, applied);
                prop_assert_eq!(&copy, &set);
                prop_assert_eq!(applied.len, set.len());
                prop_assert_eq!(applied.changed, undo.is_some());
                if !applied.changed {
                    prop_assert_eq!(&before, &set);
                }
                history.push((before, undo));
            }
            for (before, undo) in history.into_iter().rev() {
                if let Some(undo) = undo {
                    set.undo(undo, &encoding);
                }
                prop_assert_eq!(&set, &before);
            }
        }

        #[test]
        fn a_stored_sorted_set_fills_another(members in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..9), 0..3_u8, 0..40)) {
            let mut set = ZSet::new();
            for (member, score) in &members {
                set.insert(member, f64::from(*score), &Encoding::default());
            }
            let StoredValue::ZSet(stored) = set.stored() else { panic!("not a sorted set") };
            let mut copy = ZSet::new();
            copy.apply(&ZSet::filling(&stored), &Encoding::default(), false);
            prop_assert_eq!(&copy, &set);
            prop_assert_eq!(copy.len(), members.len());
        }
    }
}
