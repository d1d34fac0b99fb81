//! What a replica offers to a shell that hands its replies on: the version of RESP, and settings.

use alloc::vec::Vec;

use super::{Env, Pair, Value, make_replica};
use crate::{
    resp::Protocol,
    sync::{Event, Replica},
};

fn raw(replica: &mut Replica, protocol: Protocol, line: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let mut reply = Vec::new();
    replica.execute_in(protocol, Env::new(1, 1), &words, &mut reply);
    reply
}

#[test]
fn replies_come_in_the_version_that_is_asked_for() {
    let mut replica = make_replica(1, &["*"]);
    assert_eq!(raw(&mut replica, Protocol::Resp2, "HSET h f v"), b":1\r\n");
    assert_eq!(raw(&mut replica, Protocol::Resp2, "HGETALL h"), b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    assert_eq!(raw(&mut replica, Protocol::Resp3, "HGETALL h"), b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
    assert_eq!(raw(&mut replica, Protocol::Resp2, "GET none"), b"$-1\r\n");
    raw(&mut replica, Protocol::Resp2, "WATCH h");
    raw(&mut replica, Protocol::Resp2, "HSET h f w");
    raw(&mut replica, Protocol::Resp2, "MULTI");
    raw(&mut replica, Protocol::Resp2, "HLEN h");
    assert_eq!(raw(&mut replica, Protocol::Resp2, "EXEC"), b"*-1\r\n");
}

#[test]
fn the_servers_reply_is_not_compared_with_one_in_resp2() {
    let mut pair = Pair::new();
    pair.call_server("ZADD z 1 a");
    pair.exchange();
    while pair.replica.poll_event().is_some() {}
    assert_eq!(raw(&mut pair.replica, Protocol::Resp2, "ZINCRBY z 1 a"), b"$1\r\n2\r\n");
    pair.sync();
    let events: Vec<Event> = core::iter::from_fn(|| pair.replica.poll_event()).collect();
    let told = events.iter().any(|event| matches!(event, Event::Corrected { .. } | Event::Refused { .. }));
    assert!(!told, "{events:?}");
    assert_eq!(pair.call("ZSCORE z a"), Value::Double(2.0));
}

#[test]
fn a_setting_changes_how_values_are_kept_at_once() {
    let mut replica = make_replica(1, &["*"]);
    assert_eq!(replica.setting("no-such-setting", Some("1")), None);
    assert_eq!(replica.setting("hash-max-listpack-entries", None), Some("128"));
    assert_eq!(replica.setting("hash-max-listpack-entries", Some("1")), Some("1"));
    raw(&mut replica, Protocol::Resp2, "HSET h f v g w");
    assert_eq!(raw(&mut replica, Protocol::Resp2, "OBJECT ENCODING h"), b"$9\r\nhashtable\r\n");
}

#[test]
fn a_key_is_copied_within_the_database() {
    let mut pair = Pair::new();
    pair.call("SET a 1");
    assert_eq!(pair.call("COPY a b"), Value::Integer(1));
    pair.sync();
    assert!(pair.engine.keyspace().db(0).find(b"b").is_some());
    assert!(matches!(pair.call("COPY a b DB 3"), Value::Error(_)));
    assert_eq!(pair.replica.status().pending, 0);
}
