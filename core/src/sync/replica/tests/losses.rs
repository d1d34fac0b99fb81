//! What once was lost, or came back: flushes while a subscription is loading, keys that were deleted and then weren't
//! wanted any more, transactions, and keys that have expired under `WATCH`.

use alloc::{format, string::String, vec, vec::Vec};

use super::{Pair, make_replica};
use crate::{
    resp::Value,
    sync::{Event, HubOptions},
};

impl Pair {
    /// The keys that the replica shows.
    fn keys(&mut self) -> Vec<String> {
        self.replica.settle();
        let entries = self.replica.engine().keyspace().db(0).iter();
        let mut keys: Vec<String> = entries.map(|entry| String::from_utf8_lossy(entry.key).into_owned()).collect();
        keys.sort();
        keys
    }

    /// Lets the replica's messages through, and some of the hub's.
    fn exchange_some(&mut self, count: usize) {
        let env = self.env();
        while let Some(message) = self.replica.poll_transmit() {
            self.hub.handle_message(&mut self.engine, env, self.peer, &message);
        }
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        for _ in 0..count {
            let Some((_, message)) = self.hub.poll_transmit(&self.engine) else { return };
            self.replica.handle_message(env, &message).unwrap();
        }
    }

    fn transaction(&mut self, lines: &[&str]) -> Value {
        assert_eq!(self.call("MULTI"), Value::Simple("OK".into()));
        lines.iter().for_each(|line| assert_eq!(self.call(line), Value::Simple("QUEUED".into())));
        self.call("EXEC")
    }
}

/// A pair in which a subscription of twenty keys is loading, and some of them were sent.
fn loading(already: usize) -> Pair {
    let options = HubOptions { slice_keys: 1, ..HubOptions::default() };
    let mut pair = Pair::offline(options, make_replica(1, &["a:*"]));
    pair.connect();
    pair.exchange();
    for index in 0..20 {
        pair.call_server(&format!("SET b:{index} x"));
    }
    let env = pair.env();
    pair.replica.subscribe(env, &[b"b:*"], &[]);
    pair.exchange_some(already);
    assert!(pair.replica.is_subscribing());
    pair
}

#[test]
fn a_flush_that_was_guessed_right_empties_a_load_that_is_going_on() {
    for flush in ["FLUSHALL", "FLUSHDB"] {
        for already in 1..8 {
            let mut pair = loading(already);
            pair.call(flush);
            pair.sync();
            assert!(!pair.replica.is_subscribing());
            assert_eq!(pair.keys(), Vec::<String>::new(), "{flush} after {already} messages");
            pair.call_server("SET b:new x");
            pair.sync();
            assert_eq!(pair.keys(), ["b:new"]);
        }
    }
}

#[test]
fn a_write_of_ones_own_on_a_key_that_was_sent_is_part_of_the_load() {
    for already in 1..12 {
        let options = HubOptions { slice_keys: 1, ..HubOptions::default() };
        let mut pair = Pair::offline(options, make_replica(1, &["b:*"]));
        for index in 0..10 {
            pair.call_server(&format!("SET b:{index} before"));
        }
        pair.connect();
        pair.exchange();
        let env = pair.env();
        // The key is known until the hub answers, so the write is guessed; but then it comes with a load.
        pair.replica.subscribe(env, &[], &[b"b:*"]);
        pair.replica.subscribe(env, &[b"b:*"], &[]);
        let (up, mut lines) = (core::iter::from_fn(|| pair.replica.poll_transmit()).collect::<Vec<_>>(), vec![]);
        for index in 0..10 {
            lines.push(pair.call(&format!("SET b:{index} mine")));
        }
        assert!(lines.iter().all(|reply| *reply == Value::Simple("OK".into())));
        let pushes: Vec<_> = core::iter::from_fn(|| pair.replica.poll_transmit()).collect();
        up.iter().for_each(|message| pair.hub.handle_message(&mut pair.engine, env, pair.peer, message));
        pair.exchange_some(already);
        pushes.iter().for_each(|message| pair.hub.handle_message(&mut pair.engine, env, pair.peer, message));
        pair.sync();
        for index in 0..10 {
            assert_eq!(pair.call(&format!("GET b:{index}")), Value::Bulk(b"mine".to_vec()), "after {already} messages");
        }
    }
}

#[test]
fn a_deleted_key_that_is_not_wanted_any_more_does_not_come_back() {
    for connected in [false, true] {
        let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["a:*", "b:*"]));
        pair.call_server("MSET a:1 x b:1 y");
        pair.connect();
        pair.exchange();
        pair.cut();
        pair.call("DEL b:1");
        if connected {
            pair.connect();
        }
        let env = pair.env();
        pair.replica.subscribe(env, &[], &[b"b:*"]);
        if !connected {
            assert_eq!(pair.keys(), ["a:1"]);
            pair.connect();
        }
        pair.sync();
        assert_eq!(pair.keys(), ["a:1"]);
        assert!(pair.engine.keyspace().db(0).find(b"b:1").is_none(), "the server has been told");
    }
}

#[test]
fn a_flush_in_a_transaction_takes_no_key_along_that_is_not_wanted_any_more() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["a:*", "b:*"]));
    pair.connect();
    pair.exchange();
    pair.cut();
    pair.transaction(&["FLUSHDB", "SET b:1 x", "SET a:1 x"]);
    let env = pair.env();
    pair.replica.subscribe(env, &[], &[b"b:*"]);
    pair.connect();
    pair.sync();
    assert_eq!(pair.keys(), ["a:1"]);
}

#[test]
fn a_transaction_is_acknowledged_whatever_is_in_it() {
    let ok = || Value::Simple("OK".into());
    let cases: [(&[&str], Vec<Value>); 7] = [
        (&["SET k 1"], vec![ok()]),
        (&["PING", "SET k 2"], vec![Value::Simple("PONG".into()), ok()]),
        (&["SET k 3", "ECHO hello"], vec![ok(), Value::Bulk(b"hello".to_vec())]),
        (&["UNWATCH", "INCR k", "GET k"], vec![ok(), Value::Integer(4), Value::Bulk(b"4".to_vec())]),
        (&["PING", "PING there", "INCR k", "UNWATCH"], {
            vec![Value::Simple("PONG".into()), Value::Bulk(b"there".to_vec()), Value::Integer(5), ok()]
        }),
        (&["INCR k", "INCR k"], vec![Value::Integer(6), Value::Integer(7)]),
        (&["DEL k"], vec![Value::Integer(1)]),
    ];
    let mut pair = Pair::new();
    for (lines, reply) in cases {
        pair.events();
        assert_eq!(pair.transaction(lines), Value::Array(reply), "{lines:?}");
        pair.sync();
        let events = pair.events();
        assert!(matches!(&events[..], [Event::Acknowledged(_)]), "{lines:?}: {events:?}");
        assert_eq!(pair.digest(), pair.engine.keyspace().digest(), "{lines:?}");
    }
    // What is taken back runs again as what it was.
    pair.transaction(&["APPEND k mine"]);
    pair.call_server("APPEND k theirs");
    pair.sync();
    assert_eq!(pair.call("GET k"), Value::Bulk(b"theirsmine".to_vec()));
    let events = pair.events();
    assert!(matches!(&events[..], [Event::Corrected { reply, .. }] if reply == b"*1\r\n:10\r\n"), "{events:?}");
}

#[test]
fn a_transaction_of_one_call_survives_a_restart_as_one() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
    pair.transaction(&["SET k 1"]);
    let mut pairs = stored(&mut pair);
    pairs.sort();
    pair.replica = make_replica(2, &["*"]);
    pair.replica.load(&pairs).unwrap();
    pair.connect();
    pair.sync();
    assert_eq!(pair.call("GET k"), Value::Bulk(b"1".to_vec()));
}

/// What the replica's store holds, if it was empty before.
pub(super) fn stored(pair: &mut Pair) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = alloc::collections::BTreeMap::new();
    while let Some(batch) = pair.replica.poll_store() {
        batch.apply(&mut pairs);
    }
    pairs.into_iter().collect()
}

#[test]
fn an_expired_key_may_be_watched_before_the_server_has_removed_it() {
    let mut pair = Pair::new();
    pair.call_server("SET lock theirs PX 100");
    pair.sync();
    pair.now += 5_000;
    for rest in [&["SET lock mine"][..], &["SET lock again", "INCR n"]] {
        pair.events();
        assert_eq!(pair.call("WATCH lock"), Value::Simple("OK".into()));
        assert!(matches!(pair.transaction(rest), Value::Array(_)));
        pair.sync();
        let events = pair.events();
        // What the server removes first is an effect that the replica doesn't have; the reply is the same.
        assert!(matches!(&events[..], [Event::Acknowledged(_)]), "{events:?}");
    }
    assert_eq!(pair.call("GET lock"), Value::Bulk(b"again".to_vec()));
}

#[test]
fn what_expires_under_watch_aborts_the_transaction() {
    let mut pair = Pair::new();
    pair.call_server("SET lock theirs PX 100");
    pair.sync();
    pair.call("WATCH lock");
    pair.now += 5_000;
    assert_eq!(pair.transaction(&["SET lock mine"]), Value::Null);
    // By the server's clock, too, if the replica's is behind.
    pair.call_server("SET other theirs PX 100");
    pair.sync();
    pair.call("WATCH other");
    assert!(matches!(pair.transaction(&["SET other mine"]), Value::Array(_)));
    pair.now += 5_000;
    pair.events();
    pair.sync();
    let events = pair.events();
    assert!(matches!(&events[..], [Event::Refused { reply, .. }] if reply == b"_\r\n"), "{events:?}");
}
