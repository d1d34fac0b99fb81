//! What was acknowledged comes back: after SIGTERM, after SIGKILL, under every fsync policy; and what cannot be
//! trusted is not read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sanderling_tests::client::{Client, command};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, Target, folder};
use sanderling_tests::wait;
use tempfile::TempDir;

const POLICIES: [&str; 3] = ["always", "everysec", "no"];

fn restart(folder: &Arc<TempDir>, fsync: &str) -> Server {
    Launch::on(Target::Sanderling, Arc::clone(folder)).args(["--fsync", fsync]).start()
}

/// Writes something of everything, deletions and deadlines among it.
fn fill(client: &mut Client) {
    for line in [
        "SET string value",
        "SET number 41",
        "INCR number",
        "INCRBYFLOAT float 0.1",
        "SETRANGE string 3 XY",
        "APPEND string tail",
        "RPUSH list a b c d e",
        "LPOP list",
        "LREM list 1 d",
        "LINSERT list BEFORE c between",
        "HSET hash f v g 2 h 3",
        "HDEL hash f",
        "HINCRBY hash g 40",
        "SADD ints 1 2 3 100000",
        "SADD set a b c d e f",
        "SPOP set",
        "SPOP set 2",
        "ZADD zset 1 a 2.5 b -inf c 3 d",
        "ZINCRBY zset 0.1 a",
        "ZPOPMAX zset",
        "XADD stream * f v",
        "XADD stream * f v g w",
        "XADD stream MAXLEN 3 18446744073709551615-* f v",
        "XGROUP CREATE stream readers 0",
        "XREADGROUP GROUP readers ada COUNT 2 STREAMS stream >",
        "XAUTOCLAIM stream readers bob 0 0 COUNT 1",
        "XGROUP CREATECONSUMER stream readers eve",
        "XADD emptied 1-1 f v",
        "XDEL emptied 1-1",
        "SET gone x",
        "DEL gone",
        "SET due x PXAT 33177117420123",
        "EXPIREAT list 33177117421",
        "SET past x PX 1",
        "RENAME hash renamed",
        "SUNIONSTORE union set ints",
        "MULTI",
        "SET in-transaction 1",
        "INCR in-transaction",
        "EXEC",
        "SELECT 5",
        "SET elsewhere x",
        "SELECT 0",
    ] {
        let reply = client.run(line);
        assert!(reply.error().is_none(), "{line}: {reply:?}");
    }
    assert_eq!(client.call(&[b"SET", &b"\0\xff\r\n"[..], &[0, 255, 13, 10].repeat(5_000)]), Reply::ok());
    // What expires in a moment must be gone before anyone compares.
    wait::until("the key `past` expires", || client.run("EXISTS past").eq(&Reply::Int(0)).then_some(()));
}

/// Reads everything there is: for each database and key the type, the deadline and the value.
fn everything(client: &mut Client) -> BTreeMap<(u8, Vec<u8>), [Reply; 3]> {
    let mut all = BTreeMap::new();
    for db in 0..16 {
        client.run(&format!("SELECT {db}"));
        for key in client.run("KEYS *").items().to_vec() {
            let Reply::Bulk(key) = key else { panic!("a key is a string") };
            let kind = client.call(&[b"TYPE", &key[..]]);
            let value = match kind.text().as_str() {
                "string" => client.call(&[b"GET", &key[..]]),
                "list" => client.call(&[b"LRANGE", &key[..], b"0", b"-1"]),
                "hash" => sorted(&client.call(&[b"HGETALL", &key[..]]), 2),
                "set" => sorted(&client.call(&[b"SMEMBERS", &key[..]]), 1),
                "zset" => client.call(&[b"ZRANGE", &key[..], b"0", b"-1", b"WITHSCORES"]),
                "stream" => client.call(&[b"XINFO", &b"STREAM"[..], &key[..], b"FULL", b"COUNT", b"0"]),
                "none" => continue,
                other => panic!("a key of type {other}"),
            };
            let due = client.call(&[b"PEXPIRETIME", &key[..]]);
            all.insert((db, key), [kind, due, value]);
        }
    }
    client.run("SELECT 0");
    all
}

/// Puts the elements, `width` by `width`, into an order of their own.
fn sorted(reply: &Reply, width: usize) -> Reply {
    let mut groups: Vec<Vec<String>> =
        reply.items().chunks(width).map(|group| group.iter().map(|item| format!("{item:?}")).collect()).collect();
    groups.sort();
    Reply::bulks(groups.concat())
}

#[test]
fn everything_comes_back_under_every_policy_and_either_end() {
    for fsync in POLICIES {
        let folder = folder();
        let server = restart(&folder, fsync);
        let mut client = server.client();
        fill(&mut client);
        let before = everything(&mut client);
        assert!(before.len() > 12);
        server.kill();

        let server = restart(&folder, fsync);
        let mut client = server.client();
        assert_eq!(everything(&mut client), before, "after SIGKILL with --fsync {fsync}");
        client.run("SET after kill");
        let before = everything(&mut client);
        let ended = server.terminate();
        assert!(ended.status.success(), "SIGTERM: {}\n{}", ended.status, ended.stderr);

        let server = restart(&folder, fsync);
        assert_eq!(everything(&mut server.client()), before, "after SIGTERM with --fsync {fsync}");
    }
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed_in_the_middle() {
    for fsync in POLICIES {
        let folder = folder();
        let server = restart(&folder, fsync);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4).map(|writer| write_until_cut(server.client(), writer, &stop)).collect();
        let mut watcher = server.client();
        wait::until("some thousand writes", || (watcher.run("DBSIZE").int() > 2_000).then_some(()));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let acknowledged: Vec<(i64, i64)> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();

        let server = restart(&folder, fsync);
        let mut client = server.client();
        for (writer, (acknowledged, sent)) in acknowledged.into_iter().enumerate() {
            let count = client.run(&format!("GET count:{writer}")).text().parse::<i64>().unwrap();
            assert!(
                (acknowledged..=sent).contains(&count),
                "--fsync {fsync}: {acknowledged} were acknowledged, {sent} sent, {count} came back"
            );
            // Each counter and its key were written by one transaction: neither is there without the other.
            for number in 1..=count {
                assert_eq!(client.run(&format!("GET key:{writer}:{number}")), Reply::bulk("v"), "{number} of {count}");
            }
            assert_eq!(client.run(&format!("EXISTS key:{writer}:{}", count + 1)), Reply::Int(0));
        }
    }
}

/// Writes transactions of a counter and a key until the connection breaks; returns how many were acknowledged and
/// how many were sent.
fn write_until_cut(mut client: Client, writer: usize, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<(i64, i64)> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        for number in 1.. {
            let lines =
                ["MULTI".into(), format!("INCR count:{writer}"), format!("SET key:{writer}:{number} v"), "EXEC".into()];
            let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            let mut exec = client.send(&bytes).map(|()| Reply::Nil);
            for _ in lines {
                exec = exec.and_then(|_| client.read());
            }
            match exec {
                Ok(Reply::Array(_)) if !stop.load(Ordering::Relaxed) => {}
                Ok(Reply::Array(_)) => return (number, number),
                Ok(other) => panic!("EXEC answered {other:?}"),
                Err(_) => return (number - 1, number),
            }
        }
        unreachable!("the numbers do not end")
    })
}

#[test]
fn a_key_that_was_due_while_the_server_was_down_is_gone() {
    let folder = folder();
    let server = restart(&folder, "always");
    let mut client = server.client();
    client.run("SET stays v");
    client.run("SET goes v PX 200");
    server.kill();
    let server = wait::until("the deadline", || {
        let server = restart(&folder, "always");
        let gone = server.client().run("EXISTS goes") == Reply::Int(0);
        gone.then_some(server)
    });
    assert_eq!(server.client().run("DBSIZE"), Reply::Int(1));
}

#[test]
fn restarting_many_times_changes_nothing() {
    let folder = folder();
    for round in 0..8 {
        let server = restart(&folder, "everysec");
        let mut client = server.client();
        assert_eq!(client.run("DBSIZE"), Reply::Int(round));
        client.run(&format!("SET round:{round} v"));
        if round % 2 == 0 {
            server.kill();
        } else {
            assert!(server.terminate().status.success());
        }
    }
}

#[test]
fn a_log_much_larger_than_a_buffer_comes_back() {
    let folder = folder();
    let server = restart(&folder, "no");
    let mut client = server.client();
    let value = "x".repeat(1_000);
    let commands: Vec<_> = (0..20_000).map(|index| command(["SET", &format!("k{index}"), &value])).collect();
    for batch in commands.chunks(1_000) {
        client.pipeline(batch);
    }
    server.kill();
    let server = restart(&folder, "no");
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), Reply::Int(20_000));
    assert_eq!(client.run("GET k19999"), Reply::bulk(value));
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let server = Launch::sanderling().start();
    server.client().run("SET k v");
    let ended = Launch::on(Target::Sanderling, Arc::clone(&server.folder)).fail();
    assert!(!ended.status.success());
    let shown = server.folder.path().to_string_lossy().into_owned();
    assert!(ended.stderr.contains(&shown), "the folder is not named: {}", ended.stderr);
    assert_eq!(server.client().run("GET k"), Reply::bulk("v"));
    // The lock goes with the process, however it ends.
    let folder = Arc::clone(&server.folder);
    server.kill();
    assert_eq!(restart(&folder, "always").client().run("GET k"), Reply::bulk("v"));
}

// --- damage --------------------------------------------------------------------------------------------------------

/// A data folder whose last write is known byte for byte.
struct Image {
    folder: Arc<TempDir>,
    /// The file that the last write made longer, relative to the folder.
    log: PathBuf,
    /// Its length before the last write, and after.
    last: std::ops::Range<usize>,
}

/// Writes `first`, `second` and `last`, and kills the server.
fn image() -> Image {
    let folder = folder();
    let server = restart(&folder, "always");
    let mut client = server.client();
    client.run("SET first 1");
    client.run("SET second 2");
    let before = files(folder.path());
    client.run("SET last 3");
    let after = files(folder.path());
    server.kill();
    let grown: Vec<_> =
        after.iter().filter(|(path, bytes)| before.get(*path).map_or(0, Vec::len) < bytes.len()).collect();
    let [(log, bytes)] = grown[..] else { panic!("one write changed {} files", grown.len()) };
    Image { folder, log: log.clone(), last: before[log].len()..bytes.len() }
}

impl Image {
    /// Copies the image, with the log changed by `damage`.
    fn with(&self, damage: impl Fn(&mut Vec<u8>)) -> Arc<TempDir> {
        let copy = folder();
        for (path, mut bytes) in files(self.folder.path()) {
            if path == self.log {
                damage(&mut bytes);
            }
            let target = copy.path().join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, bytes).unwrap();
        }
        copy
    }
}

/// Reads all files of a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let image = image();
    for length in image.last.clone().skip(1) {
        let folder = image.with(|bytes| bytes.truncate(length));
        let server = restart(&folder, "always");
        let mut client = server.client();
        assert_eq!(
            client.run("MGET first second last"),
            Reply::Array(vec![Reply::bulk("1"), Reply::bulk("2"), Reply::Nil,])
        );
        let name = image.log.file_name().unwrap().to_string_lossy();
        let what = format!("the warning that names {name}, cut at {length}");
        wait::until(&what, || server.stderr().contains(&*name).then_some(()));
        // What is written after the cut must not be taken for a part of what was torn.
        client.run("SET next 4");
        server.kill();
        assert_eq!(
            restart(&folder, "always").client().run("MGET second last next"),
            Reply::Array(vec![Reply::bulk("2"), Reply::Nil, Reply::bulk("4"),])
        );
    }
}

#[test]
fn a_flipped_bit_before_the_tail_stops_the_start() {
    let image = image();
    for at in 0..image.last.start {
        let folder = image.with(|bytes| bytes[at] ^= 0x10);
        let damaged = files(folder.path());
        let ended = Launch::on(Target::Sanderling, Arc::clone(&folder)).fail();
        let name = image.log.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!ended.status.success());
        assert!(ended.stderr.contains(&name), "byte {at}: the file {name} is not named: {}", ended.stderr);
        assert!(ended.stderr.to_lowercase().contains("offset"), "byte {at}: no offset is named: {}", ended.stderr);
        // Refusing must not make it worse: whoever repairs the file needs it as it was.
        let left = files(folder.path());
        assert_eq!(left.get(&image.log), damaged.get(&image.log), "byte {at}: the log was changed");
    }
}

#[test]
fn save_points_keep_what_no_log_does() {
    let folder = folder();
    let start = |save: &'static str| {
        Launch::on(Target::Sanderling, Arc::clone(&folder)).args(["--appendonly", "no", "--save", save]).start()
    };
    let field = |client: &mut Client, name: &str| {
        let info = client.run("INFO persistence").text();
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim().to_owned())
    };
    let server = start("3600 1");
    let mut client = server.client();
    assert_eq!(client.run("CONFIG GET save"), Reply::bulks(["save", "3600 1"]));
    client.run("MSET a 1 b 2");
    assert_eq!(field(&mut client, "rdb_changes_since_last_save").as_deref(), Some("2"));
    assert_eq!(client.call(&["CONFIG", "SET", "save", "1 2"]), Reply::ok());
    wait::until("the save point is reached", || {
        (field(&mut client, "rdb_changes_since_last_save")? == "0").then_some(())
    });
    client.run("SET lost x");
    drop(client);
    server.kill();

    // What no save point has kept is kept at an orderly end, unless that is told not to.
    let server = start("3600 1");
    let mut client = server.client();
    assert_eq!(client.run("MGET a b lost"), Reply::Array(vec![Reply::bulk("1"), Reply::bulk("2"), Reply::Nil]));
    client.run("SET c 3");
    client.send(b"SHUTDOWN\r\n").unwrap();
    assert!(client.read_until_closed().is_empty());
    let mut server = server;
    wait::until("the server ends", || (!server.is_alive()).then_some(()));

    let server = start("3600 1");
    let mut client = server.client();
    assert_eq!(client.run("GET c"), Reply::bulk("3"));
    client.run("SET d 4");
    client.send(b"SHUTDOWN NOSAVE\r\n").unwrap();
    assert!(client.read_until_closed().is_empty());
    let mut server = server;
    wait::until("the server ends", || (!server.is_alive()).then_some(()));

    let server = start("");
    let mut client = server.client();
    assert_eq!(client.run("MGET c d"), Reply::Array(vec![Reply::bulk("3"), Reply::Nil]));
}

#[test]
fn without_a_log_only_what_was_saved_comes_back() {
    let folder = folder();
    let start = || Launch::on(Target::Sanderling, Arc::clone(&folder)).args(["--appendonly", "no"]).start();
    let server = start();
    let mut client = server.client();
    assert_eq!(client.run("CONFIG GET appendonly"), Reply::bulks(["appendonly", "no"]));
    assert!(client.run("WAITAOF 1 0 0").error().is_some_and(|error| error.contains("appendonly is disabled")));
    fill(&mut client);
    let saved = everything(&mut client);
    let before = client.run("LASTSAVE");
    wait::until("a second passes, which LASTSAVE shows", || {
        client.run("SAVE");
        (client.run("LASTSAVE") != before).then_some(())
    });
    client.run("SET lost x");
    drop(client);
    server.kill();

    let server = start();
    let mut client = server.client();
    assert_eq!(everything(&mut client), saved);
    client.run("SET kept x");
    client.send(b"SHUTDOWN SAVE\r\n").unwrap();
    assert!(client.read_until_closed().is_empty());
    // It is killed only if it doesn't end by itself.
    let mut server = server;
    wait::until("the server ends", || (!server.is_alive()).then_some(()));

    let server = restart(&folder, "no");
    let mut client = server.client();
    assert_eq!(client.run("GET kept"), Reply::bulk("x"));
    assert_eq!(client.run("GET lost"), Reply::Nil);
}
