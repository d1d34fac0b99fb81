//! Connections and pipelines: however the bytes arrive, the replies are the same and in order.

use proptest::prelude::*;
use sanderling_tests::client::{command, encode};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Target};

#[test]
fn a_long_pipeline_is_answered_in_order() {
    let server = Launch::new(Target::from_env()).start();
    let mut client = server.client();
    let count = 20_000;
    let replies = client.pipeline(&vec![command(["INCR", "n"]); count]);
    let expected: Vec<Reply> = (1..=count as i64).map(Reply::Int).collect();
    assert!(replies == expected, "the replies are not 1 to {count}");
}

#[test]
fn bytes_may_be_cut_anywhere() {
    let server = Launch::new(Target::from_env()).start();
    let commands = [
        command(["FLUSHALL"]),
        command(["SET", "k", "a\r\n$3\r\nvalue"]),
        command(["GET", "k"]),
        command(["RPUSH", "l", "", "x", "\r\n"]),
        command(["LRANGE", "l", "0", "-1"]),
        command(["NOSUCH"]),
        command(["INCR", "k"]),
    ];
    let bytes: Vec<u8> = commands.iter().flat_map(|one| encode(one)).collect();
    let whole = server.client().pipeline(&commands);
    proptest!(ProptestConfig::with_cases(32), |(cuts in prop::collection::btree_set(1..bytes.len(), 0..24))| {
        let mut client = server.client();
        let mut from = 0;
        for to in cuts.into_iter().chain([bytes.len()]) {
            client.send(&bytes[from..to]).unwrap();
            from = to;
        }
        let replies: Vec<Reply> = commands.iter().map(|_| client.read().unwrap()).collect();
        prop_assert_eq!(&replies, &whole);
    });
}

#[test]
fn values_are_bytes_of_any_length() {
    let server = Launch::new(Target::from_env()).start();
    let mut client = server.client();
    for length in [0, 1, 15, 16, 17, 1 << 10, 16 << 10, (16 << 10) + 1, 1 << 20, 8 << 20] {
        let value: Vec<u8> = (0..length).map(|index: usize| (index * 31 % 256) as u8).collect();
        assert_eq!(client.call(&[b"SET", &b"k\0\r\n"[..], &value]), Reply::ok());
        assert!(client.call(&[b"GET", &b"k\0\r\n"[..]]) == Reply::Bulk(value), "{length} bytes came back changed");
    }
}

#[test]
fn connections_see_each_other_and_nothing_of_each_others_state() {
    let server = Launch::new(Target::from_env()).start();
    let mut clients: Vec<_> = (0..100).map(|_| server.client()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.run(&format!("SELECT {}", index % 16)), Reply::ok());
        assert_eq!(client.run(&format!("CLIENT SETNAME c{index}")), Reply::ok());
        assert_eq!(client.run("INCR n"), Reply::Int(index as i64 / 16 + 1));
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.run("CLIENT GETNAME"), Reply::bulk(format!("c{index}")));
    }
    drop(clients);
    assert_eq!(server.client().run("GET n"), Reply::bulk("7"));
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_replies() {
    let server = Launch::new(Target::from_env()).start();
    let mut client = server.client();
    client.send(&[encode(&["SET", "k", "v"]), encode(&["GET", "k"])].concat()).unwrap();
    client.finish_sending();
    assert_eq!(client.read_until_closed(), [Reply::ok(), Reply::bulk("v")]);
}

#[test]
fn quit_answers_and_closes() {
    let server = Launch::new(Target::from_env()).start();
    let mut client = server.client();
    client.send(&[encode(&["QUIT"]), encode(&["SET", "k", "v"])].concat()).unwrap();
    assert_eq!(client.read_until_closed(), [Reply::ok()]);
    assert_eq!(server.client().run("EXISTS k"), Reply::Int(0));
}

#[test]
fn hello_switches_the_protocol_of_its_connection_only() {
    let server = Launch::new(Target::from_env()).start();
    let (mut three, mut two) = (server.client(), server.client());
    assert!(matches!(three.run("HELLO 3"), Reply::Map(_)));
    three.run("HSET h f v");
    assert_eq!(three.run("HGETALL h"), Reply::Map(vec![(Reply::bulk("f"), Reply::bulk("v"))]));
    assert_eq!(two.run("HGETALL h"), Reply::bulks(["f", "v"]));
    assert!(matches!(three.run("HELLO 2"), Reply::Array(_)));
    assert_eq!(three.run("HGETALL h"), Reply::bulks(["f", "v"]));
}
