//! `cargo xtask sim [--seed S] [--seeds N] [--all]`: simulates replication, one run a seed, from seed S on; up to the
//! first that fails, or `--all` of them whatever fails.

use std::{env, process::ExitCode, time::Instant};

use sanderling_tests::sim::run_seeds;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let goes_on = arguments.pop_if(|last| last == "--all").is_some();
    let (mut first, mut count) = (None, None);
    for pair in arguments.chunks(2) {
        match (pair[0].as_str(), pair.get(1).and_then(|value| value.parse::<u64>().ok())) {
            ("--seeds", Some(seeds)) => count = Some(seeds),
            ("--seed", Some(seed)) => first = Some(seed),
            _ => {
                eprintln!(
                    "usage: cargo xtask sim [--seed S] [--seeds N] [--all]   (default: --seeds 1000, or the one seed that is given)"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    let count = count.unwrap_or(if first.is_some() { 1 } else { 1000 });
    let first = first.unwrap_or(0);
    let started = Instant::now();
    match run_seeds(first..first + count, goes_on) {
        Ok(report) => {
            println!("{count} seeds in {:.1} s, no promise broken\n{report}", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(failures) => {
            for (seed, promise) in &failures {
                eprintln!("seed {seed} breaks a promise; `cargo xtask sim --seed {seed}` repeats it: {promise}");
            }
            ExitCode::FAILURE
        }
    }
}
