//! `cargo xtask bench`: ours beside others', in one run on one machine, because only ratios taken together count.

mod clients;
mod connection;
mod engine;
mod flags;
mod idle;
mod latency;
mod memory;
mod report;
mod server;
mod servers;
mod spread;
mod valkey;
mod words;

use anyhow::{Result, bail};

use crate::suites;

/// Something that can be measured.
struct Bench {
    /// What it is called.
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> Result<()>,
}

/// Runs the bench that is named.
///
/// # Errors
/// When there is no such bench, something is missing, or a part does not start or answer.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{}", help());
        return Ok(());
    }
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which bench?\n\n{}", help());
    };
    match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => (bench.run)(rest),
        None => bail!("there is no bench {name:?}\n\n{}", help()),
    }
}

fn help() -> String {
    let mut text = "usage: cargo xtask bench NAME [ARGUMENTS]\n\n".to_owned();
    for bench in BENCHES {
        let call = format!("bench {} {}", bench.name, bench.arguments);
        text += &format!("  {call:<44} {}\n", bench.summary);
    }
    text
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "server",
        arguments: "[--quick] [--only SET,…] [--pipeline 1,16] …",
        summary: "requests a second and CPU a request, beside redis-server and Valkey",
        run: server::run,
    },
    Bench {
        name: "engine",
        arguments: "[--update | --quick]",
        summary: "instructions and nanoseconds a command, without a server",
        run: engine::run,
    },
    Bench {
        name: "latency",
        arguments: "[--quick] [--only idle,grow,…] …",
        summary: "what requests wait while keys grow, expire, are saved or deleted",
        run: latency::run,
    },
    Bench {
        name: "idle",
        arguments: "[--quick] [--only connections,…] …",
        summary: "CPU a request beside idle connections, subscriptions, deadlines and databases",
        run: idle::run,
    },
    Bench {
        name: "memory",
        arguments: "[--quick] [--keys N] [--only A,B] …",
        summary: "bytes a key, field and member, beside redis-server and Valkey",
        run: memory::run,
    },
    Bench {
        name: "tab",
        arguments: "[--quick] [--rounds N] [--only A,B] …",
        summary: "the engine in Node and Chromium beside a Map, lru-cache, tinybase, yjs, loro and automerge",
        run: |arguments| clients::run("tab", arguments),
    },
    Bench {
        name: "sync",
        arguments: "[--quick] [--rounds N] [--only A,B]",
        summary: "two clients and a server beside y-websocket, tinybase and relays",
        run: |arguments| clients::run("sync", arguments),
    },
    Bench {
        name: "rebase",
        arguments: "[--quick] [--rounds N] [--only A,B]",
        summary: "5,000 pending commands on 50,000 keys beside Replicache",
        run: |arguments| clients::run("rebase", arguments),
    },
    Bench {
        name: "load",
        arguments: "[--quick] [--replicas N] [--only WHAT] …",
        summary: "the server under thousands of replicas",
        run: suites::load,
    },
    Bench {
        name: "page",
        arguments: "[--check]",
        summary: "makes www/docs/benchmarks.md of the figures that all of these left",
        run: clients::page,
    },
];

#[cfg(test)]
mod tests {
    use super::{BENCHES, help, run};

    #[test]
    fn every_bench_is_listed_and_no_other_is_run() {
        assert!(BENCHES.iter().all(|bench| help().contains(bench.summary)));
        let error = run(&["nothing".into()]).unwrap_err();
        assert!(error.to_string().contains("bench sync"), "{error}");
    }
}
