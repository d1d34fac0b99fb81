//! Effects from nowhere: any shape, cut, flipped or made up. They are refused, or applied without harm and undone exactly.

use alloc::{vec, vec::Vec};

use proptest::{collection::vec, prelude::*};

use super::{
    calls::steps,
    world::{World, check_invariants, content},
};
use crate::{
    Role, UnixMillis,
    blob::Blob,
    effect::{Change, Effect, Put, Removal, StoredField, StoredValue},
    format::effects,
    keyspace::Keyspace,
    limits::STRING_BYTES_MAX,
    types::{
        hash::HashChange,
        list::{ListChange, Side},
        set::SetChange,
        stream::{StoredConsumer, StoredDelivery, StoredGroup, StoredStream, StreamChange, StreamId},
        string::{Expiry, StringChange},
        zset::ZSetChange,
    },
};

fn blob() -> impl Strategy<Value = Blob<'static>> {
    prop_oneof![Just(Blob::from(&b"a"[..])), Just(Blob::from(&b"12"[..])), vec(any::<u8>(), 0..20).prop_map(Blob::from)]
}

fn blobs() -> impl Strategy<Value = Vec<Blob<'static>>> {
    vec(blob(), 0..6)
}

/// Positions and counts, most of them near what a value holds.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..12_u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn deadline() -> impl Strategy<Value = UnixMillis> {
    prop_oneof![number().prop_map(UnixMillis), (1_000_000..1_100_000_u64).prop_map(UnixMillis)]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(1.0), Just(f64::NAN), Just(f64::INFINITY)]
}

fn stored_value() -> impl Strategy<Value = StoredValue<'static>> {
    prop_oneof![
        blob().prop_map(StoredValue::String),
        blobs().prop_map(StoredValue::List),
        blobs().prop_map(StoredValue::Set),
        vec((blob(), blob()), 0..6).prop_map(StoredValue::Hash),
        vec((score(), blob()), 0..6).prop_map(StoredValue::ZSet),
        vec((blob(), blob(), proptest::option::of(deadline())), 0..6).prop_map(|fields| {
            let field = |(field, value, expires_at)| StoredField { field, value, expires_at };
            StoredValue::TimedHash(fields.into_iter().map(field).collect())
        }),
        stored_stream().prop_map(|stream| StoredValue::Stream(stream.into())),
    ]
}

fn stream_id() -> impl Strategy<Value = StreamId> {
    let ms = prop_oneof![4 => number(), 4 => 1_000_000..1_000_003_u64];
    (ms, number()).prop_map(|(ms, seq)| StreamId { ms, seq })
}

fn name() -> impl Strategy<Value = Blob<'static>> {
    "[gha]".prop_map(|name| Blob::from(name.into_bytes()))
}

fn deliveries() -> impl Strategy<Value = Vec<StoredDelivery>> {
    let delivery = (stream_id(), deadline(), number());
    vec(delivery.prop_map(|(id, at, count)| StoredDelivery { id, at, count }), 0..4)
}

fn stored_stream() -> impl Strategy<Value = StoredStream<'static>> {
    let consumer = (name(), deadline(), deliveries()).prop_map(|(name, seen_at, pending)| StoredConsumer {
        name,
        seen_at,
        pending,
    });
    let group = (name(), stream_id(), proptest::option::of(number()), vec(consumer, 0..3))
        .prop_map(|(name, last_id, entries_read, consumers)| StoredGroup { name, last_id, entries_read, consumers });
    (stream_id(), stream_id(), number(), vec((stream_id(), blobs()), 0..4), vec(group, 0..3)).prop_map(
        |(last_id, max_deleted, added, entries, groups)| StoredStream { last_id, max_deleted, added, entries, groups },
    )
}

fn stream_change() -> impl Strategy<Value = StreamChange<'static>> {
    let read = || proptest::option::of(number());
    prop_oneof![
        4 => (stream_id(), blobs()).prop_map(|(id, words)| StreamChange::Add { id, words }),
        1 => number().prop_map(StreamChange::Trim),
        2 => vec(stream_id(), 0..6).prop_map(StreamChange::Delete),
        1 => (stream_id(), stream_id(), number())
            .prop_map(|(last_id, max_deleted, added)| StreamChange::SetHead { last_id, max_deleted, added }),
        2 => (name(), stream_id(), read())
            .prop_map(|(group, last_id, entries_read)| StreamChange::CreateGroup { group, last_id, entries_read }),
        1 => (name(), stream_id(), read())
            .prop_map(|(group, last_id, entries_read)| StreamChange::SetGroup { group, last_id, entries_read }),
        1 => name().prop_map(StreamChange::DestroyGroup),
        2 => (name(), name(), deadline(), stream_id(), read(), vec(stream_id(), 0..6)).prop_map(
            |(group, consumer, at, last_id, entries_read, ids)| StreamChange::Read {
                group, consumer, at, last_id, entries_read, ids,
            }
        ),
        2 => (name(), name(), deadline(), deliveries())
            .prop_map(|(group, consumer, at, deliveries)| StreamChange::Deliver { group, consumer, at, deliveries }),
        2 => (name(), vec(stream_id(), 0..6)).prop_map(|(group, ids)| StreamChange::Acknowledge { group, ids }),
        1 => (name(), name()).prop_map(|(group, consumer)| StreamChange::DeleteConsumer { group, consumer }),
    ]
}

fn string_change() -> impl Strategy<Value = StringChange<'static>> {
    let expiry = prop_oneof![Just(Expiry::Clear), Just(Expiry::Keep), deadline().prop_map(Expiry::At)];
    prop_oneof![
        (blob(), expiry).prop_map(|(value, expiry)| StringChange::Set { value, expiry }),
        blob().prop_map(StringChange::Append),
        (splice_offset(), blob()).prop_map(|(offset, bytes)| StringChange::Splice { offset, bytes }),
    ]
}

/// Small, or past the limit: what lies between is allowed and costs what a command could have asked for.
fn splice_offset() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..200_u64, 1 => STRING_BYTES_MAX as u64..]
}

fn list_change() -> impl Strategy<Value = ListChange<'static>> {
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    prop_oneof![
        (side(), blobs()).prop_map(|(side, elements)| ListChange::Push { side, elements }),
        (side(), number()).prop_map(|(side, count)| ListChange::Pop { side, count }),
        (number(), blob()).prop_map(|(index, element)| ListChange::Set { index, element }),
        (number(), blob()).prop_map(|(index, element)| ListChange::Insert { index, element }),
        vec(number(), 0..6).prop_map(|indices| ListChange::Remove { indices }),
        (number(), number()).prop_map(|(start, count)| ListChange::Trim { start, count }),
    ]
}

fn change() -> impl Strategy<Value = Change<'static>> {
    let removal = prop_oneof![Just(Removal::Deleted), Just(Removal::Expired), Just(Removal::Evicted)];
    prop_oneof![
        1 => removal.prop_map(Change::Delete),
        2 => (stored_value(), proptest::option::of(deadline()))
            .prop_map(|(value, expires_at)| Change::Put(Put { value, expires_at })),
        1 => deadline().prop_map(Change::ExpireAt),
        1 => Just(Change::Persist),
        1 => Just(Change::Flush),
        3 => string_change().prop_map(Change::String),
        3 => list_change().prop_map(Change::List),
        2 => blobs().prop_map(|members| Change::Set(SetChange::Add(members))),
        2 => blobs().prop_map(|members| Change::Set(SetChange::Remove(members))),
        2 => vec((blob(), blob()), 0..6).prop_map(|pairs| Change::Hash(HashChange::Set(pairs))),
        2 => blobs().prop_map(|fields| Change::Hash(HashChange::Remove(fields))),
        2 => vec((blob(), blob()), 0..6).prop_map(|pairs| Change::Hash(HashChange::SetKeeping(pairs))),
        1 => blobs().prop_map(|fields| Change::Hash(HashChange::Expire(fields))),
        2 => (deadline(), blobs()).prop_map(|(at, fields)| Change::Hash(HashChange::ExpireAt { at, fields })),
        1 => blobs().prop_map(|fields| Change::Hash(HashChange::Persist(fields))),
        2 => vec((score(), blob()), 0..6).prop_map(|members| Change::ZSet(ZSetChange::Set(members))),
        2 => blobs().prop_map(|members| Change::ZSet(ZSetChange::Remove(members))),
        6 => stream_change().prop_map(Change::Stream),
    ]
}

/// An effect on one of the keys that the streams of calls work on, of whatever type.
fn effect() -> impl Strategy<Value = (u8, Effect<'static>)> {
    let key = prop_oneof![
        "(string|list|set|hash|sorted-set|stream)[01]".prop_map(|name| Blob::from(name.into_bytes())),
        blob()
    ];
    (prop_oneof![9 => Just(0_u8), 1 => 0..16_u8], key, change())
        .prop_map(|(db, key, change)| (db, Effect { key, change }))
}

fn encode(effects: &[(u8, Effect<'_>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    effects.iter().for_each(|(db, effect)| effect.encode(*db, &mut bytes));
    bytes
}

/// Applies whatever effects `bytes` hold to a keyspace in use, then takes them back.
fn apply_and_undo(keyspace: &mut Keyspace, bytes: &[u8]) {
    let before = content(keyspace);
    let mut undos = Vec::new();
    for (db, effect) in effects(bytes).map_while(Result::ok) {
        let (held, undo_count) = (content(keyspace), undos.len());
        let applied = keyspace.apply(db, &effect, Some(&mut undos));
        assert_eq!(applied.changed, undos.len() > undo_count, "a change can be taken back: {effect:?}");
        if !applied.changed {
            assert_eq!(content(keyspace), held, "{effect:?} said that it changed nothing");
        }
    }
    check_invariants(keyspace);
    undos.into_iter().rev().for_each(|undo| keyspace.undo(undo));
    assert_eq!(content(keyspace), before);
    check_invariants(keyspace);
}

proptest! {
    #[test]
    fn effects_round_trip_and_no_prefix_is_one(effect in effect()) {
        let bytes = encode(core::slice::from_ref(&effect));
        let (db, decoded, rest) = Effect::decode(&bytes).unwrap();
        prop_assert!(rest.is_empty());
        // Compared by their bytes, because a score that isn't a number differs from itself.
        prop_assert_eq!(&encode(&[(db, decoded)]), &bytes);
        for end in 0..bytes.len() {
            prop_assert!(Effect::decode(&bytes[..end]).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn effects_of_any_shape_apply_and_undo(steps in steps(20), stream in vec(effect(), 1..20), compact: bool) {
        let mut world = World::new(Role::Primary, compact);
        steps.iter().for_each(|step| { world.step(step); });
        apply_and_undo(world.engine.keyspace_mut(), &encode(&stream));
    }

    #[test]
    fn damaged_effects_do_no_harm(
        steps in steps(20), stream in vec(effect(), 1..8), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut world = World::new(Role::Primary, false);
        steps.iter().for_each(|step| { world.step(step); });
        let mut bytes = encode(&stream);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !effects(&bytes).flatten().any(|(_, effect)| is_a_large_splice(&effect)) {
            apply_and_undo(world.engine.keyspace_mut(), &bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(prop_oneof![0..16_u8, any::<u8>()], 0..80)) {
        if !effects(&bytes).flatten().any(|(_, effect)| is_a_large_splice(&effect)) {
            apply_and_undo(&mut Keyspace::new(Default::default()), &bytes);
        }
    }
}

/// Whether a splice is within the limit and large all the same: right to apply, and slow in a test.
fn is_a_large_splice(effect: &Effect<'_>) -> bool {
    matches!(&effect.change, Change::String(StringChange::Splice { offset, .. }) if (1 << 20..STRING_BYTES_MAX as u64).contains(offset))
}

#[test]
fn a_splice_past_the_limit_is_ignored() {
    for start in [None, Some(&b"text"[..]), Some(b"12")] {
        for offset in [STRING_BYTES_MAX as u64, 1 << 40, i64::MAX as u64, u64::MAX - 1, u64::MAX] {
            let mut keyspace = Keyspace::new(Default::default());
            if let Some(value) = start {
                let value = StringChange::Set { value: value.into(), expiry: Expiry::Clear };
                keyspace.apply(0, &Effect::new(b"k", Change::String(value)), None);
            }
            let before = content(&keyspace);
            let splice = StringChange::Splice { offset, bytes: b"xx"[..].into() };
            let mut undos = Vec::new();
            let applied = keyspace.apply(0, &Effect::new(b"k", Change::String(splice)), Some(&mut undos));
            assert_eq!((applied.changed, undos.len()), (false, 0), "offset {offset}");
            assert_eq!(content(&keyspace), before, "offset {offset}");
        }
    }
}

#[test]
fn a_database_that_does_not_exist_is_refused() {
    let bytes = encode(&[(0, Effect::delete(b"k"))]);
    for db in 16..=255 {
        let mut bytes = bytes.clone();
        bytes[0] = db;
        assert!(Effect::decode(&bytes).is_err());
    }
}
