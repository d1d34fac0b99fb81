//! What the state machines do with messages, honest and otherwise. Whole runs with crashes are simulated elsewhere.

use alloc::{format, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{
    Engine, EngineOptions, Env, Limits,
    format::ClientId,
    resp::{Value, decode_value},
};

/// A hub with its engine, everything durable at once.
struct Server {
    engine: Engine,
    hub: Hub,
}

impl Server {
    fn new() -> Self {
        let mut engine = Engine::new(EngineOptions::default());
        engine.journal_mut().enable(true);
        let mut hub = Hub::new(HubOptions::default());
        hub.begin_epoch(LogId(1));
        Self { engine, hub }
    }

    fn take(&mut self, peer: PeerId, message: &[u8]) {
        self.hub.handle_message(&mut self.engine, env(), peer, message);
        self.hub.take_log();
        self.hub.handle_durable(self.hub.seq());
    }

    fn call(&mut self, words: &[&[u8]]) {
        let session = self.engine.open_session("test", env());
        self.engine.execute(env(), session, words, &mut Vec::new());
        self.engine.close_session(session);
        self.hub.commit(&mut self.engine, env().now);
        self.hub.take_log();
        self.hub.handle_durable(self.hub.seq());
    }
}

fn env() -> Env {
    Env::new(1_000_000, 5)
}

fn replica(client: u8, globs: &[&str]) -> Replica {
    let options = ReplicaOptions {
        client: ClientId([client; 16]),
        interest: globs.iter().map(|glob| glob.as_bytes().to_vec()).collect(),
        db: 0,
        seed: 1,
        limits: Limits::DEFAULT,
    };
    Replica::new(options, env())
}

fn call(replica: &mut Replica, words: &[&[u8]]) -> Value {
    let mut reply = Vec::new();
    replica.execute(env(), words, &mut reply);
    decode_value(&reply).unwrap().unwrap().0
}

/// Carries messages until nobody has anything to say. Returns those that the hub and those that the replica sent.
fn exchange(server: &mut Server, replica: &mut Replica, peer: PeerId) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut down, mut up) = (vec![], vec![]);
    loop {
        let before = (down.len(), up.len());
        while let Some(message) = replica.poll_transmit() {
            server.take(peer, &message);
            up.push(message);
        }
        server.hub.begin_round();
        while let Some((_, message)) = server.hub.poll_transmit(&server.engine) {
            replica.handle_message(env(), &message).unwrap();
            down.push(message.to_vec());
        }
        if before == (down.len(), up.len()) {
            return (down, up);
        }
    }
}

/// A server and a live replica with something in them.
fn connected() -> (Server, Replica, PeerId, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut server, mut replica) = (Server::new(), replica(1, &["*"]));
    server.call(&[b"RPUSH", b"list", b"a", b"b"]);
    call(&mut replica, &[b"SET", b"offline", b"1"]);
    let peer = server.hub.open_peer(Grant::everything());
    replica.handle_connected(env());
    let (mut down, mut up) = exchange(&mut server, &mut replica, peer);
    server.call(&[b"SADD", b"set", b"x", b"y"]);
    call(&mut replica, &[b"LPOP", b"list"]);
    call(&mut replica, &[b"INCR", b"offline"]);
    let (more_down, more_up) = exchange(&mut server, &mut replica, peer);
    down.extend(more_down);
    up.extend(more_up);
    (server, replica, peer, down, up)
}

fn mutated(message: &[u8], at: prop::sample::Index, byte: u8, cut: bool) -> Vec<u8> {
    let mut message = message.to_vec();
    let at = at.index(message.len().max(1));
    if cut {
        message.truncate(at);
    } else if let Some(target) = message.get_mut(at) {
        *target = byte;
    }
    message
}

proptest! {
    #[test]
    fn a_hostile_hub_cannot_make_a_replica_panic_or_lose_what_is_pending(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8, cut: bool, fresh: bool,
    ) {
        let (_, mut live, _, down, _) = connected();
        let message = mutated(&down[which.index(down.len())], at, byte, cut);
        let mut target = if fresh { replica(1, &["*"]) } else { live.handle_disconnected(); live };
        call(&mut target, &[b"SET", b"mine", b"kept"]);
        target.handle_connected(env());
        let _ = target.handle_message(env(), &message);
        for message in &down {
            let _ = target.handle_message(env(), message);
        }
        // Unless the hub has answered for it, the command is still there, and so is what it did.
        if target.status().pending == 1 {
            prop_assert_eq!(call(&mut target, &[b"GET", b"mine"]), Value::Bulk(b"kept".to_vec()));
        }
    }

    #[test]
    fn a_hostile_replica_disturbs_only_itself(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8, cut: bool, greet: bool,
    ) {
        let (mut server, mut honest, peer, _, up) = connected();
        let hostile = server.hub.open_peer(Grant::everything());
        if greet {
            let mut other = replica(9, &["*"]);
            other.handle_connected(env());
            server.take(hostile, &other.poll_transmit().unwrap());
        }
        server.take(hostile, &mutated(&up[which.index(up.len())], at, byte, cut));
        while let Some((closed, _)) = server.hub.poll_close() {
            server.hub.close_peer(&mut server.engine, env(), closed);
            if closed == peer {
                // It took over the honest one's identity, which only a token could prevent.
                return Ok(());
            }
        }
        call(&mut honest, &[b"SET", b"after", b"fine"]);
        while let Some(message) = honest.poll_transmit() {
            server.take(peer, &message);
        }
        server.hub.begin_round();
        while let Some((to, message)) = server.hub.poll_transmit(&server.engine) {
            if to == peer {
                honest.handle_message(env(), &message).unwrap();
            }
        }
        prop_assert_eq!(honest.status().pending, 0);
    }
}

#[test]
fn what_arrives_as_predicted_is_not_run_again() {
    let (mut server, mut replica, peer, ..) = connected();
    let before = replica.status().reruns;
    for _ in 0..100 {
        call(&mut replica, &[b"INCR", b"mine"]);
    }
    server.call(&[b"INCR", b"theirs"]);
    exchange(&mut server, &mut replica, peer);
    assert_eq!(replica.status().pending, 0);
    assert_eq!(replica.status().reruns, before);
    assert_eq!(call(&mut replica, &[b"MGET", b"mine", b"theirs"]), bulks(&["100", "1"]));
}

#[test]
fn a_conflict_is_rebased_and_the_caller_is_told() {
    let (mut server, mut replica, peer, ..) = connected();
    while replica.poll_event().is_some() {}
    assert_eq!(call(&mut replica, &[b"INCR", b"n"]), Value::Integer(1));
    server.call(&[b"SET", b"n", b"41"]);
    exchange(&mut server, &mut replica, peer);
    assert_eq!(call(&mut replica, &[b"GET", b"n"]), Value::Bulk(b"42".to_vec()));
    let events: Vec<_> = core::iter::from_fn(|| replica.poll_event()).collect();
    assert!(matches!(&events[..], [Event::Corrected { reply, .. }] if reply == b":42\r\n"), "{events:?}");
}

#[test]
fn a_refusal_takes_the_guess_back() {
    let (mut server, mut replica, peer, ..) = connected();
    while replica.poll_event().is_some() {}
    assert_eq!(call(&mut replica, &[b"LPUSH", b"k", b"a"]), Value::Integer(1));
    server.call(&[b"SET", b"k", b"text"]);
    exchange(&mut server, &mut replica, peer);
    assert_eq!(call(&mut replica, &[b"GET", b"k"]), Value::Bulk(b"text".to_vec()));
    let events: Vec<_> = core::iter::from_fn(|| replica.poll_event()).collect();
    assert!(matches!(&events[..], [Event::Refused { reply, .. }] if reply.starts_with(b"-WRONGTYPE")), "{events:?}");
}

#[test]
fn a_command_that_fails_leaves_an_expired_key_to_the_server() {
    // Found by the simulation, seed 1926: the removal stayed behind although the command was never pushed.
    let (mut server, mut replica, peer, ..) = connected();
    server.call(&[b"SET", b"k", b"text", b"PXAT", b"2000000"]);
    exchange(&mut server, &mut replica, peer);
    let mut reply = Vec::new();
    let late = Env::new(3_000_000, 0);
    assert_eq!(replica.execute(late, &[b"LSET", b"k", b"0", b"x"], &mut reply), None);
    assert_eq!(reply, b"-ERR no such key\r\n");
    server.call(&[b"PERSIST", b"k"]);
    exchange(&mut server, &mut replica, peer);
    assert_eq!(call(&mut replica, &[b"GET", b"k"]), Value::Bulk(b"text".to_vec()));
}

#[test]
fn only_what_changed_comes_after_a_break() {
    let (mut server, mut replica, peer, ..) = connected();
    for index in 0..1000 {
        server.call(&[b"SET", alloc::format!("bulk:{index}").as_bytes(), &[b'x'; 100]]);
    }
    exchange(&mut server, &mut replica, peer);
    replica.handle_disconnected();
    server.hub.close_peer(&mut server.engine, env(), peer);
    server.call(&[b"SET", b"late", b"1"]);
    let before = replica.status().bytes_in;
    let peer = server.hub.open_peer(Grant::everything());
    replica.handle_connected(env());
    exchange(&mut server, &mut replica, peer);
    assert_eq!(call(&mut replica, &[b"GET", b"late"]), Value::Bulk(b"1".to_vec()));
    assert!(replica.status().bytes_in - before < 200, "{} bytes", replica.status().bytes_in - before);
}

#[test]
fn what_changed_without_records_comes_after_a_break_too() {
    let (mut server, mut replica, peer, _, _) = connected();
    replica.handle_disconnected();
    server.hub.close_peer(&mut server.engine, env(), peer);
    server.engine.journal_mut().enable(false);
    server.call(&[b"SET", b"unrecorded", b"1"]);
    server.call(&[b"DEL", b"set"]);
    server.engine.journal_mut().enable(true);
    server.hub.begin_anew(LogId(2));
    let peer = server.hub.open_peer(Grant::everything());
    replica.handle_connected(env());
    exchange(&mut server, &mut replica, peer);
    assert_eq!(call(&mut replica, &[b"GET", b"unrecorded"]), Value::Bulk(b"1".to_vec()));
    assert_eq!(call(&mut replica, &[b"EXISTS", b"set", b"list"]), Value::Integer(1));
}

#[test]
fn keys_outside_the_interest_are_unknown_not_absent() {
    let mut replica = replica(1, &["user:42:*"]);
    assert!(matches!(call(&mut replica, &[b"GET", b"user:7:name"]), Value::Error(text) if text.starts_with("UNKNOWN")));
    assert!(
        matches!(call(&mut replica, &[b"SET", b"user:7:name", b"x"]), Value::Error(text) if text.starts_with("UNKNOWN"))
    );
    assert_eq!(call(&mut replica, &[b"GET", b"user:42:name"]), Value::Null);
}

#[test]
fn another_version_is_refused_with_a_reason() {
    let mut server = Server::new();
    let peer = server.hub.open_peer(Grant::everything());
    let clients = vec![(ClientId([1; 16]), Default::default())];
    let hello = Hello {
        version: 99,
        oldest: 99,
        features: Features::ALL,
        db: 0,
        clients,
        interest: vec![],
        resume: None,
        credit: 0,
    };
    server.take(peer, &ToHub::Hello(hello).encode());
    assert_eq!(server.hub.poll_close(), Some((peer, CloseReason::UnsupportedVersion(99))));
    assert!(!CloseReason::may_retry(CloseReason::UnsupportedVersion(99).code()));
}

fn bulks(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::Bulk(text.as_bytes().to_vec())).collect())
}

#[test]
fn a_load_is_sorted_and_packed() {
    const KEYS: usize = 5000;
    let mut server = Server::new();
    let mut rng = crate::hash::Rng::new(7);
    for index in 0..KEYS {
        let (key, value) = (format!("user:{index:06}"), format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()));
        server.call(&[b"SET", key.as_bytes(), value.as_bytes()]);
    }
    let mut replica = replica(1, &["*"]);
    let peer = server.hub.open_peer(Grant::everything());
    replica.handle_connected(env());
    let (down, _) = exchange(&mut server, &mut replica, peer);
    assert_eq!(replica.engine().keyspace().db(0).len(), KEYS);
    let bytes: usize = down.iter().map(Vec::len).sum();
    // The value takes 32 of them, and LZ4 leaves random digits as they are. Of the key hardly anything is left.
    assert!(bytes < KEYS * 40, "{bytes} bytes for {KEYS} keys");
}
