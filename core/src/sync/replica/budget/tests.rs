//! With a budget a replica holds what fits, knows what it doesn't hold, and is never wrong.

mod kept;
mod needed;

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::{super::tests::Pair, Eviction, Replica};
use crate::{
    Env, Limits,
    format::ClientId,
    hash::Rng,
    keyspace::Entry,
    resp::Value,
    sync::{Event, Grant, ReplicaOptions, State},
};

/// The memory that a few dozen of the keys below take.
const BYTES_MAX: usize = 8 * 1024;
/// A value is at most so long, and a command that waits keeps one from being forgotten.
const VALUE_BYTES_MAX: usize = 300;
/// Memory is counted by what pages take, and one grows by so much at a time.
const PAGE_STEP: usize = 512;
const KEYS: u64 = 200;

fn make(run: u8, policy: Eviction) -> Replica {
    let options = ReplicaOptions {
        client: ClientId([run; 16]),
        interest: vec![b"*".to_vec()],
        db: 0,
        seed: u64::from(run),
        limits: Limits::DEFAULT,
    };
    let mut replica = Replica::new(options, Env::new(1_000_000, 0));
    replica.limit_memory(BYTES_MAX, policy);
    replica
}

fn key(rng: &mut Rng) -> String {
    format!("k:{}", rng.below(KEYS))
}

fn write(rng: &mut Rng, key: &str) -> String {
    let text = "x".repeat(rng.index(VALUE_BYTES_MAX));
    match rng.below(8) {
        0..3 => format!("SET {key} x{text}"),
        3 => format!("SET {key} x{text} PX 100000"),
        4 => format!("SET {key} x NX"),
        5 => format!("DEL {key}"),
        6 => format!("INCR n:{key}"),
        _ => format!("GETSET {key} y"),
    }
}

/// A pair whose replica has a budget, and its store.
struct World {
    pair: Pair,
    policy: Eviction,
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    runs: u8,
}

impl World {
    fn new(policy: Eviction) -> Self {
        Self::with(policy, BYTES_MAX)
    }

    fn with(policy: Eviction, bytes_max: usize) -> Self {
        let mut pair = Pair::new();
        pair.replica.limit_memory(bytes_max, policy);
        Self { pair, policy, store: BTreeMap::new(), runs: 1 }
    }

    fn save(&mut self) {
        while let Some(batch) = self.pair.replica.poll_store() {
            batch.apply(&mut self.store);
        }
    }

    fn hang_up(&mut self) {
        let env = self.pair.env();
        self.pair.hub.close_peer(&mut self.pair.engine, env, self.pair.peer);
        self.pair.replica.handle_disconnected();
    }

    fn connect(&mut self) {
        self.pair.peer = self.pair.hub.open_peer(Grant::everything());
        let env = self.pair.env();
        self.pair.replica.handle_connected(env);
    }

    /// Ends the replica, and makes another of what it had stored.
    fn restart(&mut self) {
        self.save();
        self.hang_up();
        self.runs += 1;
        self.pair.replica = make(self.runs, self.policy);
        let pairs: Vec<_> = self.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.pair.replica.load(&pairs).unwrap();
    }

    /// Looks until there is nothing more to forget.
    fn drain(&mut self) {
        while self.pair.replica.shrink() {}
        self.pair.replica.settle();
    }

    fn check_size(&self) -> Result<(), TestCaseError> {
        let replica = &self.pair.replica;
        let most = BYTES_MAX + PAGE_STEP + (1 + replica.status().pending) * (VALUE_BYTES_MAX + 200);
        prop_assert!(replica.memory_bytes() <= most, "{} bytes of {most}", replica.memory_bytes());
        Ok(())
    }

    /// Whatever is known is what the server has. Only where nothing is under way.
    fn check_content(&mut self) -> Result<(), TestCaseError> {
        self.pair.replica.settle();
        let (server, replica) = (self.pair.engine.keyspace().db(0), &self.pair.replica);
        let digest = |entry: Option<Entry<'_>>| entry.map(Entry::digest);
        for number in 0..KEYS {
            for key in [format!("k:{number}"), format!("n:k:{number}")] {
                let key = key.as_bytes();
                if replica.is_known(key) {
                    let found = digest(replica.engine().keyspace().db(0).find(key));
                    prop_assert_eq!(found, digest(server.find(key)), "{}", key.escape_ascii());
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_replica_with_a_budget_is_small_and_never_wrong(seed in any::<u64>().no_shrink(), frequency: bool) {
        let mut rng = Rng::new(seed);
        let mut world = World::new(if frequency { Eviction::Lfu } else { Eviction::Lru });
        let mut written: Vec<String> = vec![];
        for _ in 0..400 {
            let key = key(&mut rng);
            match rng.below(20) {
                0..6 => {
                    let (line, pending) = (write(&mut rng, &key), world.pair.replica.status().pending);
                    world.pair.call(&line);
                    if world.pair.replica.status().pending > pending {
                        written.extend(line.split(' ').nth(1).map(String::from));
                    }
                }
                6..12 => world.pair.call_server(&write(&mut rng, &key)),
                12 => {
                    world.pair.replica.fetch(&[key.as_bytes()]);
                }
                13 => world.hang_up(),
                14 => {
                    world.hang_up();
                    world.connect();
                }
                15 if rng.below(3) == 0 => {
                    world.restart();
                    if world.pair.replica.status().pending == 0 {
                        written.clear();
                    }
                }
                16 if rng.below(8) == 0 => world.pair.call_server("FLUSHDB"),
                17 => world.save(),
                _ => {
                    world.pair.exchange();
                    world.drain();
                    if world.pair.replica.status().state == State::Live {
                        world.check_content()?;
                        written.clear();
                    }
                }
            }
            world.drain();
            world.check_size()?;
            if world.pair.replica.status().state != State::Live {
                for key in &written {
                    prop_assert!(world.pair.replica.is_known(key.as_bytes()), "{key} is written and unknown");
                }
            }
        }
        world.hang_up();
        world.connect();
        world.pair.exchange();
        world.drain();
        world.check_content()?;
        prop_assert_eq!(world.pair.replica.status().pending, 0);
        // What is fetched is there to be read, and is what the server has.
        for number in 0..KEYS {
            let key = format!("k:{number}");
            prop_assert!(world.pair.replica.fetch(&[key.as_bytes()]));
            world.pair.exchange();
            world.drain();
            world.check_size()?;
            prop_assert!(world.pair.replica.is_known(key.as_bytes()));
            let read = world.pair.call(&format!("TYPE {key}"));
            prop_assert!(!matches!(read, Value::Error(_)), "{read:?}");
        }
        world.check_content()?;
    }
}

/// What is used stays; by frequency it stays even if much else is used once.
#[test]
fn what_is_used_stays() {
    for policy in [Eviction::Lru, Eviction::Lfu] {
        let mut world = World::with(policy, 8 * BYTES_MAX);
        for number in 0..8 {
            world.pair.call_server(&format!("SET hot:{number} {}", "x".repeat(100)));
        }
        world.pair.exchange();
        for number in 0..2_000 {
            for hot in 0..8 {
                let value = world.pair.call(&format!("GET hot:{hot}"));
                assert!(matches!(value, Value::Bulk(_)), "{policy:?} forgets a hot key at {number}: {value:?}");
            }
            world.pair.call(&format!("SET cold:{number} {}", "x".repeat(100)));
            world.pair.exchange();
            world.drain();
        }
        assert!(world.pair.replica.evicted() > 1_500);
    }
}

#[test]
fn a_load_larger_than_the_budget_brings_what_fits() {
    let mut world = World::new(Eviction::Lru);
    world.hang_up();
    for number in 0..30_000 {
        world.pair.call_server(&format!("SET k:{number} {}", "x".repeat(30)));
    }
    world.pair.replica = make(2, Eviction::Lru);
    world.pair.replica.limit_memory(1024 * 1024, Eviction::Lru);
    world.connect();
    world.pair.exchange();
    world.drain();
    let held = world.pair.replica.engine().keyspace().db(0).len();
    assert!((15_000..25_000).contains(&held), "{held} keys");
    assert!(world.pair.replica.memory_bytes() <= 1024 * 1024);
    let known = (0..30_000).filter(|number| world.pair.replica.is_known(format!("k:{number}").as_bytes())).count();
    assert_eq!(known, held);
    assert!(!world.pair.replica.is_known(b"absent"), "whether it exists only the server knows");
    world.pair.replica.fetch(&[b"absent"]);
    world.pair.exchange();
    assert_eq!(world.pair.call("EXISTS absent"), Value::Integer(0));
    // Of some hundred keys it is known that they don't exist; whoever has such an answer is told when it is void. That all
    // may have changed was told when the load came.
    assert!(!world.pair.replica.drain_touched().flushed.is_empty());
    for number in 0..2_000 {
        let key = format!("absent:{number}");
        world.pair.replica.fetch(&[key.as_bytes()]);
        world.pair.exchange();
        assert!(world.pair.replica.is_known(key.as_bytes()));
    }
    let touched = world.pair.replica.drain_touched().keys;
    for key in (0..2_000).map(|number| format!("absent:{number}")) {
        let is_told = touched.iter().any(|(_, touched)| **touched == *key.as_bytes());
        assert_eq!(is_told, !world.pair.replica.is_known(key.as_bytes()), "{key}");
    }
    // One that is given more room comes back to all.
    world.save();
    world.hang_up();
    let mut all = make(3, Eviction::Lru);
    all.limit_memory(usize::MAX, Eviction::Lru);
    all.budget = None;
    let pairs: Vec<_> = world.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    all.load(&pairs).unwrap();
    world.pair.replica = all;
    world.connect();
    world.pair.exchange();
    assert_eq!(world.pair.replica.engine().keyspace().db(0).len(), 30_000);
    assert!(world.pair.replica.is_known(b"absent"));
}

/// What happens to keys of a load while it is coming must not be lost with the keys that don't fit.
#[test]
fn a_change_of_a_key_that_was_let_in_counts_though_others_were_not() {
    let mut world = World::new(Eviction::Lru);
    for number in 0..20_000 {
        world.pair.call_server(&format!("SET added:{number} {}", "x".repeat(30)));
    }
    world.hang_up();
    let env = world.pair.env();
    world.pair.replica = make(2, Eviction::Lru);
    world.pair.replica.subscribe(env, &[], &[b"*"]);
    world.connect();
    world.pair.exchange();
    world.pair.replica.subscribe(env, &[b"added:*"], &[]);
    while let Some(message) = world.pair.replica.poll_transmit() {
        world.pair.hub.handle_message(&mut world.pair.engine, env, world.pair.peer, &message);
    }
    for round in 0..6 {
        world.pair.hub.begin_round();
        if let Some((_, message)) = world.pair.hub.poll_transmit(&world.pair.engine) {
            world.pair.replica.handle_message(env, &message).unwrap();
        }
        for number in (round..20_000).step_by(97) {
            world.pair.call_server(&format!("APPEND added:{number} {round}"));
        }
        world.pair.hub.handle_durable(world.pair.hub.seq());
    }
    world.pair.exchange();
    world.pair.exchange();
    world.drain();
    let (server, replica) = (world.pair.engine.keyspace().db(0), &world.pair.replica);
    let known: Vec<String> =
        (0..20_000).map(|number| format!("added:{number}")).filter(|key| replica.is_known(key.as_bytes())).collect();
    assert!((10..200).contains(&known.len()), "{} keys", known.len());
    for key in known {
        let digest = |db: &crate::keyspace::Db| db.find(key.as_bytes()).map(Entry::digest);
        assert_eq!(digest(replica.engine().keyspace().db(0)), digest(server), "{key}");
    }
}

#[test]
fn what_needs_no_reading_runs_on_unknown_keys_and_nothing_else_does() {
    let mut world = World::new(Eviction::Lru);
    world.pair.call_server("SET k theirs");
    world.pair.exchange();
    assert!(world.pair.replica.forget(b"k"));
    for line in ["GET k", "APPEND k x", "SET k x NX", "SET k x GET", "SET k x KEEPTTL", "DEL k", "SORT l BY k*"] {
        let reply = world.pair.call(line);
        let is_refused = matches!(&reply, Value::Error(text) if text.starts_with("UNKNOWN"));
        assert!(is_refused || line.starts_with("SORT"), "{line}: {reply:?}");
    }
    assert!(matches!(world.pair.call("SORT l BY k*"), Value::Error(text) if text.starts_with("UNKNOWN")));
    world.pair.call("SET k mine PX 50000");
    assert_eq!(world.pair.call("APPEND k !"), Value::Integer(5));
    // Others change it meanwhile, by what can't be known here: one's own write shows all the same.
    world.pair.call_server("APPEND k ?");
    world.pair.bring_down();
    assert_eq!(world.pair.call("GET k"), Value::Bulk(b"mine!".to_vec()));
    world.pair.exchange();
    assert_eq!(world.pair.call("GET k"), Value::Bulk(b"mine!".to_vec()));
    world.check_content().unwrap();
    let refused = |event: Event| matches!(event, Event::Refused { .. } | Event::Corrected { .. });
    assert!(!core::iter::from_fn(|| world.pair.replica.poll_event()).any(refused));
}

#[test]
fn what_is_fetched_and_not_wanted_any_more_is_left_out() {
    let mut world = World::new(Eviction::Lru);
    world.pair.call_server("SET k x");
    world.pair.exchange();
    world.pair.replica.forget(b"k");
    let env = world.pair.env();
    world.pair.replica.subscribe(env, &[], &[b"*"]);
    world.pair.replica.fetch(&[b"k"]);
    world.pair.exchange();
    assert!(!world.pair.replica.is_known(b"k"));
    assert_eq!(world.pair.replica.status().state, State::Live);
}
