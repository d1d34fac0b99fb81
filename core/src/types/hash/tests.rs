//! Hashes against the standard map.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format, vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::{Hash, HashView};
use crate::{env::UnixMillis, hash::Rng, types::encoding::Encoding};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
/// When fields expire.
type Due = BTreeMap<Vec<u8>, UnixMillis>;

#[derive(Debug, Clone)]
enum Op {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    InsertMany(u32, u32),
    RemoveMany(u32, u32),
    Keep(Vec<u8>, Vec<u8>),
    Expiry(Vec<u8>, Option<u64>),
    ExpiryMany(u32, u32, u64),
}

/// Short ones from a small alphabet, so that they meet again; empty ones; ones around every threshold of length.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(prop::sample::select(vec![0, b'a', 0xff]), 0..4),
        1 => (any::<u8>(), prop::sample::select(vec![63_usize, 64, 65, 127, 128, 20_000])).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (bytes(), bytes()).prop_map(|(field, value)| Op::Insert(field, value)),
        2 => bytes().prop_map(Op::Remove),
        1 => (0_u32..300, 1_u32..150).prop_map(|(start, count)| Op::InsertMany(start, count)),
        1 => (0_u32..300, 1_u32..150).prop_map(|(start, count)| Op::RemoveMany(start, count)),
        2 => (bytes(), bytes()).prop_map(|(field, value)| Op::Keep(field, value)),
        2 => (bytes(), prop::option::of(0_u64..20)).prop_map(|(field, at)| Op::Expiry(field, at)),
        1 => (0_u32..300, 1_u32..150, 0_u64..20).prop_map(|(start, count, at)| Op::ExpiryMany(start, count, at)),
    ]
}

fn insert(hash: &mut Hash, (model, due): (&mut Model, &mut Due), field: &[u8], value: &[u8]) {
    due.remove(field);
    let is_new = hash.insert(field, value, &Encoding::new(5));
    assert_eq!(is_new, model.insert(field.to_vec(), value.to_vec()).is_none());
}

fn set_expiry(hash: &mut Hash, (model, due): (&Model, &mut Due), field: &[u8], at: Option<u64>) {
    let at = at.map(UnixMillis).filter(|_| model.contains_key(field));
    let before = match at {
        Some(at) => due.insert(field.to_vec(), at),
        None => due.remove(field),
    };
    assert_eq!(hash.set_expiry(field, at, &Encoding::new(5)), before);
}

fn remove(hash: &mut Hash, (model, due): (&mut Model, &mut Due), field: &[u8]) {
    due.remove(field);
    assert_eq!(hash.remove(field), model.remove(field).is_some());
}

fn apply(hash: &mut Hash, model: &mut Model, due: &mut Due, op: &Op) {
    let name = |n: u32| format!("field:{n}").into_bytes();
    match op {
        Op::Insert(field, value) => insert(hash, (model, due), field, value),
        Op::Remove(field) => remove(hash, (model, due), field),
        Op::InsertMany(start, count) => {
            (*start..start + count).for_each(|n| insert(hash, (model, due), &name(n), &name(*count)))
        }
        Op::RemoveMany(start, count) => (*start..start + count).for_each(|n| remove(hash, (model, due), &name(n))),
        Op::Keep(field, value) => {
            let is_new = hash.insert_keeping(field, value, &Encoding::new(5));
            assert_eq!(is_new, model.insert(field.clone(), value.clone()).is_none());
        }
        Op::Expiry(field, at) => set_expiry(hash, (model, due), field, *at),
        Op::ExpiryMany(start, count, at) => {
            (*start..start + count).for_each(|n| set_expiry(hash, (model, due), &name(n), Some(at + u64::from(n % 3))));
        }
    }
}

fn contents(hash: &Hash) -> Model {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

/// What the hash says of deadlines, and what a view of it shows.
fn check_deadlines(hash: &Hash, model: &Model, due: &Due, now: UnixMillis) {
    assert!(model.keys().all(|field| hash.expires_at(field) == due.get(field).copied()));
    assert_eq!(hash.next_expiry(), due.values().min().copied());
    assert_eq!(
        hash.borrowed().encoding().ends_with("ex"),
        !due.is_empty() && hash.borrowed().encoding() != "hashtable"
    );
    let hidden: BTreeSet<&[u8]> = due.iter().filter(|(_, at)| **at <= now).map(|(field, _)| field.as_slice()).collect();
    assert_eq!(hash.borrowed().due(now, usize::MAX).into_iter().collect::<BTreeSet<_>>(), hidden);
    assert_eq!(hash.borrowed().due_count(now), hidden.len());
    assert_eq!(hash.borrowed().due(now, 2).len(), hidden.len().min(2));
    assert_eq!(hash.borrowed().is_all_due(now), !model.is_empty() && hidden.len() == model.len());
    let view = HashView::new(hash.borrowed(), now);
    let shown: Model = view.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
    assert_eq!(view.len(), shown.len());
    assert_eq!(model.len(), shown.len() + hidden.len());
    for field in model.keys() {
        let is_shown = !hidden.contains(field.as_slice());
        assert_eq!(view.get(field).is_some(), is_shown);
        assert_eq!(view.expires_at(field), due.get(field).copied().filter(|_| is_shown));
    }
    let sampled = view.sample(&mut Rng::new(1));
    assert_eq!(sampled.is_some(), !shown.is_empty());
    assert!(sampled.is_none_or(|(field, _)| shown.contains_key(field)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec(op(), 1..40), seed: u64) {
        let (mut hash, mut model, mut due) = (Hash::new(), Model::new(), Due::new());
        let mut was_table = false;
        for op in &ops {
            apply(&mut hash, &mut model, &mut due, op);
            check_deadlines(&hash, &model, &due, UnixMillis(seed % 25));
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.iter().len(), model.len());
            prop_assert_eq!(&contents(&hash), &model);
            for (field, value) in &model {
                prop_assert_eq!(hash.get(field), Some(value.as_slice()));
            }
            prop_assert!(!hash.contains(b"never inserted"));
            let (field, value) = hash.borrowed().sample(&mut Rng::new(seed)).unzip();
            prop_assert_eq!(value, field.and_then(|field| model.get(field).map(Vec::as_slice)));
            prop_assert_eq!(field.is_none(), model.is_empty());

            let has_long = model.iter().any(|(field, value)| field.len().max(value.len()) > 64);
            was_table |= hash.borrowed().encoding() == "hashtable";
            prop_assert!(!(model.len() > 128 || has_long) || hash.borrowed().encoding() == "hashtable", "{}", hash.borrowed().encoding());
            prop_assert!(!was_table || hash.borrowed().encoding() == "hashtable", "a table stays a table");

            let (mut scanned, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = hash.borrowed().scan(cursor, 10, |field, value| scanned.push((field.to_vec(), value.to_vec())));
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(scanned.len(), model.len());
            prop_assert_eq!(&scanned.into_iter().collect::<Model>(), &model);
        }
        let copy = model.iter().fold(Hash::new(), |mut copy, (field, value)| {
            copy.insert(field, value, &Encoding::new(6));
            copy.set_expiry(field, due.get(field).copied(), &Encoding::new(6));
            copy
        });
        prop_assert_eq!(&copy, &hash);
        let bytes: usize = model.iter().map(|(field, value)| field.len() + value.len()).sum();
        prop_assert!(hash.allocated_bytes() >= bytes);
        model.keys().for_each(|field| { hash.remove(field); });
        prop_assert!(hash.is_empty() && hash.allocated_bytes() < 1_000, "{} bytes for nothing", hash.allocated_bytes());
    }
}

#[test]
fn a_packed_hash_keeps_the_order_of_insertion() {
    let mut hash = Hash::new();
    for field in [b"z", b"a", b"m"] {
        hash.insert(field, b"1", &Encoding::default());
    }
    hash.insert(b"z", b"longer", &Encoding::default());
    let fields: Vec<&[u8]> = hash.iter().map(|(field, _)| field).collect();
    assert_eq!(fields, [b"z", b"a", b"m"]);
}

#[test]
fn every_field_is_drawn() {
    for count in [5, 1_000_u32] {
        let mut hash = Hash::new();
        (0..count).for_each(|n| _ = hash.insert(&n.to_be_bytes(), b"", &Encoding::default()));
        let mut rng = Rng::new(1);
        let drawn: BTreeSet<&[u8]> = (0..count * 20).map(|_| hash.borrowed().sample(&mut rng).unwrap().0).collect();
        assert_eq!(drawn.len(), count as usize);
    }
}

#[test]
fn a_small_hash_is_small() {
    let mut hash = Hash::new();
    for n in 0..10_u8 {
        hash.insert(&[b'f', n], b"value", &Encoding::default());
    }
    assert!(size_of::<Hash>() <= 4 * size_of::<usize>());
    assert!(hash.allocated_bytes() <= 10 * 9 * 5 / 4, "{}", hash.allocated_bytes());
}
