//! Calls that wait: BLPOP and its kin, over real connections.

use std::time::{Duration, Instant};

use sanderling_tests::client::{Client, encode};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Target};
use sanderling_tests::wait;

/// Waits until that many clients wait.
fn blocked(client: &mut Client, count: usize) {
    let line = format!("blocked_clients:{count}\r");
    wait::until("the clients to wait", || {
        client.run("INFO clients").text().split('\n').any(|one| one == line).then_some(())
    });
}

#[test]
fn a_push_wakes_who_waits_longest() {
    let server = Launch::new(Target::from_env()).start();
    let mut writer = server.client();
    let mut waiters: Vec<Client> = Vec::new();
    for index in 0..3 {
        let mut waiter = server.client();
        waiter.send(&encode(&["BLPOP", "empty", "l", "0"])).unwrap();
        waiters.push(waiter);
        blocked(&mut writer, index + 1);
    }
    assert_eq!(writer.run("RPUSH l a b"), Reply::Int(2));
    assert_eq!(waiters[0].read().unwrap(), Reply::bulks(["l", "a"]));
    assert_eq!(waiters[1].read().unwrap(), Reply::bulks(["l", "b"]));
    blocked(&mut writer, 1);
    writer.run("RPUSH empty c");
    assert_eq!(waiters[2].read().unwrap(), Reply::bulks(["empty", "c"]));
    assert_eq!(writer.run("DBSIZE"), Reply::Int(0));
}

#[test]
fn what_is_pipelined_behind_a_waiting_call_runs_after_it() {
    let server = Launch::new(Target::from_env()).start();
    let (mut waiter, mut writer) = (server.client(), server.client());
    let calls = [&["SET", "before", "1"][..], &["BZPOPMIN", "z", "0"], &["SET", "after", "1"], &["EXISTS", "before"]];
    waiter.send(&calls.iter().flat_map(|call| encode(call)).collect::<Vec<u8>>()).unwrap();
    assert_eq!(waiter.read().unwrap(), Reply::ok());
    blocked(&mut writer, 1);
    waiter.send(&encode(&["GET", "after"])).unwrap();
    assert_eq!(writer.run("EXISTS before after"), Reply::Int(1));
    writer.run("ZADD z 1 a");
    assert_eq!(waiter.read().unwrap(), Reply::bulks(["z", "a", "1"]));
    assert_eq!(waiter.read().unwrap(), Reply::ok());
    assert_eq!(waiter.read().unwrap(), Reply::Int(1));
    assert_eq!(waiter.read().unwrap(), Reply::bulk("1"));
}

#[test]
fn a_timeout_answers_null_and_not_before_its_time() {
    let server = Launch::new(Target::from_env()).start();
    let mut client = server.client();
    let started = Instant::now();
    assert_eq!(client.run("BLPOP l 0.2"), Reply::Nil);
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(client.run("BLPOP l -1").error(), Some("ERR timeout is negative"));
    assert_eq!(client.run("BLPOP l x").error(), Some("ERR timeout is not a float or out of range"));
    assert_eq!(client.run("PING"), Reply::Simple("PONG".into()));
}

#[test]
fn who_hangs_up_waits_no_more() {
    let server = Launch::new(Target::from_env()).start();
    let (mut waiter, mut writer) = (server.client(), server.client());
    waiter.send(&encode(&["BLPOP", "l", "0"])).unwrap();
    blocked(&mut writer, 1);
    drop(waiter);
    blocked(&mut writer, 0);
    writer.run("RPUSH l a");
    assert_eq!(writer.run("LLEN l"), Reply::Int(1));
}

#[test]
fn a_waiting_client_can_be_unblocked_and_killed() {
    let server = Launch::new(Target::from_env()).start();
    let (mut waiter, mut operator) = (server.client(), server.client());
    let id = waiter.run("CLIENT ID").int();
    for (reason, expected) in
        [("TIMEOUT", Reply::Nil), ("ERROR", Reply::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into()))]
    {
        waiter.send(&encode(&["BLMOVE", "a", "b", "LEFT", "LEFT", "0"])).unwrap();
        blocked(&mut operator, 1);
        assert_eq!(operator.run(&format!("CLIENT UNBLOCK {id} {reason}")), Reply::Int(1));
        assert_eq!(waiter.read().unwrap(), expected);
    }
    assert_eq!(operator.run(&format!("CLIENT UNBLOCK {id}")), Reply::Int(0));
    waiter.send(&encode(&["BLPOP", "l", "0"])).unwrap();
    blocked(&mut operator, 1);
    assert_eq!(operator.run(&format!("CLIENT KILL ID {id}")), Reply::Int(1));
    assert_eq!(waiter.read_until_closed(), []);
    blocked(&mut operator, 0);
}
