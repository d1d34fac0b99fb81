//! redis-cli and redis-benchmark as people use them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use sanderling_tests::server::{Launch, Server, Target};

fn cli(server: &Server, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &server.resp.port().to_string()]).args(arguments);
    let output = feed(command, input);
    assert!(output.status.success(), "redis-cli {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn feed(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("redis-tools is installed");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn redis_cli_runs_what_it_is_given() {
    let server = Launch::new(Target::from_env()).start();
    assert_eq!(cli(&server, &["SET", "k", "two words"], ""), "OK\n");
    assert_eq!(cli(&server, &["GET", "k"], ""), "two words\n");
    assert_eq!(cli(&server, &["--no-raw", "GET", "k"], ""), "\"two words\"\n");
    assert_eq!(cli(&server, &["-x", "SET", "piped"], "from stdin"), "OK\n");
    assert_eq!(cli(&server, &["-n", "3", "GET", "k"], ""), "\n");
    let script = "RPUSH l a b\nLRANGE l 0 -1\nMULTI\nINCR n\nGET k\nEXEC\nNOSUCH\n";
    let lines = cli(&server, &[], script);
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "2",
            "a",
            "b",
            "OK",
            "QUEUED",
            "QUEUED",
            "1",
            "two words",
            "ERR unknown command 'NOSUCH', with args beginning with: ",
            ""
        ]
    );
}

#[test]
fn redis_cli_speaks_resp3() {
    let server = Launch::new(Target::from_env()).start();
    cli(&server, &[], "HSET h f v\nSADD s 1\nZADD z 1.5 a\n");
    let script = "HGETALL h\nSMEMBERS s\nZSCORE z a\nGET missing\n";
    let shown = cli(&server, &["-3", "--no-raw"], script);
    assert_eq!(shown, "1# \"f\" => \"v\"\n1~ \"1\"\n(double) 1.5\n(nil)\n");
}

#[test]
fn redis_cli_scans_every_key_once() {
    let server = Launch::new(Target::from_env()).start();
    let script: String = (0..3_000).map(|index| format!("SET key:{index} v\n")).collect();
    cli(&server, &[], &script);
    let mut found: Vec<String> = cli(&server, &["--scan"], "").lines().map(str::to_owned).collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3_000);
    let few = cli(&server, &["--scan", "--pattern", "key:12?"], "");
    assert_eq!(few.lines().count(), 10);
}

#[test]
fn redis_cli_loads_a_mass_of_data_through_its_pipe_mode() {
    let server = Launch::new(Target::from_env()).start();
    let input: String = (0..5_000).map(|index| format!("SET k{index} v\r\n")).collect();
    let report = cli(&server, &["--pipe"], &input);
    assert!(report.contains("errors: 0, replies: 5000"), "{report}");
    assert_eq!(cli(&server, &["DBSIZE"], ""), "5000\n");
}

#[test]
fn redis_benchmark_finishes_every_test() {
    let server = Launch::new(Target::from_env()).start();
    for extra in [&["-P", "1"][..], &["-P", "16"], &["-3"]] {
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &server.resp.port().to_string(), "-n", "1000", "-q"]);
        command.args(["-t", "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset"]);
        let output = feed(
            {
                command.args(extra);
                command
            },
            "",
        );
        let text = String::from_utf8_lossy(&output.stdout).replace('\r', "\n");
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("Error"), "{text}");
        let done = text.lines().filter(|line| line.contains("requests per second")).count();
        // LRANGE is four tests and one that fills the list.
        assert_eq!(done, 18, "{text}");
    }
}
