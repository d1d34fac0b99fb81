//! A short request must not cost more memory than there is: what repeats a large value ends at a bound.

// A harness fails by panicking: the test runner reports the place and the message.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use allocation_counter::measure;
use sanderling_core::{
    Engine, EngineOptions, Env, SessionId,
    limits::REPLY_BYTES_MAX,
    resp::{Value, decode_value},
};

const MEGABYTE: usize = 1 << 20;

fn engine() -> (Engine, SessionId) {
    let mut engine = Engine::new(EngineOptions::default());
    let session = engine.open_session("127.0.0.1:1", Env::new(0, 0));
    (engine, session)
}

/// Runs a call; returns its reply, and checks what it took to make it.
fn call(engine: &mut Engine, session: SessionId, words: &[&[u8]]) -> Value {
    let mut reply = Vec::new();
    let taken = measure(|| {
        engine.execute(Env::new(0, 1), session, words, &mut reply);
    })
    .bytes_max;
    // A buffer that grows holds its content twice for a moment, and has room for as much again.
    assert!(taken < 4 * REPLY_BYTES_MAX as u64, "{taken} bytes for {:?}", words[0].escape_ascii().to_string());
    decode_value(&reply).unwrap().unwrap().0
}

fn is_too_long(value: &Value) -> bool {
    matches!(value, Value::Error(text) if text.starts_with("ERR the reply would be too long"))
}

#[test]
fn a_large_member_is_not_drawn_without_end() {
    let (mut engine, session) = engine();
    let member = vec![b'm'; MEGABYTE];
    call(&mut engine, session, &[b"SADD", b"set", &member]);
    call(&mut engine, session, &[b"HSET", b"hash", b"field", &member]);
    call(&mut engine, session, &[b"ZADD", b"zset", b"1", &member]);
    for words in [
        &[b"SRANDMEMBER".as_slice(), b"set", b"-1000000"][..],
        &[b"HRANDFIELD", b"hash", b"-1000000", b"WITHVALUES"],
        &[b"ZRANDMEMBER", b"zset", b"-1000000", b"WITHSCORES"],
    ] {
        let reply = call(&mut engine, session, words);
        assert!(is_too_long(&reply), "{}", words[0].escape_ascii());
        let few = call(&mut engine, session, &[words[0], words[1], b"-3"]);
        assert!(matches!(few, Value::Array(drawn) if drawn.len() == 3));
    }
}

#[test]
fn a_transaction_runs_whole_and_says_no_more_than_fits() {
    let (mut engine, session) = engine();
    let value = vec![b'v'; MEGABYTE];
    call(&mut engine, session, &[b"SET", b"large", &value]);
    call(&mut engine, session, &[b"MULTI"]);
    for _ in 0..300 {
        call(&mut engine, session, &[b"GET", b"large"]);
        call(&mut engine, session, &[b"INCR", b"count"]);
    }
    let Value::Array(replies) = call(&mut engine, session, &[b"EXEC"]) else { panic!("an array") };
    assert_eq!(replies.len(), 600);
    assert!(matches!(&replies[0], Value::Bulk(first) if *first == value) && is_too_long(&replies[599]));
    assert_eq!(call(&mut engine, session, &[b"GET", b"count"]), Value::Bulk(b"300".to_vec()));
}
