//! The table against a model: a `BTreeMap` that goes through the same steps.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use proptest::prelude::*;

use super::{Table, segment::Segment};
use crate::hash::{Rng, hash};

/// How keys are hashed: well, or as badly as it gets.
#[derive(Debug, Clone, Copy)]
enum Quality {
    Random,
    /// Eight different hashes.
    Clustered,
    /// Many different hashes that agree in the bits that choose a segment.
    SamePrefix,
    Constant,
}

impl Quality {
    fn hash(self, key: u32) -> u64 {
        let random = hash(1, &key.to_le_bytes());
        match self {
            Self::Random => random,
            Self::Clustered => random & 7 | (random & 1) << 63,
            Self::SamePrefix => random >> 24,
            Self::Constant => 0xdead_beef_dead_beef,
        }
    }
}

fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![
        4 => Just(Quality::Random),
        1 => Just(Quality::Clustered),
        1 => Just(Quality::SamePrefix),
        1 => Just(Quality::Constant),
    ]
}

struct Tested {
    quality: Quality,
    table: Table<(u32, u32)>,
    model: BTreeMap<u32, u32>,
}

impl Tested {
    fn new(quality: Quality) -> Self {
        Self { quality, table: Table::new(), model: BTreeMap::new() }
    }

    /// Bad hashes cost a comparison with every other entry, so they get just enough keys to overflow a segment.
    fn key(&self, key: u32) -> u32 {
        if matches!(self.quality, Quality::Random) { key } else { key % 700 }
    }

    fn insert(&mut self, key: u32, value: u32) {
        let key = self.key(key);
        let hash = self.quality.hash(key);
        match self.table.find_mut(hash, |entry| entry.0 == key) {
            Some(entry) => entry.1 = value,
            None => self.table.insert_unique(hash, (key, value)),
        }
        self.model.insert(key, value);
    }

    fn remove(&mut self, key: u32) {
        let key = self.key(key);
        let removed = self.table.remove(self.quality.hash(key), |entry| entry.0 == key);
        assert_eq!(removed.map(|entry| entry.1), self.model.remove(&key));
    }

    fn check(&self) {
        let table = &self.table;
        assert_eq!(table.len(), self.model.len());
        assert_eq!(table.iter().len(), self.model.len());
        assert_eq!(table.iter().copied().collect::<BTreeMap<u32, u32>>(), self.model);
        for (key, value) in &self.model {
            assert_eq!(table.find(self.quality.hash(*key), |entry| entry.0 == *key), Some(&(*key, *value)));
        }
        for segment in &table.segments {
            segment.assert_consistent(table.seed);
        }
        let segments = table.segments.iter().map(Segment::allocated_bytes).sum::<usize>();
        assert_eq!(table.segment_bytes, segments);
        assert_eq!(table.directory.len(), if table.depth == 0 { 0 } else { 1 << table.depth });
        for (place, index) in table.directory.iter().enumerate() {
            let segment = &table.segments[*index as usize];
            assert_eq!(place as u64 >> (table.depth - segment.depth), segment.prefix);
        }
        let deepest = table.segments.iter().filter(|segment| segment.depth == table.depth).count();
        assert!(table.depth == 0 || deepest == table.deepest_count);
    }
}

#[derive(Debug, Clone)]
enum Op {
    Insert(u32, u32),
    Remove(u32),
    InsertRange(u32, u32),
    RemoveRange(u32, u32),
}

/// Ranges are what takes a table past the sizes at which it splits, merges and doubles.
fn op() -> impl Strategy<Value = Op> {
    let key = 0_u32..6_000;
    prop_oneof![
        (key.clone(), any::<u32>()).prop_map(|(key, value)| Op::Insert(key, value)),
        key.clone().prop_map(Op::Remove),
        (key.clone(), 1_u32..1_500).prop_map(|(start, count)| Op::InsertRange(start, count)),
        (key, 1_u32..2_500).prop_map(|(start, count)| Op::RemoveRange(start, count)),
    ]
}

fn apply(tested: &mut Tested, op: &Op) {
    match *op {
        Op::Insert(key, value) => tested.insert(key, value),
        Op::Remove(key) => tested.remove(key),
        Op::InsertRange(start, count) => (start..start + count).for_each(|key| tested.insert(key, count)),
        Op::RemoveRange(start, count) => (start..start + count).for_each(|key| tested.remove(key)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_like_a_map(quality in quality(), ops in prop::collection::vec(op(), 1..24)) {
        let mut tested = Tested::new(quality);
        for op in &ops {
            apply(&mut tested, op);
            tested.check();
        }
        let mut drained: Vec<(u32, u32)> = tested.table.clone().into_entries().collect();
        drained.sort_unstable();
        prop_assert!(drained.into_iter().eq(core::mem::take(&mut tested.model)));
        for (key, _) in tested.table.clone().into_entries() {
            tested.model.insert(key, 0);
            tested.table.find_mut(quality.hash(key), |entry| entry.0 == key).unwrap().1 = 0;
            tested.remove(key);
        }
        tested.check();
        prop_assert!(tested.table.segments.len() <= 1, "an empty table keeps nothing");
    }

    #[test]
    fn a_scan_visits_what_stays_exactly_once(
        quality in quality(),
        before in prop::collection::vec(op(), 1..8),
        during in prop::collection::vec((op(), 1_usize..700), 1..24),
    ) {
        let mut tested = Tested::new(quality);
        before.iter().for_each(|op| apply(&mut tested, op));
        let mut stayed: BTreeSet<u32> = tested.model.keys().copied().collect();
        let mut visited = Vec::new();
        let mut cursor = 0;
        let mut steps = during.iter().cycle().take(300);
        loop {
            let (op, count) = steps.next().map_or((None, 1_000), |(op, count)| (Some(op), *count));
            cursor = tested.table.scan(cursor, count, |entry| visited.push(entry.0));
            if cursor == 0 {
                break;
            }
            if let Some(op) = op {
                apply(&mut tested, op);
                stayed.retain(|key| tested.model.contains_key(key));
            }
        }
        for key in stayed {
            prop_assert_eq!(visited.iter().filter(|visited| **visited == key).count(), 1, "key {}", key);
        }
    }

    #[test]
    fn a_scan_is_ordered_and_counts(keys in prop::collection::btree_set(any::<u32>(), 0..3_000), count in 1_usize..50) {
        let mut tested = Tested::new(Quality::Random);
        keys.iter().for_each(|key| tested.insert(*key, 0));
        let (mut visited, mut cursor) = (Vec::new(), 0);
        loop {
            let before = visited.len();
            cursor = tested.table.scan(cursor, count, |entry| visited.push(Quality::Random.hash(entry.0)));
            if cursor == 0 {
                break;
            }
            prop_assert_eq!(visited.len() - before, count);
            prop_assert!(cursor < 1 << 48);
        }
        prop_assert!(visited.is_sorted());
        prop_assert_eq!(visited.len(), keys.len());
    }
}

#[test]
fn cursors_from_nowhere_are_harmless() {
    let mut tested = Tested::new(Quality::Random);
    (0..2_000).for_each(|key| tested.insert(key, 0));
    for cursor in [1 << 48, u64::MAX, (1 << 48) - 1] {
        assert_eq!(tested.table.scan(cursor, 10, |_| {}), 0);
    }
    assert_eq!(Table::<u8>::new().scan(0, 10, |_| {}), 0);
}

/// More entries than an index can address, in a segment that can't be split, must still be told apart.
#[test]
fn tens_of_thousands_of_entries_that_cannot_be_separated() {
    let mut table = Table::new();
    let hash = |key: u32| Quality::SamePrefix.hash(key);
    for key in 0..52_000_u32 {
        table.insert_unique(hash(key), key);
    }
    assert_eq!(table.find(hash(51_999), |key| *key == 51_999), Some(&51_999));
    for key in (0..52_000).step_by(1_000) {
        assert_eq!(table.remove(hash(key), |other| *other == key), Some(key));
        assert_eq!(table.remove(hash(key), |other| *other == key), None);
    }
    assert!(table.segments.iter().any(|segment| segment.len() > 50_000));
    table.segments.iter().for_each(|segment| segment.assert_consistent(0));
    assert_eq!(table.len(), 51_948);
    assert!(table.sample(&mut Rng::new(1)).is_some());
}

#[test]
fn sampling_is_fair_in_a_table_of_uneven_segments() {
    let mut tested = Tested::new(Quality::Random);
    (0..20_000).for_each(|key| tested.insert(key, 0));
    (600..20_000).for_each(|key| tested.remove(key));
    assert!(tested.table.segments.len() > 1);
    let mut rng = Rng::new(3);
    let mut counts = BTreeMap::<u32, u32>::new();
    for _ in 0..600 * 200 {
        *counts.entry(tested.table.sample(&mut rng).unwrap().0).or_default() += 1;
    }
    // A fair die thrown so often stays within six standard deviations of 200.
    assert_eq!(counts.len(), 600);
    assert!(counts.values().all(|count| (115..=285).contains(count)), "{counts:?}");
    assert_eq!(Table::<u8>::new().sample(&mut rng), None);
}

#[test]
fn memory_follows_the_number_of_entries() {
    let mut tested = Tested::new(Quality::Random);
    assert_eq!(tested.table.allocated_bytes(), 0);
    (0..100_000).for_each(|key| tested.insert(key, 0));
    let per_entry = tested.table.allocated_bytes() as f64 / 100_000.0;
    // An entry of 8 bytes, its hash, a slot of 2 bytes at least half used, and what a vector keeps free.
    assert!(per_entry < 26.0, "{per_entry} bytes an entry");
    (0..99_900).for_each(|key| tested.remove(key));
    tested.check();
    assert!(tested.table.allocated_bytes() < 10_000, "{} bytes for 100 entries", tested.table.allocated_bytes());
    assert!(size_of::<Table<u8>>() <= 15 * size_of::<usize>());
}

#[test]
fn no_insertion_does_more_than_a_segment_of_work() {
    let mut tested = Tested::new(Quality::Random);
    for key in 0..50_000 {
        let before = tested.table.segments.len();
        tested.insert(key, 0);
        assert!(tested.table.segments.len() <= before + 2);
    }
    assert!(tested.table.segments.iter().all(|segment| segment.len() <= super::SEGMENT_MAX));
}

/// Records whose first byte says how long their key is.
#[derive(Debug, Clone)]
struct FirstByte;

impl super::Keyed for FirstByte {
    fn key(record: &[u8]) -> &[u8] {
        let length = record.first().map_or(0, |length| usize::from(*length));
        record.get(1..1 + length).unwrap_or_default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn records_behave_like_a_map_of_bytes(
        ops in prop::collection::vec((0_u32..3_000, 1_u32..900, prop_oneof![4 => 0_usize..40, 1 => 200_usize..300], 0..4), 1..30),
    ) {
        let mut records = super::Records::<FirstByte>::seeded(3);
        let mut model = BTreeMap::<Vec<u8>, Vec<u8>>::new();
        for (start, count, length, action) in ops {
            for number in start..start + count {
                let key = number.to_le_bytes();
                let head = [&[4], &key[..]].concat();
                let value = alloc::vec![number as u8; length + number as usize % 3];
                if action == 0 {
                    prop_assert_eq!(records.discard(&key), model.remove(&key[..]).is_some());
                } else {
                    if !records.replace(&key, &head, &value) {
                        records.insert(&key, &head, &value);
                    }
                    model.insert(key.to_vec(), [head, value].concat());
                }
            }
            prop_assert_eq!(records.len(), model.len());
            prop_assert_eq!(records.iter().count(), model.len());
            for (key, record) in &model {
                prop_assert_eq!(records.get(key), Some(&record[..]));
            }
            records.segments.iter().for_each(|segment| segment.assert_consistent(3));
            let bytes = records.segments.iter().map(Segment::allocated_bytes).sum::<usize>();
            prop_assert_eq!(records.segment_bytes, bytes);
        }
        for key in model.keys() {
            prop_assert!(records.discard(key));
        }
        prop_assert!(records.is_empty() && records.segments.len() <= 1);
    }
}

#[test]
fn records_take_little_more_than_their_bytes() {
    let mut records = super::Records::<FirstByte>::seeded(3);
    for number in 0..100_000_u64 {
        records.insert(&number.to_le_bytes(), &[8], &[number.to_le_bytes(), [7; 8]].concat());
    }
    let per_record = records.allocated_bytes() as f64 / 100_000.0;
    // 17 bytes and their length, where they start, a slot of 2 bytes at least half used, and the half of a page.
    assert!(per_record < 31.0, "{per_record} bytes a record of 17");
}
