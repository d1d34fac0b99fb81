//! What a hub doesn't take at once, or not at all: nothing of it ends the connection, and the rest syncs.

use alloc::{format, string::String, vec, vec::Vec};

use super::{Pair, losses::stored, make_replica, words};
use crate::{
    Limits,
    resp::Value,
    sync::{Event, HubOptions},
};

fn options(change: impl FnOnce(&mut Limits)) -> HubOptions {
    let mut limits = Limits::DEFAULT;
    change(&mut limits);
    HubOptions { limits, slice_keys: 2, ..HubOptions::default() }
}

fn connected(change: impl FnOnce(&mut Limits)) -> Pair {
    let mut pair = Pair::offline(options(change), make_replica(1, &["*"]));
    pair.connect();
    pair.sync();
    pair.events();
    pair
}

/// That a write of each side reaches the other.
fn still_syncs(pair: &mut Pair) {
    pair.call("INCR alive");
    pair.call_server("INCR alive");
    pair.sync();
    let count = |value: Value| String::from_utf8(if let Value::Bulk(text) = value { text } else { vec![] }).unwrap();
    assert!(count(pair.call("GET alive")).parse::<u64>().unwrap() >= 2);
    assert_eq!(pair.digest(), pair.engine.keyspace().digest());
}

fn error_of(event: &Event) -> String {
    match event {
        Event::Declined { error } | Event::NotSubscribed { error, .. } => String::from_utf8(error.clone()).unwrap(),
        Event::Refused { reply, .. } | Event::Reply { reply, .. } => String::from_utf8(reply.clone()).unwrap(),
        other => panic!("{other:?} is no error"),
    }
}

#[test]
fn calls_wait_for_their_turn() {
    for calls_max in [1, 3, 64] {
        let mut pair = connected(|limits| limits.peer_calls_max = calls_max);
        let ids: Vec<u32> = (0..100).map(|_| pair.replica.call(&words("BLPOP jobs 0"))).collect();
        pair.sync();
        for index in 0..100 {
            pair.call_server(&format!("RPUSH jobs {index}"));
            while let Some(woken) = pair.engine.poll_woken() {
                assert!(pair.hub.handle_woken(&mut pair.engine, &woken));
            }
            let env = pair.env();
            pair.hub.commit(&mut pair.engine, env.now);
            pair.sync();
        }
        let replies = pair.events().into_iter().filter_map(|event| match event {
            Event::Reply { id, reply } => Some((id, reply)),
            _ => None,
        });
        let expected = (0..100).map(|index: u32| {
            let text = format!("{index}");
            format!("*2\r\n$4\r\njobs\r\n${}\r\n{text}\r\n", text.len()).into_bytes()
        });
        assert_eq!(replies.collect::<Vec<_>>(), ids.into_iter().zip(expected).collect::<Vec<_>>());
        still_syncs(&mut pair);
    }
}

#[test]
fn calls_that_wait_are_bounded_and_end_with_the_connection() {
    let mut pair = connected(|limits| limits.peer_calls_max = 1);
    pair.replica.limits.outbox_bytes_max = 1000;
    for _ in 0..30 {
        pair.replica.call(&words("BLPOP jobs 0"));
    }
    let events = pair.events();
    assert!(events.len() > 10 && events.len() < 29, "{}", events.len());
    assert!(events.iter().all(|event| error_of(event).starts_with("-ERR too many calls")));
    pair.sync();
    let waiting = 30 - events.len();
    pair.connect();
    let lost =
        pair.events().iter().filter(|event| matches!(event, Event::Reply { .. })).map(error_of).collect::<Vec<_>>();
    assert_eq!(lost.len(), waiting);
    assert!(lost.iter().all(|error| error.starts_with("-LOST")));
    assert_eq!(lost.iter().filter(|error| error.contains("isn't known")).count(), 1);
    still_syncs(&mut pair);
}

#[test]
fn changes_of_interest_wait_for_their_turn() {
    for (steps_max, before_connecting) in [(3, false), (3, true), (64, false), (64, true)] {
        let change = |limits: &mut Limits| limits.peer_steps_max = steps_max;
        let mut pair = Pair::offline(options(change), make_replica(1, &["alive"]));
        let env = pair.env();
        (0..200).for_each(|index| pair.call_server(&format!("SET key:{index} x")));
        if !before_connecting {
            pair.connect();
        }
        for index in 0..200 {
            let glob = format!("key:{index}");
            pair.replica.subscribe(env, &[glob.as_bytes()], &[]);
            if index % 3 == 0 {
                pair.replica.subscribe(env, &[format!("other:{index}").as_bytes()], &[glob.as_bytes()]);
            }
        }
        if before_connecting {
            pair.connect();
        }
        for _ in 0..300 {
            pair.try_exchange();
        }
        assert!(!pair.replica.is_subscribing());
        assert_eq!(pair.hub.poll_close(), None);
        let done = pair.events().iter().filter(|event| matches!(event, Event::Subscribed { .. })).count();
        assert_eq!(done, 267);
        assert_eq!(pair.call("GET key:199"), Value::Bulk(b"x".to_vec()));
        assert!(matches!(pair.call("GET key:198"), Value::Error(_)));
        assert_eq!(pair.replica.engine().keyspace().db(0).len(), 133);
    }
}

#[test]
fn changes_of_interest_that_wait_are_bounded() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
    let env = pair.env();
    for index in 0..1100 {
        pair.replica.subscribe(env, &[format!("{index}").as_bytes()], &[]);
    }
    let events = pair.events();
    assert_eq!(events.len(), 1100 - 1024);
    assert!(events.iter().all(|event| error_of(event).contains("too many changes")));
    // The hub takes 1,000 patterns and refuses the rest; nobody is cut off.
    pair.connect();
    for _ in 0..300 {
        pair.try_exchange();
    }
    let refused = pair.events().iter().filter(|event| matches!(event, Event::NotSubscribed { .. })).count();
    assert_eq!(refused, 25);
    still_syncs(&mut pair);
}

#[test]
fn an_offline_subscription_that_is_taken_back_is_not_asked_for_in_the_end() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["alive"]));
    pair.call_server("SET b x");
    let env = pair.env();
    pair.replica.subscribe(env, &[b"b"], &[]);
    pair.replica.subscribe(env, &[], &[b"b"]);
    pair.connect();
    pair.sync();
    assert!(!pair.replica.known().contains(b"b"));
    assert_eq!(pair.events().iter().filter(|event| matches!(event, Event::Subscribed { .. })).count(), 2);
}

#[test]
fn an_interest_of_more_patterns_than_the_hub_takes_is_cut_and_said() {
    let globs: Vec<String> = (0..20).map(|index| format!("k:{index}")).collect();
    let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
    let mut pair = Pair::offline(options(|limits| limits.interest_patterns_max = 12), make_replica(1, &globs));
    (0..20).for_each(|index| pair.call_server(&format!("SET k:{index} x")));
    pair.call("SET k:1 mine");
    pair.call("SET k:19 mine");
    pair.connect();
    pair.sync();
    let declined: Vec<String> =
        pair.events().iter().filter(|event| matches!(event, Event::Declined { .. })).map(error_of).collect();
    assert_eq!(declined, ["-ERR 8 patterns of the interest are left out: the server takes 12\r\n"]);
    assert_eq!(pair.replica.engine().keyspace().db(0).len(), 12);
    assert_eq!(pair.call("GET k:1"), Value::Bulk(b"mine".to_vec()));
    assert!(pair.engine.keyspace().digest() != 0);
    // What was written there has got to the server all the same.
    let mut reply = Vec::new();
    let (env, client) = (pair.env(), pair.client);
    pair.engine.execute(env, client, &words("GET k:19"), &mut reply);
    assert_eq!(reply, b"$4\r\nmine\r\n");
    // And it resumes so.
    pair.connect();
    pair.sync();
    assert!(!pair.events().iter().any(|event| matches!(event, Event::Declined { .. })));
}

#[test]
fn presence_and_channels_past_the_limit_are_declined() {
    let change = |limits: &mut Limits| (limits.peer_presence_max, limits.peer_channels_max) = (2, 3);
    let mut pair = Pair::offline(options(change), make_replica(1, &["*"]));
    // Nobody knows yet how many it will be.
    for index in 0..5 {
        pair.replica.presence(format!("here:{index}").as_bytes(), Some(b"x"));
        pair.replica.listen(&[format!("room:{index}").as_bytes()], &[]);
    }
    assert_eq!(pair.events(), []);
    pair.connect();
    pair.sync();
    assert_eq!(pair.events().iter().filter(|event| matches!(event, Event::Declined { .. })).count(), 3 + 2);
    assert_eq!(pair.engine.keyspace().db(0).len(), 2);
    pair.replica.presence(b"here:4", Some(b"x"));
    pair.replica.listen(&[b"room:4", b"room:0"], &[]);
    let declined: Vec<String> = pair.events().iter().map(error_of).collect();
    assert_eq!(declined, ["-ERR 2 keys of presence are the most\r\n", "-ERR 3 channels are the most to listen to\r\n"]);
    // One that ends makes room.
    pair.replica.presence(b"here:0", None);
    pair.replica.presence(b"here:4", Some(b"x"));
    pair.replica.listen(&[b"room:4"], &[b"room:0"]);
    assert_eq!(pair.events(), []);
    still_syncs(&mut pair);
    assert_eq!(pair.hub.publish(b"room:4", b"hello"), 1);
    assert_eq!(pair.hub.publish(b"room:0", b"hello"), 0);
}

#[test]
fn fetches_wait_for_their_turn() {
    let mut pair = connected(|limits| limits.peer_fetches_max = 7);
    let keys: Vec<String> = (0..100).map(|index| format!("key:{index}")).collect();
    keys.iter().for_each(|key| pair.call_server(&format!("SET {key} x")));
    pair.sync();
    keys.iter().for_each(|key| assert!(pair.replica.forget(key.as_bytes())));
    let words: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
    assert!(pair.replica.fetch(&words));
    pair.sync();
    let events = pair.events();
    let fetched: usize =
        events.iter().map(|event| if let Event::Fetched { keys } = event { keys.len() } else { 0 }).sum();
    assert_eq!(fetched, 100);
    assert_eq!(pair.call("GET key:99"), Value::Bulk(b"x".to_vec()));
    still_syncs(&mut pair);
}

#[test]
fn commands_of_many_earlier_runs_reach_the_server_in_their_order() {
    for clients_max in [2, 5, 64] {
        let change = |limits: &mut Limits| limits.peer_clients_max = clients_max;
        let mut pair = Pair::offline(options(change), make_replica(1, &["*"]));
        let mut kept = vec![];
        for run in 0..100_u8 {
            pair.replica = make_replica(run + 1, &["*"]);
            pair.replica.load(&kept).unwrap();
            pair.call(&format!("RPUSH list {run}"));
            pair.call(&format!("RPUSH list {run}b"));
            kept.extend(stored(&mut pair).into_iter().filter(|(key, _)| key.starts_with(b"pend/")));
            kept.sort();
            kept.dedup();
        }
        pair.connect();
        for _ in 0..300 {
            pair.try_exchange();
        }
        pair.sync();
        let expected = (0..100).flat_map(|run| [format!("{run}"), format!("{run}b")]);
        let expected = expected.map(|text| Value::Bulk(text.into_bytes())).collect();
        assert_eq!(pair.call("LRANGE list 0 -1"), Value::Array(expected), "{clients_max} identities at once");
        still_syncs(&mut pair);
    }
}

#[test]
fn a_command_that_is_too_long_is_refused_at_once_if_the_limit_is_known() {
    let mut pair = connected(|limits| limits.sync_message_bytes_max = 2000);
    let long = format!("SET k {}", "x".repeat(2000));
    let refused = "ERR this takes 2067 bytes, and the server takes messages of 2000 bytes";
    assert_eq!(pair.call(&long), Value::Error(refused.into()));
    assert_eq!(pair.call("GET k"), Value::Null);
    pair.call("MULTI");
    pair.call("SET a 1");
    pair.call(&long);
    assert!(matches!(pair.call("EXEC"), Value::Error(text) if text.contains("server takes messages of 2000 bytes")));
    assert!(!pair.replica.in_transaction());
    // The limit is remembered.
    let pairs = stored(&mut pair);
    pair.replica = make_replica(2, &["*"]);
    pair.replica.load(&pairs).unwrap();
    assert_eq!(pair.call(&long), Value::Error(refused.into()));
    pair.connect();
    pair.sync();
    // What just fits goes through.
    for bytes in 1900..1950 {
        pair.call(&format!("SET k {}", "x".repeat(bytes)));
    }
    still_syncs(&mut pair);
}

#[test]
fn a_command_that_turns_out_to_be_too_long_is_refused_and_the_rest_syncs() {
    for restart in [false, true] {
        let change = |limits: &mut Limits| limits.sync_message_bytes_max = 2000;
        let mut pair = Pair::offline(options(change), make_replica(1, &["*"]));
        pair.call("RPUSH list before");
        pair.call(&format!("RPUSH list {}", "x".repeat(5000)));
        pair.call("RPUSH list after");
        for line in ["MULTI", &format!("SET k {}", "x".repeat(1990)), "SET other 1", "EXEC"] {
            pair.call(line);
        }
        pair.call("SET other 2");
        if restart {
            let pairs = stored(&mut pair);
            pair.replica = make_replica(2, &["*"]);
            pair.replica.load(&pairs).unwrap();
        }
        pair.connect();
        pair.sync();
        let expected = ["before", "after"].map(|text| Value::Bulk(text.as_bytes().to_vec()));
        assert_eq!(pair.call("LRANGE list 0 -1"), Value::Array(expected.to_vec()));
        assert_eq!(pair.call("MGET k other"), Value::Array(vec![Value::Null, Value::Bulk(b"2".to_vec())]));
        let events = pair.events();
        let refused: Vec<String> =
            events.iter().filter(|event| matches!(event, Event::Refused { .. })).map(error_of).collect();
        // After a restart nobody waits for the answer any more.
        assert_eq!(refused.len(), if restart { 0 } else { 2 }, "{events:?}");
        assert!(refused.iter().all(|error| error.contains("bytes") && error.contains("messages of 2000 bytes")));
        still_syncs(&mut pair);
        let left = stored(&mut pair);
        assert!(!left.iter().any(|(key, _)| key.starts_with(b"pend/")), "nothing stays behind in the store");
    }
}

#[test]
fn what_else_is_too_long_is_declined() {
    let mut pair = connected(|limits| limits.sync_message_bytes_max = 1500);
    let long = vec![b'x'; 1600];
    let env = pair.env();
    pair.replica.subscribe(env, &[&long], &[]);
    pair.replica.call(&[b"SET", b"k", &long]);
    assert!(pair.replica.publish(b"room", &long));
    pair.replica.presence(b"here", Some(&long));
    pair.replica.listen(&[&long], &[]);
    pair.replica.renew(&long);
    assert!(pair.replica.fetch(&[&long]));
    let events = pair.events();
    assert_eq!(events.len(), 7);
    assert!(events.iter().all(|event| error_of(event).starts_with("-ERR this takes ")), "{events:?}");
    still_syncs(&mut pair);
    // Many that are short each go in several messages.
    let keys: Vec<Vec<u8>> = (0..50).map(|index| format!("{index:0>100}").into_bytes()).collect();
    let words: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    pair.replica.listen(&words, &[]);
    pair.replica.fetch(&words);
    pair.sync();
    assert_eq!(pair.hub.publish(words[49], b"hello"), 1);
    still_syncs(&mut pair);
}

#[test]
fn an_interest_that_does_not_fit_into_a_hello_is_cut() {
    let globs: Vec<String> = (0..30).map(|index| format!("{index:0>100}")).collect();
    let mut pair = connected(|limits| limits.sync_message_bytes_max = 2000);
    let env = pair.env();
    for glob in &globs {
        pair.replica.subscribe(env, &[glob.as_bytes()], &[]);
    }
    pair.sync();
    let refused = pair.events().iter().filter(|event| matches!(event, Event::NotSubscribed { .. })).count();
    assert_eq!(refused, 30 - 9);
    pair.connect();
    pair.sync();
    still_syncs(&mut pair);
}
