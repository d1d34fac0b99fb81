//! Sorted sets against a sorted vector, through every operation and across the thresholds.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Insert, LexBound, ScoreBound, ZSet};
use crate::hash::Rng;
use crate::types::encoding::Encoding;

type Model = Vec<(Vec<u8>, f64)>;

#[derive(Debug, Clone)]
enum Op {
    Insert(Vec<u8>, f64),
    InsertMany(u16, f64),
    Remove(Vec<u8>),
    RemoveAt(prop::sample::Index),
    RemoveRun(prop::sample::Index, u8),
}

/// Few enough members that operations meet, binary ones and long ones among them.
fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(0..4_u8, 0..5),
        2 => prop::collection::vec(any::<u8>(), 20..26),
        1 => prop::collection::vec(any::<u8>(), 60..140),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..4_i32).prop_map(f64::from),
        2 => any::<f64>().prop_filter("no NaN", |score| !score.is_nan()),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE, 0.1]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (member(), score()).prop_map(|(member, score)| Op::Insert(member, score)),
        1 => (0..400_u16, score()).prop_map(|(count, score)| Op::InsertMany(count, score)),
        2 => member().prop_map(Op::Remove),
        2 => any::<prop::sample::Index>().prop_map(Op::RemoveAt),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, count)| Op::RemoveRun(at, count)),
    ]
}

fn encoding() -> impl Strategy<Value = Encoding> {
    (any::<u64>(), prop::sample::select(vec![0, 5, 128]), prop::sample::select(vec![0, 3, 64])).prop_map(
        |(seed, entries, value)| Encoding {
            zset_max_listpack_entries: entries,
            zset_max_listpack_value: value,
            ..Encoding::new(seed)
        },
    )
}

fn insert(set: &mut ZSet, model: &mut Model, encoding: &Encoding, member: Vec<u8>, score: f64) {
    let old = model.iter().position(|(other, _)| *other == member);
    let expected = match old.map(|at| model[at].1) {
        None => Insert::Added,
        Some(old) if old == score => Insert::Unchanged,
        Some(old) => Insert::Updated(old),
    };
    assert_eq!(set.insert(&member, score, encoding), expected);
    if expected == Insert::Unchanged {
        return;
    }
    if let Some(at) = old {
        model.remove(at);
    }
    // A negative zero loses its sign.
    let score = score + 0.0;
    let at = model.partition_point(|(name, other)| *other < score || (*other == score && *name < member));
    model.insert(at, (member, score));
}

fn remove(set: &mut ZSet, model: &mut Model, member: &[u8]) {
    let at = model.iter().position(|(other, _)| other == member);
    let expected = at.map(|at| model.remove(at).1);
    assert_eq!(set.remove(member).map(f64::to_bits), expected.map(f64::to_bits));
}

fn apply(set: &mut ZSet, model: &mut Model, encoding: &Encoding, op: Op) {
    match op {
        Op::Insert(member, score) => insert(set, model, encoding, member, score),
        Op::InsertMany(count, first) => {
            for step in 0..count {
                let member = [b"many:".as_slice(), &step.to_be_bytes()].concat();
                insert(set, model, encoding, member, first + f64::from(step / 8));
            }
        }
        Op::Remove(member) => remove(set, model, &member),
        Op::RemoveAt(at) if !model.is_empty() => {
            let member = model[at.index(model.len())].0.clone();
            remove(set, model, &member);
        }
        Op::RemoveRun(at, count) if !model.is_empty() => {
            let at = at.index(model.len());
            let run: Vec<_> = model.iter().skip(at).take(count.into()).map(|(member, _)| member.clone()).collect();
            run.iter().for_each(|member| remove(set, model, member));
        }
        Op::RemoveAt(_) | Op::RemoveRun(..) => {}
    }
}

fn collect<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> Model {
    members.map(|(member, score)| (member.to_vec(), score)).collect()
}

fn check(set: &ZSet, model: &Model) {
    assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(&collect(set.iter()), model);
    assert_eq!(set.iter().len(), model.len());
    let mut backwards = collect(set.iter_range_rev(0, usize::MAX));
    backwards.reverse();
    assert_eq!(&backwards, model);
    assert_eq!(set.at(model.len()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_sorted_set_does_what_a_sorted_vector_does(encoding in encoding(), ops in prop::collection::vec(op(), 1..60)) {
        let (mut set, mut model) = (ZSet::new(), Model::new());
        for op in ops {
            apply(&mut set, &mut model, &encoding, op);
            check(&set, &model);
        }
        for (rank, (member, score)) in model.iter().enumerate() {
            prop_assert_eq!(set.rank(member), Some(rank));
            prop_assert_eq!(set.score(member).map(f64::to_bits), Some(score.to_bits()));
            prop_assert_eq!(set.at(rank), Some((member.as_slice(), *score)));
        }
        prop_assert_eq!(set.rank(b"nobody"), None);
        prop_assert_eq!(set.score(b"nobody"), None);
        let mut copy = ZSet::new();
        for (member, score) in &set {
            copy.insert(member, score, &Encoding::default());
        }
        prop_assert_eq!(&copy, &set);
    }

    #[test]
    fn ranges_are_those_of_a_sorted_vector(
        encoding in encoding(),
        members in prop::collection::vec((member(), score()), 0..200),
        (min, max, min_exclusive, max_exclusive) in (score(), score(), any::<bool>(), any::<bool>()),
        (start, count) in (0..220_usize, 0..220_usize),
    ) {
        let (mut set, mut model) = (ZSet::new(), Model::new());
        for (member, score) in members {
            insert(&mut set, &mut model, &encoding, member, score);
        }
        let min = ScoreBound { value: min, is_exclusive: min_exclusive };
        let max = ScoreBound { value: max, is_exclusive: max_exclusive };
        let ranks = set.ranks_by_score(min, max);
        let inside = |(_, score): &&(Vec<u8>, f64)| min.admits_from(*score) && max.admits_to(*score);
        let expected: Model = model.iter().filter(inside).cloned().collect();
        prop_assert_eq!(collect(set.iter_range(ranks.start, ranks.len())), expected);

        prop_assert_eq!(
            collect(set.iter_range(start, count)),
            model.iter().skip(start).take(count).cloned().collect::<Model>()
        );
        prop_assert_eq!(
            collect(set.iter_range_rev(start, count)),
            model.iter().rev().skip(start).take(count).cloned().collect::<Model>()
        );
    }

    #[test]
    fn members_of_one_score_are_ranged_by_bytes(
        encoding in encoding(),
        members in prop::collection::btree_set(member(), 0..200),
        (min, max) in (member(), member()),
        (min_kind, max_kind) in (0..4, 0..4),
    ) {
        let mut set = ZSet::new();
        for member in &members {
            set.insert(member, 0.0, &encoding);
        }
        let bound = |kind, member| match kind {
            0 => LexBound::Min,
            1 => LexBound::Max,
            2 => LexBound::Included(member),
            _ => LexBound::Excluded(member),
        };
        let (min, max) = (bound(min_kind, &min), bound(max_kind, &max));
        let ranks = set.ranks_by_lex(min, max);
        let found: Vec<_> = set.iter_range(ranks.start, ranks.len()).map(|(member, _)| member.to_vec()).collect();
        let inside = |member: &&Vec<u8>| min.admits_from(member) && max.admits_to(member);
        prop_assert_eq!(found, members.iter().filter(inside).cloned().collect::<Vec<_>>());
    }

    #[test]
    fn a_scan_visits_what_stays_exactly_once(
        encoding in encoding(),
        stay in prop::collection::btree_set(member(), 0..300),
        coming in prop::collection::vec(member(), 0..100),
        count in 1..20_usize,
    ) {
        let mut set = ZSet::new();
        for member in &stay {
            set.insert(member, 1.0, &encoding);
        }
        let mut seen = BTreeMap::<Vec<u8>, usize>::new();
        let (mut cursor, mut coming) = (0, coming.iter());
        loop {
            cursor = set.scan(cursor, count, |member, _| *seen.entry(member.to_vec()).or_default() += 1);
            if cursor == 0 {
                break;
            }
            // Members come, change and go meanwhile.
            for member in coming.by_ref().take(3).filter(|member| !stay.contains(*member)) {
                set.insert(member, 2.0, &encoding);
            }
            if let Some(member) = coming.next().filter(|member| !stay.contains(*member)) {
                set.remove(member);
            }
        }
        for member in &stay {
            prop_assert_eq!(seen.get(member), Some(&1), "{:?}", member);
        }
    }

    #[test]
    fn samples_come_from_the_set(encoding in encoding(), members in prop::collection::vec((member(), score()), 0..40), seed: u64) {
        let mut set = ZSet::new();
        for (member, score) in &members {
            set.insert(member, *score, &encoding);
        }
        let mut rng = Rng::new(seed);
        for _ in 0..10 {
            match set.sample(&mut rng) {
                Some((member, score)) => prop_assert_eq!(set.score(member), Some(score)),
                None => prop_assert!(set.is_empty()),
            }
        }
    }
}

#[test]
fn thresholds_decide_the_encoding() {
    let encoding = Encoding::default();
    let mut set = ZSet::new();
    for step in 0..128_u32 {
        set.insert(&[step as u8; 64], f64::from(step), &encoding);
    }
    assert_eq!(set.encoding(), "listpack");
    set.insert(&[0; 64], 1_000.0, &encoding);
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"one more", 0.0, &encoding);
    assert_eq!(set.encoding(), "skiplist");
    let mut set = ZSet::new();
    set.insert(&[0; 65], 0.0, &encoding);
    assert_eq!(set.encoding(), "skiplist");
}

#[test]
fn a_member_costs_at_most_64_bytes_in_a_large_set_and_a_few_in_a_small_one() {
    let encoding = Encoding::default();
    let mut rng = Rng::new(3);
    let mut set = ZSet::new();
    let count = 100_000;
    for step in 0..count {
        set.insert(alloc::format!("member:{step:08}").as_bytes(), rng.below(1 << 40) as f64, &encoding);
    }
    let per_member = set.allocated_bytes() / count;
    assert!(per_member <= 60, "{per_member} bytes a member");

    let mut set = ZSet::new();
    for step in 0..100_u32 {
        set.insert(alloc::format!("member:{step}").as_bytes(), f64::from(step), &encoding);
    }
    assert!(set.allocated_bytes() <= 100 * 16, "{}", set.allocated_bytes());
}
