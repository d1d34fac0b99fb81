//! Changes to a list, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{List, Side};
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    keyspace::{Value, ValueBuf},
    order,
    types::encoding::Encoding,
};

/// A change to a list. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ListChange<'a> {
    /// Elements come to an end, one after the other: the last one ends up outermost.
    Push {
        /// Which end.
        side: Side,
        /// The elements.
        #[serde(borrow)]
        elements: Vec<Blob<'a>>,
    },
    /// Elements go from an end.
    Pop {
        /// Which end.
        side: Side,
        /// How many.
        count: u64,
    },
    /// The element at an index becomes another.
    Set {
        /// From the head, 0 the first.
        index: u64,
        /// The new element.
        #[serde(borrow)]
        element: Blob<'a>,
    },
    /// An element comes before the one at an index.
    Insert {
        /// From the head; the length to come last.
        index: u64,
        /// The new element.
        #[serde(borrow)]
        element: Blob<'a>,
    },
    /// The elements at these indices go; ascending, as they are before the change.
    Remove {
        /// From the head.
        indices: Vec<u64>,
    },
    /// Only a run of elements stays.
    Trim {
        /// The index of the first that stays.
        start: u64,
        /// How many stay.
        count: u64,
    },
}

/// Takes back a change to a list.
#[derive(Debug)]
pub enum ListUndo {
    /// That many came to an end.
    Pushed(Side, usize),
    /// These went from an end, the outermost first.
    Popped(Side, Vec<Vec<u8>>),
    /// This one was at the index.
    Set(usize, Vec<u8>),
    /// One came at the index.
    Inserted(usize),
    /// These went, with the indices that they had.
    Removed(Vec<(usize, Vec<u8>)>),
    /// These went from the head and the tail, the outermost first.
    Trimmed(Vec<Vec<u8>>, Vec<Vec<u8>>),
}

impl List {
    /// The change that fills an empty list.
    pub(crate) fn filling<'a>(elements: &'a [Blob<'a>]) -> ListChange<'a> {
        ListChange::Push { side: Side::Right, elements: elements.iter().map(Blob::borrowed).collect() }
    }

    fn pop_many(&mut self, side: Side, count: usize, keep: bool) -> (usize, Vec<Vec<u8>>) {
        let count = count.min(self.len());
        if !keep {
            self.drop_many(side, count);
            return (count, Vec::new());
        }
        (count, (0..count).filter_map(|_| self.pop(side)).collect())
    }

    fn push_back_again(&mut self, side: Side, elements: Vec<Vec<u8>>) {
        for element in elements.into_iter().rev() {
            self.push(side, &element);
        }
    }
}

impl Collection for List {
    type Change<'a> = ListChange<'a>;
    type Undo = ListUndo;
    type Borrowed<'a> = &'a Self;

    fn empty() -> Self {
        Self::new()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn of(value: Value<'_>) -> Option<&Self> {
        if let Value::List(list) = value { Some(list) } else { None }
    }

    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self> {
        if let ValueBuf::List(list) = value { Some(list) } else { None }
    }

    fn into_value(self) -> ValueBuf {
        ValueBuf::List(self.into())
    }

    fn apply(&mut self, change: &ListChange<'_>, _: &Encoding, want_undo: bool) -> (Applied, Option<ListUndo>) {
        let index_of = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
        let (count, undo) = match change {
            ListChange::Push { side, elements } => {
                for element in elements {
                    self.push(*side, element);
                }
                (elements.len(), Some(ListUndo::Pushed(*side, elements.len())))
            }
            ListChange::Pop { side, count } => {
                let (count, popped) = self.pop_many(*side, index_of(*count), want_undo);
                (count, Some(ListUndo::Popped(*side, popped)))
            }
            ListChange::Set { index, element } => {
                let index = index_of(*index);
                let before = self.get(index).map(<[u8]>::to_vec);
                match before {
                    Some(before) if self.set(index, element) => (1, Some(ListUndo::Set(index, before))),
                    _ => (0, None),
                }
            }
            ListChange::Insert { index, element } => {
                let index = index_of(*index);
                match self.insert(index, element) {
                    true => (1, Some(ListUndo::Inserted(index))),
                    false => (0, None),
                }
            }
            ListChange::Remove { indices } => {
                let mut indices: Vec<usize> = indices.iter().map(|index| index_of(*index)).collect();
                // A source that can't be trusted may send any order; the list wants ascending indices that exist.
                order::sort(&mut indices);
                indices.dedup();
                indices.retain(|index| *index < self.len());
                // One walk for all of them: what stands between two indices is passed over.
                let mut elements = self.iter().enumerate();
                let removed = match want_undo {
                    true => indices
                        .iter()
                        .filter_map(|sought| elements.by_ref().find(|(index, _)| index == sought))
                        .map(|(index, element)| (index, element.to_vec()))
                        .collect(),
                    false => Vec::new(),
                };
                self.remove_many(&indices);
                (indices.len(), Some(ListUndo::Removed(removed)))
            }
            ListChange::Trim { start, count } => {
                let len = self.len();
                let start = index_of(*start).min(len);
                let stay = index_of(*count).min(len - start);
                let (head_count, head) = self.pop_many(Side::Left, start, want_undo);
                let (tail_count, tail) = self.pop_many(Side::Right, len - start - stay, want_undo);
                (head_count + tail_count, Some(ListUndo::Trimmed(head, tail)))
            }
        };
        (Applied { changed: count > 0, count, len: self.len() }, undo.filter(|_| want_undo && count > 0))
    }

    fn undo(&mut self, undo: ListUndo, _: &Encoding) {
        match undo {
            ListUndo::Pushed(side, count) => self.drop_many(side, count),
            ListUndo::Popped(side, elements) => self.push_back_again(side, elements),
            ListUndo::Set(index, element) => {
                self.set(index, &element);
            }
            ListUndo::Inserted(index) => {
                self.remove(index);
            }
            ListUndo::Removed(elements) => self.insert_many(&elements),
            ListUndo::Trimmed(head, tail) => {
                self.push_back_again(Side::Left, head);
                self.push_back_again(Side::Right, tail);
            }
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        StoredValue::List(self.iter().map(Blob::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blobs() -> impl Strategy<Value = Vec<Blob<'static>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200).prop_map(Blob::from), 0..60)
    }

    /// Changes that commands make, and some that only a damaged log could hold.
    fn change() -> impl Strategy<Value = ListChange<'static>> {
        let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
        let index = || prop_oneof![8 => 0..80_u64, 1 => any::<u64>()];
        prop_oneof![
            4 => (side(), blobs()).prop_map(|(side, elements)| ListChange::Push { side, elements }),
            2 => (side(), index()).prop_map(|(side, count)| ListChange::Pop { side, count }),
            2 => (index(), blobs()).prop_map(|(index, elements)| ListChange::Set {
                index,
                element: elements.into_iter().next().unwrap_or_default(),
            }),
            2 => (index(), blobs()).prop_map(|(index, elements)| ListChange::Insert {
                index,
                element: elements.into_iter().next().unwrap_or_default(),
            }),
            2 => prop::collection::vec(index(), 0..30).prop_map(|indices| ListChange::Remove { indices }),
            1 => (index(), index()).prop_map(|(start, count)| ListChange::Trim { start, count }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn undos_restore_and_the_wire_form_round_trips(changes in prop::collection::vec(change(), 1..20)) {
            let encoding = Encoding::default();
            let mut list = List::new();
            let mut history = Vec::new();
            for change in &changes {
                let bytes = postcard::to_allocvec(change).unwrap();
                let received: ListChange<'_> = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&received, change);

                let before = list.clone();
                let mut copy = list.clone();
                let (applied, undo) = list.apply(&received, &encoding, true);
                prop_assert_eq!(copy.apply(change, &encoding, false).0, applied);
                prop_assert_eq!(&copy, &list);
                prop_assert_eq!(applied.len, list.len());
                prop_assert_eq!(applied.changed, undo.is_some());
                if !applied.changed {
                    prop_assert_eq!(&before, &list);
                }
                history.push((before, undo));
            }
            for (before, undo) in history.into_iter().rev() {
                if let Some(undo) = undo {
                    list.undo(undo, &encoding);
                }
                prop_assert_eq!(&list, &before);
            }
        }

        #[test]
        fn a_stored_list_fills_another(elements in blobs()) {
            let mut list = List::new();
            list.apply(&List::filling(&elements), &Encoding::default(), false);
            prop_assert_eq!(list.stored(), StoredValue::List(elements));
        }
    }
}
