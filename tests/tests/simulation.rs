//! Simulated runs of one hub and many replicas; a failing seed is printed and can be run alone.
//!
//! `SANDERLING_SIM_SEED=17 cargo test -p sanderling-tests --test simulation` repeats seed 17;
//! `SANDERLING_SIM_SEEDS=10000` runs that many.

use sanderling_tests::sim::{Options, Report, run};

#[test]
fn replicas_keep_their_promises_whatever_befalls_them() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SANDERLING_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SANDERLING_SIM_SEEDS").unwrap_or(500),
    };
    let alone = seeds.end - seeds.start == 1;
    let mut total = Report::default();
    for seed in seeds {
        let options = Options { replicas: 2 + (seed % 4) as usize, steps: 600 };
        let outcome = std::panic::catch_unwind(|| run(seed, options));
        match outcome {
            Ok(report) => total.add(&report),
            Err(_) => panic!("seed {seed} fails; SANDERLING_SIM_SEED={seed} repeats it"),
        }
    }
    println!("{total:?}");
    if !alone {
        let Report {
            acknowledged,
            reruns,
            corrections,
            resyncs,
            cuts,
            server_crashes,
            appends_lost,
            replica_crashes,
            ..
        } = total;
        for (count, what) in [
            (acknowledged, "acknowledgement"),
            (reruns, "rebase"),
            (corrections, "correction"),
            (resyncs, "snapshot"),
            (cuts, "cut"),
            (server_crashes, "server crash"),
            (appends_lost, "lost append"),
            (replica_crashes, "replica crash"),
        ] {
            assert!(count > 0, "no {what} occurred: the simulation doesn't try what it should");
        }
    }
}
