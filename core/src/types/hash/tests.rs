//! Hashes against the standard map.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format, vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::Hash;
use crate::{hash::Rng, types::encoding::Encoding};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
enum Op {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    InsertMany(u32, u32),
    RemoveMany(u32, u32),
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
    ]
}

fn insert(hash: &mut Hash, model: &mut Model, field: &[u8], value: &[u8]) {
    let is_new = hash.insert(field, value, &Encoding::new(5));
    assert_eq!(is_new, model.insert(field.to_vec(), value.to_vec()).is_none());
}

fn remove(hash: &mut Hash, model: &mut Model, field: &[u8]) {
    assert_eq!(hash.remove(field), model.remove(field).is_some());
}

fn apply(hash: &mut Hash, model: &mut Model, op: &Op) {
    let name = |n: u32| format!("field:{n}").into_bytes();
    match op {
        Op::Insert(field, value) => insert(hash, model, field, value),
        Op::Remove(field) => remove(hash, model, field),
        Op::InsertMany(start, count) => {
            (*start..start + count).for_each(|n| insert(hash, model, &name(n), &name(*count)))
        }
        Op::RemoveMany(start, count) => (*start..start + count).for_each(|n| remove(hash, model, &name(n))),
    }
}

fn contents(hash: &Hash) -> Model {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec(op(), 1..40), seed: u64) {
        let (mut hash, mut model) = (Hash::new(), Model::new());
        let mut was_table = false;
        for op in &ops {
            apply(&mut hash, &mut model, op);
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.iter().len(), model.len());
            prop_assert_eq!(&contents(&hash), &model);
            for (field, value) in &model {
                prop_assert_eq!(hash.get(field), Some(value.as_slice()));
            }
            prop_assert!(!hash.contains(b"never inserted"));
            let (field, value) = hash.sample(&mut Rng::new(seed)).unzip();
            prop_assert_eq!(value, field.and_then(|field| model.get(field).map(Vec::as_slice)));
            prop_assert_eq!(field.is_none(), model.is_empty());

            let has_long = model.iter().any(|(field, value)| field.len().max(value.len()) > 64);
            was_table |= hash.encoding() == "hashtable";
            prop_assert!(!(model.len() > 128 || has_long) || hash.encoding() == "hashtable");
            prop_assert!(!was_table || hash.encoding() == "hashtable", "a table stays a table");

            let (mut scanned, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = hash.scan(cursor, 10, |field, value| scanned.push((field.to_vec(), value.to_vec())));
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(scanned.len(), model.len());
            prop_assert_eq!(&scanned.into_iter().collect::<Model>(), &model);
        }
        let copy = model.iter().fold(Hash::new(), |mut copy, (field, value)| {
            copy.insert(field, value, &Encoding::new(6));
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
        let drawn: BTreeSet<&[u8]> = (0..count * 20).map(|_| hash.sample(&mut rng).unwrap().0).collect();
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
