//! Scripts from outside: whole in the log or not there, ended by whoever asks, and none of a replica's business.

use std::sync::Arc;

use sanderling_tests::client::Client;
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, Target, folder};
use sanderling_tests::wait;

/// Scripts that don't end, and do all they can not to be ended.
const LOOPS: [&str; 4] = [
    "while true do end",
    "while true do pcall(function() while true do redis.call('ping') end end) end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
];

fn eval(client: &mut Client, script: &str) -> Reply {
    client.call(&[&b"EVAL"[..], script.as_bytes(), b"0"])
}

#[test]
fn what_a_script_did_is_there_whole_after_a_kill_or_not_at_all() {
    let folder = folder();
    let server = Launch::on(Target::Sanderling, Arc::clone(&folder)).args(["--fsync", "always"]).start();
    let mut client = server.client();
    // Each moves one from a number to another: whenever the log ends, their sum is the same.
    eval(&mut client, "redis.call('set', 'from', 100000) redis.call('set', 'to', 0)");
    let script =
        "for i = 1, 50 do redis.call('decr', 'from') redis.call('incr', 'to') end return redis.call('get', 'to')";
    let mut writers: Vec<_> = (0..3)
        .map(|_| {
            let mut client = server.client();
            let script = script.to_owned();
            std::thread::spawn(move || {
                let call: [&[u8]; 3] = [b"EVAL", script.as_bytes(), b"0"];
                while client.try_call(&call).is_ok_and(|reply| reply.error().is_none()) {}
            })
        })
        .collect();
    wait::until("some hundred scripts", || {
        let moved: i64 = client.run("GET to").text().parse().unwrap();
        (moved > 5_000).then_some(())
    });
    server.kill();
    writers.drain(..).for_each(|writer| writer.join().unwrap());

    let server = Launch::on(Target::Sanderling, folder).start();
    let mut client = server.client();
    let [from, to]: [i64; 2] = ["from", "to"].map(|key| client.run(&format!("GET {key}")).text().parse().unwrap());
    assert_eq!(from + to, 100_000);
    assert!(to > 5_000 && to % 50 == 0, "a script is one record: {to}");
}

#[test]
fn libraries_come_back_and_a_damaged_file_is_not_read() {
    let folder = folder();
    let server = Launch::on(Target::Sanderling, Arc::clone(&folder)).start();
    let mut client = server.client();
    let code = "#!lua name=lib\nredis.register_function('answer', function() return 42 end)";
    assert_eq!(client.call(&[&b"FUNCTION"[..], b"LOAD", code.as_bytes()]), Reply::bulk("lib"));
    client.run("SET k v");
    server.kill();

    let server = Launch::on(Target::Sanderling, Arc::clone(&folder)).start();
    assert_eq!(server.client().run("FCALL answer 0"), Reply::Int(42));
    server.terminate();

    let path = folder.path().join("functions.sfn");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let ended = Launch::on(Target::Sanderling, folder).fail();
    assert!(ended.stderr.contains("functions.sfn is damaged"), "{}", ended.stderr);
}

#[test]
fn a_script_that_runs_for_long_is_ended_by_another_client_even_one_that_comes_then() {
    let server = Launch::new(Target::Sanderling).start();
    let mut other = server.client();
    other.run("CONFIG SET busy-reply-threshold 10");
    for script in LOOPS {
        end_by_another_client(&server, &mut other, script);
    }
}

fn end_by_another_client(server: &Server, other: &mut Client, script: &'static str) {
    let mut looping = server.client();
    let running = std::thread::spawn(move || eval(&mut looping, script));
    let busy = wait::until("the script is noticed", || {
        let reply = other.run("PING");
        reply.error().map(str::to_owned)
    });
    assert!(busy.starts_with("BUSY "), "{busy}");
    let mut late = server.client();
    assert!(late.run("GET k").error().unwrap().starts_with("BUSY "));
    assert!(late.run("FUNCTION KILL").error().unwrap().starts_with("BUSY "));
    assert_eq!(late.run("SCRIPT KILL"), Reply::ok());
    let ended = running.join().unwrap();
    assert!(ended.error().unwrap().contains("killed by user"), "{ended:?}");
    assert_eq!(other.run("PING"), Reply::Simple("PONG".into()));
    assert_eq!(late.run("PING"), Reply::Simple("PONG".into()));
    assert!(late.run("SCRIPT KILL").error().unwrap().starts_with("NOTBUSY"));
}

#[test]
fn a_script_that_has_written_is_ended_with_the_server_and_leaves_nothing_behind() {
    let folder = folder();
    let server = Launch::on(Target::Sanderling, Arc::clone(&folder)).start();
    let mut other = server.client();
    other.run("CONFIG SET busy-reply-threshold 10");
    other.run("SET before 1");
    let mut looping = server.client();
    let running = std::thread::spawn(move || {
        let call: [&[u8]; 3] = [b"EVAL", b"redis.call('set', 'half', 1) while true do end", b"0"];
        looping.try_call(&call).is_err()
    });
    wait::until("the script is noticed", || other.run("PING").error().is_some().then_some(()));
    assert!(other.run("SCRIPT KILL").error().unwrap().starts_with("UNKILLABLE"));
    assert!(other.run("SHUTDOWN").error().unwrap().starts_with("BUSY"));
    assert!(other.try_call(&[&b"SHUTDOWN"[..], b"NOSAVE"]).is_err(), "the connection ends without a reply");
    assert!(running.join().unwrap());
    drop(server);

    let server = Launch::on(Target::Sanderling, folder).start();
    let mut client = server.client();
    assert_eq!(client.run("GET before"), Reply::bulk("1"));
    assert_eq!(client.run("EXISTS half"), Reply::Int(0));
}

#[test]
fn what_a_script_may_hold_has_a_bound() {
    let server = Launch::new(Target::Sanderling).start();
    let mut client = server.client();
    client.run("CONFIG SET lua-memory-max 16mb");
    let hog = "local t = {} for i = 1, 1e9 do t[i] = tostring(i) .. string.rep('x', 1000) end";
    let reply = eval(&mut client, hog);
    assert!(reply.error().is_some_and(|text| text.contains("not enough memory")), "{reply:?}");
    assert_eq!(eval(&mut client, "return 1"), Reply::Int(1));
}
