//! `CLIENT PAUSE`, and what replicas would have the server do meanwhile.

use alloc::vec::Vec;

use super::talks::{Talk, items, push};
use crate::{
    UnixMillis,
    format::ClientId,
    limits::Limits,
    sync::{CloseReason, Grant, Hub, HubOptions, Item, LogId, ToHub, ToReplica},
};

const ONE: ClientId = ClientId([1; 16]);
const OTHER: ClientId = ClientId([2; 16]);

fn get(talk: &mut Talk, key: &str) -> Vec<u8> {
    talk.call(&[b"GET", key.as_bytes()])
}

#[test]
fn what_is_pushed_during_a_pause_runs_after_it_in_its_order() {
    let mut talk = Talk::new();
    let one = talk.connect(Grant::everything(), ONE, 0);
    let other = talk.connect(Grant::everything(), OTHER, 0);
    talk.hear();
    talk.say(one, &push(1, 0, &[&["APPEND", "k", "a"]]));
    assert_eq!(talk.call(&[b"CLIENT", b"PAUSE", b"1000", b"WRITE"]), b"+OK\r\n");
    talk.hear();
    talk.say(other, &push(1, 0, &[&["APPEND", "k", "b"]]));
    talk.say(one, &push(2, 0, &[&["APPEND", "k", "c"], &["APPEND", "k", "d"]]));
    talk.say(other, &push(2, 0, &[&["APPEND", "k", "e"]]));
    assert_eq!(get(&mut talk, "k"), b"$1\r\na\r\n");
    // Whether the connection lives is answered nevertheless.
    talk.say(one, &ToHub::Ping { sent: UnixMillis(7) });
    let heard = talk.hear();
    assert_eq!(items(&heard), []);
    let is_pong = |(peer, bytes): &(_, Vec<u8>)| {
        *peer == one && matches!(ToReplica::decode(bytes), Ok(ToReplica::Pong { sent: UnixMillis(7), .. }))
    };
    assert!(heard.iter().any(is_pong));
    assert!(talk.hub.next_timeout().is_some_and(|at| at.0 <= talk.now), "it is to be looked at soon");
    let env = talk.env();
    talk.hub.handle_timeout(&mut talk.engine, env);
    assert_eq!(get(&mut talk, "k"), b"$1\r\na\r\n");
    talk.now += 1001;
    let env = talk.env();
    talk.hub.handle_timeout(&mut talk.engine, env);
    assert_eq!(get(&mut talk, "k"), b"$5\r\nabcde\r\n");
    assert!(talk.hub.next_timeout().is_none_or(|at| at.0 > talk.now));
    let heard = talk.hear();
    let is_own = |item: &Item<'_>| matches!(item, Item::Own { .. });
    assert_eq!(items(&heard).iter().filter(|item| is_own(item)).count(), 4, "each push is answered once");
}

#[test]
fn the_end_of_a_pause_comes_before_what_is_said_after_it() {
    let mut talk = Talk::new();
    let one = talk.connect(Grant::everything(), ONE, 0);
    talk.call(&[b"CLIENT", b"PAUSE", b"1000", b"ALL"]);
    talk.say(one, &push(1, 0, &[&["APPEND", "k", "a"]]));
    talk.now += 1001;
    talk.say(one, &push(2, 0, &[&["APPEND", "k", "b"]]));
    assert_eq!((get(&mut talk, "k"), talk.closed()), (b"$2\r\nab\r\n".to_vec(), None));
}

#[test]
fn who_leaves_during_a_pause_has_said_nothing() {
    let mut talk = Talk::new();
    let one = talk.connect(Grant::everything(), ONE, 0);
    talk.call(&[b"CLIENT", b"PAUSE", b"1000", b"WRITE"]);
    talk.say(one, &push(1, 0, &[&["APPEND", "k", "a"]]));
    let env = talk.env();
    talk.hub.close_peer(&mut talk.engine, env, one);
    let again = talk.connect(Grant::everything(), ONE, 0);
    talk.say(again, &push(1, 0, &[&["APPEND", "k", "a"]]));
    talk.call(&[b"CLIENT", b"UNPAUSE"]);
    let env = talk.env();
    talk.hub.handle_timeout(&mut talk.engine, env);
    assert_eq!((get(&mut talk, "k"), talk.closed()), (b"$1\r\na\r\n".to_vec(), None));
}

#[test]
fn what_waits_for_the_end_of_a_pause_is_bounded() {
    let mut talk = Talk::new();
    let limits = Limits { outbox_bytes_max: 10_000, ..Limits::DEFAULT };
    talk.hub = Hub::new(HubOptions { limits, ..HubOptions::default() });
    talk.hub.begin_epoch(LogId(1));
    let one = talk.connect(Grant::everything(), ONE, 0);
    talk.call(&[b"CLIENT", b"PAUSE", b"1000", b"WRITE"]);
    let text = "x".repeat(4000);
    for seq in 1..3 {
        talk.say(one, &push(seq, 0, &[&["APPEND", "k", &text]]));
        assert_eq!(talk.closed(), None);
    }
    talk.say(one, &push(3, 0, &[&["APPEND", "k", &text]]));
    assert_eq!(talk.closed(), Some(CloseReason::FellBehind));
}
