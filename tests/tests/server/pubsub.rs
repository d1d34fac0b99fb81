//! Messages between connections: of Redis clients, and of replicas.

use sanderling_core::sync::{ToHub, ToReplica};
use sanderling_tests::client::{Client, encode};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Target};

use super::sync::Socket;

fn words<const N: usize>(words: [&str; N]) -> Reply {
    Reply::bulks(words)
}

/// Sends a subscription and checks its confirmation.
fn listen(client: &mut Client, command: &str, name: &str, count: i64) {
    client.send(&encode(&[command, name])).unwrap();
    let confirmed = Reply::Array(vec![Reply::bulk(command), Reply::bulk(name), Reply::Int(count)]);
    assert_eq!(client.read().unwrap(), confirmed);
}

#[test]
fn messages_come_in_the_order_in_which_they_were_published() {
    let server = Launch::new(Target::from_env()).start();
    let (mut listener, mut publisher) = (server.client(), server.client());
    listen(&mut listener, "subscribe", "news", 1);
    listen(&mut listener, "psubscribe", "n*", 2);
    let calls: Vec<_> = (0..1000)
        .flat_map(|number| {
            let text = number.to_string();
            [["PUBLISH", "news", text.as_str()], ["SET", "k", text.as_str()]]
                .map(|call| call.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
        })
        .collect();
    for pair in publisher.pipeline(&calls).chunks(2) {
        assert_eq!(pair, [Reply::Int(2), Reply::ok()]);
    }
    for number in 0..1000 {
        let text = number.to_string();
        assert_eq!(listener.read().unwrap(), words(["message", "news", &text]));
        assert_eq!(listener.read().unwrap(), words(["pmessage", "n*", "news", &text]));
    }
    drop(listener);
    sanderling_tests::wait::until("the listener to be gone", || {
        (publisher.run("PUBLISH news nobody") == Reply::Int(0)).then_some(())
    });
}

#[test]
fn in_resp3_messages_are_pushed_between_replies() {
    let server = Launch::new(Target::from_env()).start();
    let (mut listener, mut publisher) = (server.client(), server.client());
    listener.run("HELLO 3");
    listener.send(&encode(&["SUBSCRIBE", "news"])).unwrap();
    assert!(matches!(listener.read().unwrap(), Reply::Push(_)));
    publisher.run("PUBLISH news hi");
    assert_eq!(
        listener.read().unwrap(),
        Reply::Push(vec!["message", "news", "hi"].into_iter().map(Reply::bulk).collect())
    );
    assert_eq!(listener.run("SET k v"), Reply::ok());
    assert_eq!(listener.run("GET k"), Reply::bulk("v"));
}

#[test]
fn a_listener_that_does_not_read_is_cut_off_and_nobody_else() {
    let server = Launch::new(Target::from_env()).start();
    let (mut slow, mut quick, mut publisher) = (server.client(), server.client(), server.client());
    listen(&mut slow, "subscribe", "news", 1);
    listen(&mut quick, "subscribe", "news", 1);
    let payload = "x".repeat(1024 * 1024);
    let mut listeners = 2;
    // The kernel may keep some dozen megabytes on top of what the server does.
    for _ in 0..128 {
        listeners = publisher.call(&["PUBLISH", "news", &payload]).int();
        assert_eq!(quick.read().unwrap(), words(["message", "news", &payload]));
        if listeners < 2 {
            break;
        }
    }
    assert_eq!(listeners, 1, "who doesn't read doesn't listen any more");
}

#[test]
fn clients_and_replicas_hear_each_other() {
    let server = Launch::sanderling().start();
    let (mut listener, mut publisher) = (server.client(), server.client());
    listen(&mut listener, "subscribe", "news", 1);
    let mut replica = Socket::replica(&server, 1, "*");
    replica.send(&ToHub::Listen { join: vec![b"news".as_slice().into()], leave: vec![] });
    replica.send(&ToHub::Publish { channel: b"news".as_slice().into(), payload: b"from a tab".as_slice().into() });
    assert_eq!(listener.read().unwrap(), words(["message", "news", "from a tab"]));
    assert_eq!(publisher.run("PUBLISH news hi"), Reply::Int(1));
    assert_eq!(listener.read().unwrap(), words(["message", "news", "hi"]));
    for expected in ["from a tab", "hi"] {
        loop {
            let bytes = replica.receive();
            if let ToReplica::Message { channel, payload } = ToReplica::decode(&bytes).unwrap() {
                assert_eq!((&*channel, &*payload), (b"news".as_slice(), expected.as_bytes()));
                break;
            }
        }
    }
}
