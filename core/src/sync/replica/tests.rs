//! What a rebase costs, and that it comes to the same as taking everything back.

mod claims;
mod limits;
mod losses;
mod shells;
mod store;
mod successions;
mod tabs;

use alloc::{format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use crate::{
    Engine, EngineOptions, Env, Limits, SessionId,
    format::ClientId,
    hash::Rng,
    resp::{Value, decode_value},
    sync::{Event, Grant, Hub, HubOptions, LogId, PeerId, Replica, ReplicaOptions, SyncError},
};

/// A server with one replica, between which messages wait until they are let through.
pub(super) struct Pair {
    pub(super) engine: Engine,
    pub(super) hub: Hub,
    client: SessionId,
    pub(super) replica: Replica,
    pub(super) peer: PeerId,
    now: u64,
}

impl Pair {
    pub(super) fn new() -> Self {
        let mut pair = Self::offline(HubOptions::default(), make_replica(1, &["*"]));
        pair.connect();
        pair.exchange();
        pair
    }

    fn offline(options: HubOptions, replica: Replica) -> Self {
        let mut engine = Engine::new(EngineOptions::default());
        engine.journal_mut().enable(true);
        let mut hub = Hub::new(options);
        hub.begin_epoch(LogId(1));
        let client = engine.open_session("127.0.0.1:1", Env::new(0, 0));
        let peer = hub.open_peer(Grant::everything());
        Self { engine, hub, client, replica, peer, now: 1_000_000 }
    }

    /// Connects again if there was a connection.
    fn connect(&mut self) {
        self.cut();
        self.peer = self.hub.open_peer(Grant::everything());
        self.replica.handle_connected(self.env());
    }

    fn cut(&mut self) {
        let env = self.env();
        self.hub.close_peer(&mut self.engine, env, self.peer);
        self.replica.handle_disconnected();
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.replica.poll_event()).collect()
    }

    /// Exchanges until nothing is pending, connecting again where the replica wants that.
    fn sync(&mut self) {
        for _ in 0..20 {
            self.try_exchange();
        }
        assert_eq!(self.replica.status().pending, 0);
        assert_eq!(self.hub.poll_close(), None);
    }

    fn try_exchange(&mut self) {
        let env = self.env();
        while let Some(message) = self.replica.poll_transmit() {
            self.hub.handle_message(&mut self.engine, env, self.peer, &message);
        }
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        while let Some((_, message)) = self.hub.poll_transmit(&self.engine) {
            if let Err(error) = self.replica.handle_message(env, &message) {
                assert_eq!(error, SyncError::OtherIdentities);
                return self.connect();
            }
        }
    }

    pub(super) fn env(&self) -> Env {
        Env::new(self.now, 9)
    }

    pub(super) fn call_server(&mut self, line: &str) {
        let env = self.env();
        self.engine.execute(env, self.client, &words(line), &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
    }

    pub(super) fn call(&mut self, line: &str) -> Value {
        let (env, mut reply) = (self.env(), Vec::new());
        self.replica.execute(env, &words(line), &mut reply);
        decode_value(&reply).unwrap().unwrap().0
    }

    /// Lets what the hub has for the replica through, in one message at least for each call.
    pub(super) fn bring_down(&mut self) {
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        let env = self.env();
        while let Some((_, message)) = self.hub.poll_transmit(&self.engine) {
            self.replica.handle_message(env, &message).unwrap();
        }
    }

    pub(super) fn exchange(&mut self) {
        for _ in 0..5 {
            let env = self.env();
            while let Some(message) = self.replica.poll_transmit() {
                self.hub.handle_message(&mut self.engine, env, self.peer, &message);
            }
            self.bring_down();
        }
    }

    fn digest(&mut self) -> u64 {
        self.replica.settle();
        self.replica.engine().keyspace().digest()
    }
}

fn make_replica(client: u8, globs: &[&str]) -> Replica {
    let options = ReplicaOptions {
        client: ClientId([client; 16]),
        interest: globs.iter().map(|glob| glob.as_bytes().to_vec()).collect(),
        db: 0,
        seed: 1,
        limits: Limits::DEFAULT,
    };
    Replica::new(options, Env::new(1_000_000, 0))
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

/// Ten thousand pending increments, and a thousand foreign effects on the same key between which nobody looks.
#[test]
fn a_stream_of_foreign_effects_costs_each_pending_command_one_turn() {
    let mut pair = Pair::new();
    for _ in 0..10_000 {
        pair.call("INCR n");
    }
    let before = pair.replica.status();
    for _ in 0..1_000 {
        pair.call_server("INCR n");
        pair.bring_down();
    }
    assert_eq!(pair.call("GET n"), Value::Bulk(b"11000".to_vec()));
    let after = pair.replica.status();
    assert_eq!(after.taken_back - before.taken_back, 10_000);
    assert_eq!(after.reruns - before.reruns, 10_000);
    pair.exchange();
    assert_eq!(pair.replica.status().pending, 0);
    assert_eq!(pair.call("GET n"), Value::Bulk(b"11000".to_vec()));
}

/// Foreign effects disturb those that touch the same key, and nobody else.
#[test]
fn a_rebase_costs_what_it_disturbs() {
    let mut pair = Pair::new();
    for index in 0..5_000 {
        pair.call(&format!("INCR key:{index}"));
    }
    for round in 0..100 {
        pair.call_server(&format!("INCR key:{round}"));
        pair.call_server("INCR theirs");
        pair.bring_down();
        assert_eq!(pair.call(&format!("GET key:{round}")), Value::Bulk(b"2".to_vec()));
    }
    let status = pair.replica.status();
    assert_eq!((status.taken_back, status.reruns, status.pending), (100, 100, 5_000));
}

/// What a transaction joins is disturbed together, and only what comes after.
#[test]
fn what_shares_a_key_with_what_is_disturbed_is_disturbed_if_it_comes_later() {
    let mut pair = Pair::new();
    pair.call("SET b before");
    pair.call("SET c before");
    for line in ["MULTI", "APPEND a 1", "APPEND b 2", "EXEC"] {
        pair.call(line);
    }
    pair.call("APPEND b 3");
    pair.call("APPEND c 4");
    pair.call_server("SET a theirs");
    pair.bring_down();
    let read = ["a", "b", "c"].map(|key| pair.call(&format!("GET {key}")));
    assert_eq!(read, ["theirs1", "before23", "before4"].map(|text| Value::Bulk(text.as_bytes().to_vec())));
    assert_eq!(pair.replica.status().reruns, 2);
}

#[test]
fn a_transaction_on_watched_keys_is_refused_if_others_were_faster() {
    let mut pair = Pair::new();
    pair.call_server("SET stock 1");
    pair.bring_down();
    while pair.replica.poll_event().is_some() {}
    for line in ["WATCH stock", "MULTI", "DECR stock", "RPUSH orders mine"] {
        pair.call(line);
    }
    assert_eq!(pair.call("EXEC"), Value::Array(vec![Value::Integer(0), Value::Integer(1)]));
    pair.call_server("DECR stock");
    pair.exchange();
    let events: Vec<Event> = core::iter::from_fn(|| pair.replica.poll_event()).collect();
    assert!(
        events.iter().any(|event| matches!(event, Event::Refused { reply, .. } if reply == b"_\r\n")),
        "{events:?}"
    );
    assert_eq!(pair.call("EXISTS orders"), Value::Integer(0));
    // Here it is known before anything is pushed.
    pair.call("WATCH stock");
    pair.call_server("INCR stock");
    pair.bring_down();
    for line in ["MULTI", "INCR stock"] {
        pair.call(line);
    }
    assert_eq!(pair.call("EXEC"), Value::Null);
    assert_eq!(pair.replica.status().pending, 0);
}

#[test]
fn an_interest_that_changes_brings_keys_and_takes_them_away() {
    let mut pair = Pair::new();
    let env = pair.env();
    pair.replica.subscribe(env, &[], &[b"*"]);
    pair.exchange();
    pair.call_server("MSET a:1 x b:1 y");
    pair.exchange();
    assert!(matches!(pair.call("GET a:1"), Value::Error(text) if text.starts_with("UNKNOWN")));
    let id = pair.replica.subscribe(env, &[b"a:*"], &[]);
    while pair.replica.poll_event().is_some() {}
    pair.exchange();
    assert_eq!(pair.replica.poll_event(), Some(Event::Subscribed { id }));
    assert_eq!(pair.call("GET a:1"), Value::Bulk(b"x".to_vec()));
    assert!(matches!(pair.call("GET b:1"), Value::Error(_)));
}

#[test]
fn a_forgotten_key_is_unknown_until_it_is_fetched() {
    let mut pair = Pair::new();
    pair.call_server("RPUSH list a");
    pair.bring_down();
    assert!(pair.replica.forget(b"list"));
    assert!(matches!(pair.call("LRANGE list 0 -1"), Value::Error(text) if text.starts_with("UNKNOWN")));
    pair.call_server("RPUSH list b");
    pair.bring_down();
    assert!(matches!(pair.call("LLEN list"), Value::Error(_)), "an effect on a forgotten value doesn't make it known");
    while pair.replica.poll_event().is_some() {}
    assert!(pair.replica.fetch(&[b"list"]));
    pair.exchange();
    assert_eq!(pair.replica.poll_event(), Some(Event::Fetched { keys: vec![b"list".to_vec()] }));
    assert_eq!(pair.call("LLEN list"), Value::Integer(2));
    pair.call("RPUSH list c");
    assert!(!pair.replica.forget(b"list"), "a pending command touches it");
}

fn random_line(rng: &mut Rng) -> String {
    let key = ["a", "b", "c", "d"][rng.index(4)];
    match rng.below(9) {
        0..3 => format!("INCR n:{key}"),
        3 => format!("APPEND s:{key} {}", rng.below(10)),
        4 => format!("RPUSH l:{key} {}", rng.below(10)),
        5 => format!("LPOP l:{key}"),
        6 => format!("RENAME s:{key} s:{}", ["a", "b", "c", "d"][rng.index(4)]),
        7 => format!("MSET n:{key} {} s:{key} x", rng.below(10)),
        _ => format!("DEL l:{key} s:{key}"),
    }
}

proptest! {
    /// The reference takes everything back: a fresh replica of the server with the pending commands on top.
    #[test]
    fn a_rebase_comes_to_what_taking_everything_back_comes_to(seed in any::<u64>().no_shrink()) {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::new();
        let mut pending: Vec<String> = vec![];
        for _ in 0..60 {
            match rng.below(6) {
                0..3 => {
                    let (line, before) = (random_line(&mut rng), pair.replica.status().pending);
                    pair.call(&line);
                    if pair.replica.status().pending > before {
                        pending.push(line);
                    }
                }
                3..5 => {
                    pair.call_server(&random_line(&mut rng));
                    pair.bring_down();
                }
                _ => {
                    let mut reference = Pair::new();
                    reference.engine = Engine::new(EngineOptions::default());
                    let mut chunks = vec![];
                    pair.engine.snapshot(|_, _| true, |chunk| chunks.push(chunk));
                    for effect in chunks.iter().flat_map(|chunk| crate::format::effects(chunk)) {
                        let (db, effect) = effect.unwrap();
                        reference.replica.engine.apply(db, &effect);
                    }
                    for line in &pending {
                        reference.call(line);
                    }
                    prop_assert_eq!(pair.digest(), reference.digest(), "with {:?} pending", pending);
                }
            }
        }
        pair.exchange();
        prop_assert_eq!(pair.replica.status().pending, 0);
        prop_assert_eq!(pair.digest(), pair.engine.keyspace().digest());
    }
}

#[test]
fn woken_it_asks_at_once_and_gives_up_after_five_seconds_of_silence() {
    let mut pair = Pair::new();
    assert!(pair.replica.poll_transmit().is_none());
    // An hour on the clock, in which nothing could be heard: neither a silence nor an end.
    pair.now += 3_600_000;
    let env = pair.env();
    pair.replica.handle_wake(env);
    assert!(pair.replica.handle_timeout(env).is_ok());
    pair.exchange();
    pair.now += 14_999;
    let env = pair.env();
    assert!(pair.replica.handle_timeout(env).is_ok());
    assert!(pair.replica.poll_transmit().is_none(), "the answer was a sign of life");

    pair.replica.handle_wake(env);
    assert!(pair.replica.poll_transmit().is_some());
    pair.now += 4_999;
    let env = pair.env();
    assert!(pair.replica.handle_timeout(env).is_ok());
    pair.now += 1;
    let env = pair.env();
    assert_eq!(pair.replica.handle_timeout(env), Err(SyncError::Silent));
}

#[test]
fn a_welcome_that_does_not_come_is_waited_for_ten_seconds() {
    let mut replica = make_replica(1, &["*"]);
    replica.handle_connected(Env::new(1_000_000, 0));
    assert!(replica.handle_timeout(Env::new(1_009_999, 0)).is_ok());
    assert_eq!(replica.handle_timeout(Env::new(1_010_000, 0)), Err(SyncError::Silent));
    // A clock that was set back makes it no longer.
    replica.handle_connected(Env::new(1_000_000, 0));
    replica.handle_wake(Env::new(500_000, 0));
    assert_eq!(replica.handle_timeout(Env::new(510_000, 0)), Err(SyncError::Silent));
}
