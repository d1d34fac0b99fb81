//! `cargo xtask bench load [--replicas N] [--keys N]`: thousands of replicas on one server.

use std::{env, process::ExitCode};

use sanderling_tests::load::{Options, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut options = Options::default();
    for pair in arguments.chunks(2) {
        match (pair[0].as_str(), pair.get(1).and_then(|value| value.parse().ok())) {
            ("--replicas", Some(replicas)) => options.replicas = replicas,
            ("--keys", Some(keys)) => options.keys = keys,
            _ => {
                eprintln!("usage: cargo xtask bench load [--replicas N] [--keys N]");
                return ExitCode::FAILURE;
            }
        }
    }
    run(&options);
    ExitCode::SUCCESS
}
