//! Sets against the standard set.

use alloc::{collections::BTreeSet, format, vec, vec::Vec};

use proptest::prelude::*;

use super::Set;
use crate::{hash::Rng, num::parse_i64, types::encoding::Encoding};

type Model = BTreeSet<Vec<u8>>;

#[derive(Debug, Clone)]
enum Op {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    AddMany(i64, i64),
    RemoveMany(i64, i64),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop_oneof![-5..5_i64, Just(i64::MIN), Just(i64::MAX)].prop_map(|int| format!("{int}").into_bytes()),
        1 => prop::sample::select(vec!["", "01", "-0", "+1", "1 ", "9223372036854775808", "a\0b"]).prop_map(|text| text.into()),
        1 => (any::<u8>(), prop::sample::select(vec![64_usize, 65, 128])).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => member().prop_map(Op::Add),
        2 => member().prop_map(Op::Remove),
        2 => (0_i64..500, 1_i64..200).prop_map(|(start, count)| Op::AddMany(start, count)),
        1 => (0_i64..500, 1_i64..200).prop_map(|(start, count)| Op::RemoveMany(start, count)),
    ]
}

/// The representation, under the names of Redis 7.2.
fn layout(set: &Set) -> &'static str {
    if set.is_packed() { "listpack" } else { set.encoding() }
}

fn add(set: &mut Set, model: &mut Model, member: &[u8]) {
    assert_eq!(set.add(member, &Encoding::new(5)), model.insert(member.to_vec()));
}

fn remove(set: &mut Set, model: &mut Model, member: &[u8]) {
    assert_eq!(set.remove(member), model.remove(member));
}

fn apply(set: &mut Set, model: &mut Model, op: &Op) {
    let name = |n: i64| format!("{n}").into_bytes();
    match op {
        Op::Add(member) => add(set, model, member),
        Op::Remove(member) => remove(set, model, member),
        Op::AddMany(start, count) => (*start..start + count).for_each(|n| add(set, model, &name(n))),
        Op::RemoveMany(start, count) => (*start..start + count).for_each(|n| remove(set, model, &name(n))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_like_a_set(ops in prop::collection::vec(op(), 1..40), seed: u64) {
        let (mut set, mut model) = (Set::new(), Model::new());
        let rank = |set: &Set| ["intset", "listpack", "hashtable"].iter().position(|name| *name == layout(set));
        for op in &ops {
            let before = rank(&set);
            apply(&mut set, &mut model, op);
            prop_assert!(before <= rank(&set), "a set never goes back");
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.iter().len(), model.len());
            prop_assert_eq!(&set.iter().map(|member| member.as_bytes().to_vec()).collect::<Model>(), &model);
            prop_assert!(model.iter().all(|member| set.contains(member)) && !set.contains(b"never added"));
            match set.sample(&mut Rng::new(seed)) {
                Some(member) => prop_assert!(model.contains(member.as_bytes())),
                None => prop_assert!(model.is_empty()),
            }

            let all_ints = model.iter().all(|member| parse_i64(member).is_some());
            let has_long = model.iter().any(|member| member.len() > 64);
            prop_assert!(all_ints || layout(&set) != "intset");
            prop_assert!(!has_long || layout(&set) == "hashtable");
            prop_assert!(set.len() <= 128 || layout(&set) != "listpack");
            prop_assert!(set.len() <= 512 || layout(&set) == "hashtable");

            let (mut scanned, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = set.scan(cursor, 10, |member| scanned.push(member.as_bytes().to_vec()));
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(scanned.len(), model.len());
            prop_assert_eq!(&scanned.into_iter().collect::<Model>(), &model);
        }
        let mut copy = Set::new();
        model.iter().for_each(|member| { copy.add(member, &Encoding::new(6)); });
        prop_assert_eq!(&copy, &set);
        copy.add(b"one more", &Encoding::default());
        prop_assert_ne!(&copy, &set);
        model.iter().for_each(|member| { set.remove(member); });
        prop_assert!(set.is_empty() && set.allocated_bytes() < 1_000, "{} bytes for nothing", set.allocated_bytes());
    }
}

#[test]
fn representations_change_where_those_of_redis_do() {
    let encoding = Encoding::default();
    let ints = |count: i64| {
        let mut set = Set::new();
        (0..count).for_each(|n| _ = set.add(format!("{n}").as_bytes(), &encoding));
        set
    };
    assert_eq!(layout(&ints(512)), "intset");
    assert_eq!(layout(&ints(513)), "hashtable");
    for (count, expected) in [(0, "listpack"), (127, "listpack"), (128, "hashtable")] {
        let mut set = ints(count);
        set.add(b"x", &encoding);
        assert_eq!(layout(&set), expected, "a word among {count} integers");
    }
    let mut set = ints(3);
    set.add(&[b'x'; 65], &encoding);
    assert_eq!(layout(&set), "hashtable");
}

#[test]
fn integers_are_in_order() {
    let mut set = Set::new();
    for member in ["10", "-3", "9"] {
        set.add(member.as_bytes(), &Encoding::default());
    }
    let members: Vec<Vec<u8>> = set.iter().map(|member| member.as_bytes().to_vec()).collect();
    assert_eq!(members, [b"-3".to_vec(), b"9".to_vec(), b"10".to_vec()]);
}

#[test]
fn every_member_is_drawn() {
    for word in ["", "w"] {
        for count in [5, 100, 1_000] {
            let mut set = Set::new();
            (0..count).for_each(|n| _ = set.add(format!("{word}{n}").as_bytes(), &Encoding::default()));
            let mut rng = Rng::new(1);
            let drawn: Model = (0..count * 20).map(|_| set.sample(&mut rng).unwrap().as_bytes().to_vec()).collect();
            assert_eq!(drawn.len(), count);
        }
    }
}
