//! `cargo xtask sim [--seeds N] [--seed S]`: simulates replication, one run a seed.

use std::{env, process::ExitCode, time::Instant};

use sanderling_tests::sim::run_seeds;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (mut first, mut count) = (0, 1000);
    for pair in arguments.chunks(2) {
        match (pair[0].as_str(), pair.get(1).and_then(|value| value.parse::<u64>().ok())) {
            ("--seeds", Some(seeds)) => count = seeds,
            ("--seed", Some(seed)) => (first, count) = (seed, 1),
            _ => {
                eprintln!("usage: cargo xtask sim [--seeds N | --seed S]   (default: --seeds 1000)");
                return ExitCode::FAILURE;
            }
        }
    }
    let started = Instant::now();
    match run_seeds(first..first + count) {
        Ok(report) => {
            println!("{count} seeds in {:.1} s, no promise broken\n{report}", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(seed) => {
            eprintln!("seed {seed} breaks a promise; `cargo xtask sim --seed {seed}` repeats it");
            ExitCode::FAILURE
        }
    }
}
