//! The store: what is written is as long as what changed, what is loaded is what was, and damage costs what it hit.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::{Pair, make_replica, words};
use crate::{
    Env, Limits,
    format::{ClientId, FrameKind, encode_frame},
    hash::Rng,
    sync::{Replica, ReplicaOptions, StoreBatch, StoreOp},
};

/// Stored pairs.
type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn list(pairs: &Pairs) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn bytes(batch: &StoreBatch) -> usize {
    let put = |op: &StoreOp| if let StoreOp::Put(key, value) = op { key.len() + value.len() } else { 0 };
    batch.ops.iter().map(put).sum()
}

fn puts(batch: &StoreBatch, prefix: &str) -> usize {
    let is_put = |op: &&StoreOp| matches!(op, StoreOp::Put(key, _) if key.starts_with(prefix.as_bytes()));
    batch.ops.iter().filter(is_put).count()
}

#[test]
fn a_batch_is_carried_out_in_order_and_a_prefix_takes_with_it_what_begins_so() {
    let put = |key: &[u8]| StoreOp::Put(key.to_vec(), key.to_vec());
    let mut pairs = Pairs::new();
    let ops = [b"a".as_slice(), b"b/", b"b/1", b"b/\xff", b"b0", b"c"].map(put).into();
    StoreBatch { ops, strict: false }.apply(&mut pairs);
    let prefix = || StoreOp::DeletePrefix(b"b/".to_vec());
    let ops = vec![put(b"b/2"), prefix(), put(b"b/3"), StoreOp::Delete(b"c".to_vec()), StoreOp::Delete(b"d".to_vec())];
    StoreBatch { ops, strict: true }.apply(&mut pairs);
    assert_eq!(list(&pairs), [b"a".as_slice(), b"b/3", b"b0"].map(|key| (key.to_vec(), key.to_vec())));
    StoreBatch { ops: vec![StoreOp::DeletePrefix(vec![])], strict: false }.apply(&mut pairs);
    assert!(pairs.is_empty());
}

fn replica_of_run(run: u64) -> Replica {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&run.to_le_bytes());
    Replica::new(
        ReplicaOptions {
            client: ClientId(id),
            interest: vec![b"*".to_vec()],
            db: 0,
            seed: run,
            limits: Limits::DEFAULT,
        },
        Env::new(1_000_000, 0),
    )
}

impl Pair {
    fn store(&mut self, pairs: &mut Pairs) {
        while let Some(batch) = self.replica.poll_store() {
            batch.apply(pairs);
        }
    }

    /// The connection is gone, and so is the replica; another one takes its place.
    fn restart(&mut self, replica: Replica) {
        let env = self.env();
        self.hub.close_peer(&mut self.engine, env, self.peer);
        self.replica = replica;
    }

    /// Agrees with the server, also if that takes more than one connection.
    fn settle_all(&mut self) {
        self.connect();
        self.sync();
        let server = self.engine.keyspace().digest();
        assert_eq!(self.digest(), server);
    }

    fn reply(&mut self, line: &str) -> String {
        format!("{:?}", self.call(line))
    }
}

#[test]
fn what_is_written_is_as_long_as_what_changed() {
    let mut pair = Pair::new();
    for key in 0..2_000 {
        pair.call_server(&format!("SET a:{key} {}", "v".repeat(100)));
    }
    pair.exchange();
    let mut pairs = Pairs::new();
    pair.store(&mut pairs);
    pair.call_server("SET b:1 x");
    pair.exchange();
    let batch = pair.replica.poll_store().unwrap();
    assert!(bytes(&batch) < 300 && !batch.strict, "a changed key: {} bytes", bytes(&batch));
    batch.apply(&mut pairs);
    let env = pair.env();
    pair.replica.subscribe(env, &[b"c:*"], &[]);
    pair.exchange();
    pair.replica.subscribe(env, &[b"b:*"], &[b"c:*"]);
    pair.exchange();
    assert!(!pair.replica.is_subscribing());
    let batch = pair.replica.poll_store().unwrap();
    assert!(bytes(&batch) < 300, "changes of interest: {} bytes", bytes(&batch));
    batch.apply(&mut pairs);
    assert!(pair.replica.forget(b"a:7"));
    let batch = pair.replica.poll_store().unwrap();
    assert!(bytes(&batch) < 300, "a forgotten key: {} bytes", bytes(&batch));
    batch.apply(&mut pairs);
    assert!(pair.replica.poll_store().is_none());
    assert!(!pair.replica.compact_store(), "the tail is short");

    let mut twin = replica_of_run(2);
    twin.load(&list(&pairs)).unwrap();
    assert_eq!(twin.engine().keyspace().digest(), pair.digest());
    let left = twin.poll_store().map_or(0, |batch| bytes(&batch));
    assert!(left < 300, "what was loaded needn't be stored, but for another interest: {left} bytes");
    assert!(!twin.forget(b"a:7"), "it is forgotten already");
    assert!(twin.forget(b"a:8"));
}

#[test]
fn a_tail_that_has_outgrown_its_base_is_compacted_when_there_is_time_and_not_before() {
    let mut pair = Pair::new();
    let mut pairs = Pairs::new();
    let value = "v".repeat(1_000);
    for key in 0..600 {
        pair.call_server(&format!("SET k:{} {value}", key % 3));
        pair.exchange();
        pair.store(&mut pairs);
    }
    assert!(pairs.len() > 100);
    assert!(pair.replica.compact_store());
    let batch = pair.replica.poll_store().unwrap();
    assert!(bytes(&batch) < 4_000);
    batch.apply(&mut pairs);
    assert_eq!(pairs.len(), 2, "a head and a base: {:?}", pairs.keys());
    let mut twin = replica_of_run(2);
    twin.load(&list(&pairs)).unwrap();
    assert_eq!(twin.engine().keyspace().digest(), pair.digest());
}

#[test]
fn what_nobody_takes_stays_bounded() {
    let mut pair = Pair::new();
    pair.store(&mut Pairs::new());
    let value = "v".repeat(10_000);
    for _ in 0..1_000 {
        pair.call_server(&format!("SET k {value}"));
        pair.exchange();
    }
    let batch = pair.replica.poll_store().unwrap();
    assert!(bytes(&batch) < 20_000, "ten megabytes of changes to one key: {} bytes", bytes(&batch));
}

#[test]
fn commands_of_one_batch_share_a_pair_until_the_last_is_answered() {
    let mut pair = Pair::new();
    let mut pairs = Pairs::new();
    pair.store(&mut pairs);
    for _ in 0..1_000 {
        pair.call("INCR n");
    }
    let batch = pair.replica.poll_store().unwrap();
    assert!(batch.strict);
    assert_eq!((batch.ops.len(), puts(&batch, "pend/")), (1, 1));
    batch.apply(&mut pairs);
    pair.call("INCR n");
    pair.store(&mut pairs);
    let before = pairs.clone();
    pair.exchange();
    let batch = pair.replica.poll_store().unwrap();
    assert!(!batch.strict);
    assert_eq!(puts(&batch, "pend/"), 0);
    batch.apply(&mut pairs);
    assert!(pairs.keys().all(|key| !key.starts_with(b"pend/")));

    // One that was answered before it was stored isn't stored at all.
    pair.call("INCR n");
    pair.exchange();
    let batch = pair.replica.poll_store().unwrap();
    assert!(!batch.strict);
    assert_eq!(puts(&batch, "pend/"), 0);

    let mut twin = replica_of_run(2);
    twin.load(&list(&before)).unwrap();
    assert_eq!(twin.status().pending, 1_001);
    pair.restart(twin);
    pair.settle_all();
    assert_eq!(pair.reply("GET n"), pair.reply("ECHO 1002"));
}

#[test]
fn a_store_that_is_started_anew_holds_everything() {
    let mut pair = Pair::new();
    pair.call_server("SET k v");
    pair.exchange();
    pair.cut();
    pair.replica.stop_storing();
    pair.call("INCR n");
    assert!(pair.replica.poll_store().is_none());
    let mut pairs: Pairs = [(b"pend/00000000000000ff".to_vec(), vec![1, 2, 3])].into();
    pair.replica.start_storing();
    let batch = pair.replica.poll_store().unwrap();
    assert!(batch.strict);
    batch.apply(&mut pairs);
    let mut twin = replica_of_run(2);
    twin.load(&list(&pairs)).unwrap();
    assert_eq!(twin.status().pending, 1);
    twin.settle();
    assert_eq!(twin.engine().keyspace().digest(), pair.digest());
}

#[test]
fn commands_of_a_hundred_earlier_runs_take_more_than_one_connection() {
    let mut pair = Pair::new();
    let mut pairs = Pairs::new();
    pair.store(&mut pairs);
    for run in 2..102 {
        let mut replica = replica_of_run(run);
        replica.load(&list(&pairs)).unwrap();
        pair.restart(replica);
        pair.call("INCR n");
        pair.call(&format!("RPUSH list {run}"));
        pair.store(&mut pairs);
    }
    assert_eq!(pair.replica.status().pending, 200);
    pair.connect();
    pair.sync();
    assert_eq!(pair.reply("GET n"), pair.reply("ECHO 100"));
    let expected: Vec<String> = (2..102).map(|run: u64| run.to_string()).collect();
    let found = pair.reply("LRANGE list 0 -1");
    pair.call(&format!("RPUSH expected {}", expected.join(" ")));
    assert_eq!(found, pair.reply("LRANGE expected 0 -1"));
}

#[test]
fn commands_that_are_found_while_connected_go_up_on_another_connection() {
    let mut other = replica_of_run(9);
    other.execute(Env::new(1_000_000, 0), &words("INCR n"), &mut Vec::new());
    let mut pairs = Pairs::new();
    other.poll_store().unwrap().apply(&mut pairs);
    let mut pair = Pair::new();
    pair.call("INCR n");
    assert_eq!(pair.replica.salvage(&list(&pairs)), 1);
    pair.sync();
    assert_eq!(pair.reply("GET n"), pair.reply("ECHO 2"));
}

#[test]
fn commands_in_the_format_of_the_first_release_are_taken_over() {
    // What the release before wrote: one command a pair.
    let mut pair = Pair::new();
    pair.call("INCR n");
    let mut pairs = Pairs::new();
    pair.store(&mut pairs);
    let (key, group) = pairs.iter().find(|(key, _)| key.starts_with(b"pend/")).unwrap();
    let old: Pairs = [(b"head".to_vec(), framed(FrameKind::Head, &[2, 0, 0])), (key.clone(), group.clone())].into();
    let mut next = replica_of_run(2);
    let error = next.load(&list(&old)).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
    let mut next = replica_of_run(3);
    assert_eq!(next.salvage(&list(&old)), 1);
    assert_eq!(next.salvage(&list(&old)), 0, "what is here already is left out");
    pair.restart(next);
    pair.settle_all();
    assert_eq!(pair.reply("GET n"), pair.reply("ECHO 1"));
}

fn framed(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, payload, &mut bytes);
    bytes
}

/// Damages pairs in one of the ways in which it could happen. Returns the commands that it hit, if that can be told.
fn damage(pairs: &mut Pairs, rng: &mut Rng) {
    let at = rng.index(pairs.len());
    let Some((key, mut value)) = pairs.iter().nth(at).map(|(key, value)| (key.clone(), value.clone())) else { return };
    let kind = rng.below(4);
    if kind > 0 {
        pairs.remove(&key);
    }
    match kind {
        0 => {
            let at = rng.index(value.len());
            if let Some(byte) = value.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
            pairs.insert(key, value);
        }
        1 => {
            value.truncate(rng.index(value.len()));
            pairs.insert(key, value);
        }
        2 => {
            let mut key = key;
            let at = rng.index(key.len());
            if let Some(byte) = key.get_mut(at) {
                *byte ^= 1 << rng.below(5);
            }
            pairs.insert(key, value);
        }
        _ => {}
    }
}

proptest! {
    /// Through restarts, cuts and lost batches everything takes effect once, and what was stored comes back; where the
    /// store is damaged, what is left is a part of it in the same order, and both sides agree in the end.
    #[test]
    fn a_store_comes_back_and_damage_costs_what_it_hit(seed in any::<u64>().no_shrink()) {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::new();
        let mut pairs = Pairs::new();
        let mut run = 1;
        let mut token = 0;
        let mut written: Vec<String> = Vec::new();
        let mut stored: BTreeSet<String> = BTreeSet::new();
        let is_damaging = rng.below(2) == 0;
        let mut was_damaged = false;
        for _ in 0..60 {
            match rng.below(12) {
                0..=4 => {
                    for _ in 0..=rng.below(4) {
                        token += 1;
                        written.push(token.to_string());
                        pair.call(&format!("RPUSH list {token}"));
                    }
                }
                5 => pair.call_server(&format!("INCR k:{}", rng.below(5))),
                6 => {
                    pair.store(&mut pairs);
                    stored.extend(written.iter().cloned());
                }
                7 | 8 => pair.try_exchange(),
                9 => {
                    pair.connect();
                    pair.try_exchange();
                }
                10 => {
                    pair.replica.compact_store();
                }
                _ => {
                    run += 1;
                    // What wasn't stored is gone with the tab, if the server hasn't got it.
                    written.retain(|token| stored.contains(token));
                    if is_damaging && rng.below(2) == 0 && !pairs.is_empty() {
                        damage(&mut pairs, &mut rng);
                        was_damaged = true;
                    }
                    let mut replica = replica_of_run(run);
                    match replica.load(&list(&pairs)) {
                        Ok(()) => {}
                        Err(error) => {
                            prop_assert!(was_damaged, "{error}");
                            run += 1;
                            replica = replica_of_run(run);
                            replica.salvage(&list(&pairs));
                            pairs.clear();
                        }
                    }
                    pair.restart(replica);
                    pair.store(&mut pairs);
                    if rng.below(2) == 0 {
                        pair.connect();
                        pair.try_exchange();
                    }
                }
            }
        }
        pair.store(&mut pairs);
        pair.cut();
        pair.settle_all();
        let mut reply = Vec::new();
        let env = pair.env();
        pair.engine.execute(env, pair.client, &words("LRANGE list 0 -1"), &mut reply);
        let text = String::from_utf8(reply).unwrap();
        let found: Vec<u64> = text.split("\r\n").skip(2).step_by(2).filter_map(|token| token.parse().ok()).collect();
        prop_assert!(found.windows(2).all(|two| two[0] < two[1]), "once each, in order: {found:?}");
        if !was_damaged {
            for token in &stored {
                prop_assert!(found.contains(&token.parse().unwrap()), "{token} was stored, and is not among {found:?}");
            }
        }
    }

    /// One damaged command costs itself and no other.
    #[test]
    fn what_can_be_read_of_a_damaged_store_is_kept(seed in any::<u64>().no_shrink()) {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::new();
        let mut pairs = Pairs::new();
        pair.cut();
        let count = 2 + rng.below(20);
        for token in 0..count {
            pair.call(&format!("RPUSH list {token}"));
            if rng.below(3) == 0 {
                pair.store(&mut pairs);
            }
        }
        pair.store(&mut pairs);
        pairs.remove(b"head".as_slice());
        let at = rng.index(pairs.len());
        if let Some((_, value)) = pairs.iter_mut().nth(at) {
            let at = rng.index(value.len());
            value[at] ^= 1 << rng.below(8);
        }
        let mut next = replica_of_run(2);
        prop_assert!(next.load(&list(&pairs)).is_err());
        let mut next = replica_of_run(3);
        prop_assert_eq!(next.salvage(&list(&pairs)) as u64, count - 1);
        pair.restart(next);
        pair.settle_all();
        let length = pair.reply("LLEN list");
        let expected = pair.reply(&format!("RPUSH other {}", vec!["x"; count as usize - 1].join(" ")));
        prop_assert_eq!(length, expected);
    }
}

#[test]
fn nothing_is_loaded_from_nothing() {
    let mut replica = make_replica(1, &["*"]);
    replica.load(&[]).unwrap();
    assert_eq!(replica.salvage(&[]), 0);
    assert!(replica.poll_store().is_none());
}
