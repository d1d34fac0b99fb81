//! Lists against a `VecDeque`, through every operation and across node boundaries.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::node::NODE_BYTES_TARGET;
use super::{List, Side};
use crate::hash::Rng;

type Model = VecDeque<Vec<u8>>;

#[derive(Debug, Clone)]
enum Op {
    Push(Side, Vec<u8>),
    PushMany(Side, u8, Vec<u8>),
    Pop(Side),
    DropMany(Side, prop::sample::Index),
    Set(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    RemoveMany(Vec<prop::sample::Index>),
    Trim(prop::sample::Index, prop::sample::Index),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Left), Just(Side::Right)]
}

/// Mostly short elements, some near what a node takes, some beyond it.
fn element() -> impl Strategy<Value = Vec<u8>> {
    let sized = |range| prop::collection::vec(any::<u8>(), range);
    prop_oneof![
        6 => sized(0..40),
        2 => sized(100..600),
        1 => (any::<u8>(), 3_000..NODE_BYTES_TARGET * 2).prop_map(|(byte, size)| vec![byte; size]),
    ]
}

/// A position or a size, often at the edge.
fn bound() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..130_usize, 1 => prop::sample::select(vec![0, 1, usize::MAX])]
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (side(), element()).prop_map(|(side, element)| Op::Push(side, element)),
        3 => (side(), any::<u8>(), element()).prop_map(|(side, count, element)| Op::PushMany(side, count, element)),
        3 => side().prop_map(Op::Pop),
        1 => (side(), index()).prop_map(|(side, count)| Op::DropMany(side, count)),
        3 => (index(), element()).prop_map(|(index, element)| Op::Set(index, element)),
        4 => (index(), element()).prop_map(|(index, element)| Op::Insert(index, element)),
        3 => index().prop_map(Op::Remove),
        2 => prop::collection::vec(index(), 0..40).prop_map(Op::RemoveMany),
        1 => (index(), index()).prop_map(|(start, count)| Op::Trim(start, count)),
    ]
}

fn apply(list: &mut List, model: &mut Model, op: Op) -> Result<(), TestCaseError> {
    let len = model.len();
    match op {
        Op::Push(side, element) => {
            list.push(side, &element);
            push(model, side, element);
        }
        Op::PushMany(side, count, element) => {
            // Large elements come one at a time, so that a case stays within a few hundred kilobytes.
            for _ in 0..usize::from(count).min(20_000 / (element.len() + 1)) {
                list.push(side, &element);
                push(model, side, element.clone());
            }
        }
        Op::Pop(side) => {
            let expected = if side == Side::Left { model.pop_front() } else { model.pop_back() };
            prop_assert_eq!(list.peek(side), expected.as_deref());
            prop_assert_eq!(list.pop(side), expected);
        }
        Op::DropMany(side, count) => {
            let count = count.index(len + 1);
            list.drop_many(side, count);
            drop(if side == Side::Left { model.drain(..count) } else { model.drain(len - count..) });
        }
        Op::Set(index, element) => {
            let index = index.index(len + 1);
            prop_assert_eq!(list.set(index, &element), index < len);
            if let Some(slot) = model.get_mut(index) {
                *slot = element;
            }
        }
        Op::Insert(index, element) => {
            let index = index.index(len + 2);
            prop_assert_eq!(list.insert(index, &element), index <= len);
            if index <= len {
                model.insert(index, element);
            }
        }
        Op::Remove(index) => {
            let index = index.index(len + 1);
            prop_assert_eq!(list.remove(index), model.remove(index));
        }
        Op::RemoveMany(indices) => {
            let mut indices: Vec<usize> = indices.iter().map(|index| index.index(len + 1)).collect();
            indices.sort_unstable();
            indices.dedup();
            let before = list.clone();
            let removed: Vec<(usize, Vec<u8>)> =
                indices.iter().filter_map(|&index| Some((index, model.get(index)?.clone()))).collect();
            list.remove_many(&indices);
            for index in indices.iter().rev() {
                model.remove(*index);
            }
            let mut restored = list.clone();
            restored.insert_many(&removed);
            prop_assert_eq!(&restored, &before);
        }
        Op::Trim(start, count) => {
            let (start, count) = (start.index(len / 4 + 1), count.index(len + 1));
            list.trim(start, count);
            *model = model.iter().skip(start).take(count).cloned().collect();
        }
    }
    Ok(())
}

fn push(model: &mut Model, side: Side, element: Vec<u8>) {
    match side {
        Side::Left => model.push_front(element),
        Side::Right => model.push_back(element),
    }
}

fn check(list: &List, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(list.len(), model.len());
    prop_assert_eq!(list.is_empty(), model.is_empty());
    prop_assert!(list.iter().eq(model.iter()));
    prop_assert!(list.iter_rev().eq(model.iter().rev()));
    prop_assert_eq!(list.get(model.len()), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_list_does_what_a_deque_does(ops in prop::collection::vec(op(), 1..80)) {
        let (mut list, mut model) = (List::new(), Model::new());
        for op in ops {
            apply(&mut list, &mut model, op)?;
            check(&list, &model)?;
        }
        for (index, element) in model.iter().enumerate() {
            prop_assert_eq!(list.get(index), Some(element.as_slice()));
        }
        let copy: List = model.iter().collect();
        prop_assert_eq!(&copy, &list);
    }

    #[test]
    fn a_range_reads_the_same_from_both_ends(
        elements in prop::collection::vec(element(), 0..120),
        (start, count, from_front) in (bound(), bound(), bound()),
    ) {
        let list: List = elements.iter().collect();
        let expected: Vec<&[u8]> = elements.iter().skip(start).take(count).map(Vec::as_slice).collect();
        let range = list.range(start, count);
        prop_assert_eq!(range.len(), expected.len());
        prop_assert!(range.clone().eq(expected.iter().copied()));
        prop_assert!(range.clone().rev().eq(expected.iter().rev().copied()));
        // Both ends of one iterator meet in the middle without repeating or skipping.
        let mut range = range;
        let mut met: Vec<&[u8]> = range.by_ref().take(from_front).collect();
        let mut back: Vec<&[u8]> = range.rev().collect();
        back.reverse();
        met.extend(back);
        prop_assert_eq!(met, expected);
    }
}

#[test]
fn a_long_list_costs_little_more_than_its_elements_and_few_nodes() {
    let count = 100_000_usize;
    let (mut at_the_tail, mut at_the_head) = (List::new(), List::new());
    for index in 0..count {
        at_the_tail.push(Side::Right, &(index as u64).to_be_bytes());
        at_the_head.push(Side::Left, &(index as u64).to_be_bytes());
    }
    for list in [at_the_tail, at_the_head] {
        let per_element = list.allocated_bytes() as f64 / count as f64;
        assert!(per_element < 11.5, "{per_element} bytes for an element of 8");
    }
}

#[test]
fn a_queue_gives_back_what_it_no_longer_needs() {
    let mut list = List::new();
    for round in 0..200_000_u64 {
        list.push(Side::Right, &round.to_be_bytes());
        if list.len() > 5_000 {
            list.pop(Side::Left);
        }
    }
    assert!(list.allocated_bytes() < 5_000 * 16, "{}", list.allocated_bytes());
    list.drop_many(Side::Left, 4_999);
    assert!(list.allocated_bytes() <= 4 * 1024, "{}", list.allocated_bytes());
    assert_eq!(list.pop(Side::Right), Some(199_999_u64.to_be_bytes().to_vec()));
    assert_eq!(list.allocated_bytes(), 0);
}

#[test]
fn what_a_long_list_takes_is_kept_count_of() {
    let mut rng = Rng::new(7);
    let mut list = List::new();
    for round in 0..20_000 {
        let element = alloc::vec![b'x'; rng.index(if round % 100 == 0 { 20_000 } else { 60 })];
        let index = rng.index(list.len().max(1));
        match rng.below(if round < 10_000 { 5 } else { 8 }) {
            0 => list.push(Side::Left, &element),
            1..3 => list.push(Side::Right, &element),
            3 => {
                list.set(index, &element);
            }
            4 => {
                list.insert(index, &element);
            }
            5 => {
                list.pop(Side::Left);
            }
            6 => {
                list.remove(index);
            }
            _ => list.drop_many(Side::Right, rng.index(3)),
        }
        assert_eq!(list.allocated_bytes(), list.counted_bytes(), "after {round} changes");
    }
}
