//! Effects of real commands: a copy that applies them agrees, undos restore, snapshots carry everything.

use alloc::{collections::BTreeSet, vec::Vec};

use proptest::prelude::*;

use super::{
    calls::{Step, step, steps, writing_rows},
    world::{World, check_invariants, content, other_keyspace, words},
};
use crate::{
    Role,
    command::find_row,
    effect::{Change, Effect, Removal, Undo},
    format::{ChunkReader, FrameKind, LogSeq, Origin, Record, effects, encode_frame, split_frame},
    hash::Rng,
    keyspace::Keyspace,
};

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Primary), Just(Role::Replica)]
}

fn apply_all(keyspace: &mut Keyspace, bytes: &[u8]) {
    for effect in effects(bytes) {
        let (db, effect) = effect.expect("a journal holds whole effects");
        let applied = keyspace.apply(db, &effect, None);
        assert!(applied.changed, "what didn't change anything isn't journaled: {effect:?}");
    }
}

proptest! {
    #[test]
    fn a_copy_that_applies_the_effects_holds_the_same(steps in steps(60), role in role(), compact: bool) {
        let mut world = World::new(role, compact);
        let mut copy = other_keyspace();
        for step in &steps {
            let (journal, _) = world.step(step);
            apply_all(&mut copy, &journal);
            prop_assert_eq!(content(world.engine.keyspace()), content(&copy), "after {:?}", step);
            prop_assert_eq!(world.engine.keyspace().digest(), copy.digest());
        }
        check_invariants(world.engine.keyspace());
        check_invariants(&copy);
    }

    #[test]
    fn undos_restore_every_state_on_the_way_back(steps in steps(40), role in role(), compact: bool) {
        let mut world = World::new(role, compact);
        let mut history: Vec<(_, Vec<Undo>)> = Vec::new();
        for step in &steps {
            let before = content(world.engine.keyspace());
            let (_, undos) = world.step(step);
            history.push((before, undos));
        }
        for ((before, undos), step) in history.into_iter().zip(&steps).rev() {
            world.engine.undo_all(undos);
            prop_assert_eq!(content(world.engine.keyspace()), before, "before {:?}", step);
            check_invariants(world.engine.keyspace());
        }
        prop_assert_eq!(world.engine.keyspace().digest(), 0);
    }

    /// A replica undoes its guesses and runs them again: the same guesses have to come out.
    #[test]
    fn what_was_undone_can_be_applied_again(steps in steps(30), compact: bool) {
        let mut world = World::new(Role::Replica, compact);
        let (mut undos, mut journal) = (Vec::new(), Vec::new());
        for step in &steps {
            let (effects, more) = world.step(step);
            journal.extend(effects);
            undos.extend(more);
        }
        let after = content(world.engine.keyspace());
        world.engine.undo_all(undos);
        for effect in effects(&journal) {
            let (db, effect) = effect.unwrap();
            world.engine.apply(db, &effect);
        }
        prop_assert_eq!(content(world.engine.keyspace()), after);
    }

    #[test]
    fn a_snapshot_carries_everything(steps in steps(60), compact: bool) {
        let mut world = World::new(Role::Primary, compact);
        steps.iter().for_each(|step| { world.step(step); });
        let mut disk = Vec::new();
        world.engine.snapshot(|_, _| true, |chunk| encode_frame(FrameKind::Chunk, &chunk, &mut disk));
        let (mut loaded, mut rest) = (other_keyspace(), disk.as_slice());
        while !rest.is_empty() {
            let (frame, after) = split_frame(rest).unwrap();
            for effect in ChunkReader::new(frame.payload).effects() {
                let (db, effect) = effect.unwrap();
                loaded.apply(db, &effect, None);
            }
            rest = after;
        }
        prop_assert_eq!(content(&loaded), content(world.engine.keyspace()));
    }

    #[test]
    fn a_digest_tells_contents_apart_and_adds_up(steps in steps(30)) {
        let mut world = World::new(Role::Primary, false);
        let mut seen = alloc::collections::BTreeMap::new();
        for step in &steps {
            world.step(step);
            let keyspace = world.engine.keyspace();
            let held = content(keyspace);
            let other = seen.entry(keyspace.digest()).or_insert_with(|| held.clone());
            prop_assert_eq!(&*other, &held);
            let of_lists = keyspace.digest_of(|_, key| key.starts_with(b"list"));
            let of_others = keyspace.digest_of(|_, key| !key.starts_with(b"list"));
            prop_assert_eq!(of_lists.wrapping_add(of_others), keyspace.digest());
        }
    }

    #[test]
    fn records_round_trip_and_no_prefix_is_one(steps in steps(8), seq: u64, client: Option<([u8; 16], u64)>) {
        let mut world = World::new(Role::Primary, false);
        let journal: Vec<u8> = steps.iter().flat_map(|step| world.step(step).0).collect();
        let origin = client.map(|(id, seq)| Origin { client: crate::format::ClientId(id), seq: crate::format::ClientSeq(seq) });
        let mut bytes = Vec::new();
        Record::encode(LogSeq(seq), crate::UnixMillis(seq / 2), origin, &journal, &mut bytes);
        let (record, rest) = Record::decode(&bytes).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!((record.header.seq, record.header.time, record.header.origin), (LogSeq(seq), crate::UnixMillis(seq / 2), origin));
        prop_assert_eq!(record.effects, &journal[..]);
        let decoded: Vec<_> = record.effects().collect::<Result<_, _>>().unwrap();
        let mut again = Vec::new();
        decoded.iter().for_each(|(db, effect)| Effect::encode(effect, *db, &mut again));
        prop_assert_eq!(again, journal);
        for end in 0..bytes.len() {
            prop_assert!(Record::decode(&bytes[..end]).is_err(), "cut at {}", end);
        }
    }
}

proptest! {
    /// Whether a key, or a field of a hash, has expired is for the engine to find, whatever the call that finds it comes to.
    #[test]
    fn a_failing_call_has_no_effect_but_expiry(steps in steps(60), compact: bool) {
        let mut world = World::new(Role::Primary, compact);
        for step in &steps {
            let Step::Calls(calls) = step else {
                world.step(step);
                continue;
            };
            for call in calls {
                let failed = world.call(call).starts_with(b"-");
                let journal = world.engine.journal_mut().bytes().to_vec();
                world.engine.journal_mut().clear();
                let is_expiry = |change| {
                    matches!(change, Change::Delete(Removal::Expired) | Change::Hash(crate::types::hash::HashChange::Expire(_)))
                };
                let expiry = effects(&journal).all(|effect| is_expiry(effect.unwrap().1.change));
                prop_assert!(!failed || expiry, "{:?} failed, and had effects", call);
            }
        }
    }
}

/// The streams above are worth what they reach: every command that writes has to change something in them.
#[test]
fn the_streams_reach_every_writing_command() {
    let mut effective = BTreeSet::new();
    let wanted = writing_rows().count();
    for seed in 0..300 {
        if effective.len() == wanted {
            break;
        }
        let (mut rng, mut world) = (Rng::new(seed), World::new(Role::Primary, seed % 2 == 0));
        for _ in 0..500 {
            let step = step(&mut rng);
            let (journal, _) = world.step(&step);
            if let Step::Calls(calls) = &step
                && let [call] = calls.as_slice()
                && !journal.is_empty()
            {
                let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
                effective.extend(find_row(&words).map(|(row, _)| row.full_name()));
            }
        }
    }
    let missed: Vec<_> = writing_rows().map(|row| row.full_name()).filter(|name| !effective.contains(name)).collect();
    assert!(missed.is_empty(), "nothing was changed by {missed:?}");
}

#[test]
fn a_failing_command_leaves_no_effect() {
    let mut world = World::new(Role::Primary, false);
    for line in
        ["SET string0 text", "INCR string0", "LPUSH string0 a", "SETRANGE string0 536870912 x", "EXPIRE string0 x"]
    {
        let reply = world.call(&words(line));
        let effects = world.engine.journal_mut().count();
        assert_eq!(reply.starts_with(b"-"), effects == 0, "{line}");
        world.engine.journal_mut().clear();
    }
}
