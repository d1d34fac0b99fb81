//! Bad input: a clear error, the connection closed where its stream can no longer be trusted, nobody else disturbed.

use sanderling_tests::client::{Client, encode};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, Target};

/// Checks that a connection which stood there all the time still works, and that its data is as it was.
fn undisturbed(bystander: &mut Client) {
    assert_eq!(bystander.run("GET standing"), Reply::bulk("here"));
    assert_eq!(bystander.run("DBSIZE"), Reply::Int(1));
}

fn start() -> (Server, Client) {
    let server = Launch::new(Target::from_env()).start();
    let mut bystander = server.client();
    assert_eq!(bystander.run("SET standing here"), Reply::ok());
    (server, bystander)
}

#[test]
fn a_command_that_cannot_run_leaves_the_connection_open() {
    let (server, mut bystander) = start();
    let mut client = server.client();
    for (line, expected) in [
        ("NOSUCH a b", "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("SET standing", "ERR wrong number of arguments for 'set' command"),
        ("LPUSH standing x", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("INCR standing", "ERR value is not an integer or out of range"),
        ("EXPIRE standing soon", "ERR value is not an integer or out of range"),
        ("INCRBYFLOAT standing 1", "ERR value is not a valid float"),
        ("SELECT 99", "ERR DB index is out of range"),
        ("ZADD z one a", "ERR value is not a valid float"),
        ("SET k v BOGUS", "ERR syntax error"),
    ] {
        assert_eq!(client.run(line).error(), Some(expected), "{line}");
        assert_eq!(client.run("PING"), Reply::Simple("PONG".into()), "after {line}");
    }
    undisturbed(&mut bystander);
}

#[test]
fn a_broken_frame_is_named_and_closes_the_connection() {
    let (server, mut bystander) = start();
    for (bytes, expected) in [
        (&b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\nx1\r\nv\r\n"[..], "ERR Protocol error: expected '$', got 'x'"),
        (b"*1\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'"),
        (b"*2147483648\r\n", "ERR Protocol error: invalid multibulk length"),
        (b"*many\r\n", "ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$long\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$9223372036854775807\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "ERR Protocol error: invalid bulk length"),
        (b"SET k \"open\r\n", "ERR Protocol error: unbalanced quotes in request"),
        (b"SET k \"a\"b\r\n", "ERR Protocol error: unbalanced quotes in request"),
    ] {
        let mut client = server.client();
        client.send(bytes).unwrap();
        // What follows a frame that made no sense must not run.
        let _ = client.send(&encode(&["SET", "smuggled", "v"]));
        let replies = client.read_until_closed();
        let errors: Vec<_> = replies.iter().map(Reply::error).collect();
        assert_eq!(errors, [Some(expected)], "{:?}", String::from_utf8_lossy(bytes));
        undisturbed(&mut bystander);
    }
}

#[test]
fn what_was_complete_before_a_broken_frame_is_answered() {
    let (server, mut bystander) = start();
    let mut client = server.client();
    client.send(&[encode(&["INCR", "n"]), encode(&["DEL", "n"]), b"*1\r\n!\r\n".to_vec()].concat()).unwrap();
    let replies = client.read_until_closed();
    assert_eq!(replies[..2], [Reply::Int(1), Reply::Int(1)]);
    assert_eq!(replies[2].error(), Some("ERR Protocol error: expected '$', got '!'"));
    assert_eq!(replies.len(), 3);
    undisturbed(&mut bystander);
}

#[test]
fn a_line_without_an_end_is_refused() {
    let (server, mut bystander) = start();
    for (start, expected) in [
        (&b""[..], "ERR Protocol error: too big inline request"),
        (b"*", "ERR Protocol error: too big mbulk count string"),
        (b"*1\r\n$", "ERR Protocol error: too big bulk count string"),
    ] {
        let mut client = server.client();
        client.send(&[start, &[b'7'; 70_000]].concat()).unwrap();
        let replies = client.read_until_closed();
        assert_eq!(replies.iter().map(Reply::error).collect::<Vec<_>>(), [Some(expected)]);
        undisturbed(&mut bystander);
    }
}

#[test]
fn inline_commands_work_and_inline_garbage_is_an_unknown_command() {
    let (server, mut bystander) = start();
    let mut client = server.client();
    client.send(b"PING\r\nPING\n\r\n   \r\nSET k \"two words\\x21\"\r\nGET k\r\nDEL k\r\n").unwrap();
    let pong = Reply::Simple("PONG".into());
    for expected in [pong.clone(), pong.clone(), Reply::ok(), Reply::bulk("two words!"), Reply::Int(1)] {
        assert_eq!(client.read().unwrap(), expected);
    }
    client.send(b"\x01\x02\xfe\xff garbage\r\n").unwrap();
    let reply = client.read().unwrap();
    assert!(reply.error().is_some_and(|text| text.starts_with("ERR unknown command")), "{reply:?}");
    assert_eq!(client.run("PING"), pong);
    undisturbed(&mut bystander);
}

#[test]
fn a_browser_that_was_led_here_is_hung_up_on() {
    let (server, mut bystander) = start();
    for request in [
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET smuggled v\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET smuggled v\r\n",
    ] {
        let mut client = server.client();
        client.send(request.as_bytes()).unwrap();
        for reply in client.read_until_closed() {
            assert!(reply.error().is_some(), "{request:?} was answered with {reply:?}");
        }
        undisturbed(&mut bystander);
    }
}

#[test]
fn half_a_frame_is_waited_for_and_forgotten_with_its_connection() {
    let (server, mut bystander) = start();
    let frame = encode(&["SET", "half", "value"]);
    let mut whole = server.client();
    for length in 1..frame.len() {
        let mut client = server.client();
        client.send(&frame[..length]).unwrap();
        drop(client);
    }
    whole.send(&frame[..frame.len() / 2]).unwrap();
    undisturbed(&mut bystander);
    whole.send(&frame[frame.len() / 2..]).unwrap();
    assert_eq!(whole.read().unwrap(), Reply::ok());
    assert_eq!(bystander.run("DEL half"), Reply::Int(1));
}

#[test]
fn a_transaction_dies_with_its_connection() {
    let (server, mut bystander) = start();
    let mut client = server.client();
    client.run("MULTI");
    client.run("SET queued v");
    client.send(b"*1\r\n$bad\r\n").unwrap();
    client.read_until_closed();
    undisturbed(&mut bystander);
}
