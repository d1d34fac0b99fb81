//! `cargo xtask bench load [--quick] [--replicas N] [--keys N] [--only SITUATION]`: thousands of replicas on one server.

use std::{env, process::ExitCode};

use sanderling_tests::load::{Options, SITUATIONS, run};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let mut options = Options::default();
    if let Some(at) = arguments.iter().position(|argument| argument == "--quick") {
        arguments.remove(at);
        options = Options { replicas: options.replicas / 20, keys: options.keys / 20, ..options };
    }
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|value| value.parse().ok());
        match (pair[0].as_str(), pair.get(1), number) {
            ("--replicas", _, Some(replicas)) => options.replicas = replicas,
            ("--keys", _, Some(keys)) => options.keys = keys,
            ("--only", Some(only), _) if SITUATIONS.iter().any(|(name, _)| name == only) => {
                options.only = Some(only.clone());
            }
            _ => {
                let names: Vec<&str> = SITUATIONS.iter().map(|(name, _)| *name).collect();
                eprintln!(
                    "usage: cargo xtask bench load [--quick] [--replicas N] [--keys N] [--only {}]",
                    names.join("|")
                );
                return ExitCode::FAILURE;
            }
        }
    }
    run(&options);
    ExitCode::SUCCESS
}
