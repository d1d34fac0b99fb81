//! Simulated runs of one hub and many replicas; a failing seed is printed, and `cargo xtask sim --seed S` repeats it.

use sanderling_tests::sim::{Report, run_seeds};

#[test]
fn replicas_keep_their_promises_whatever_befalls_them() {
    let total = match run_seeds(0..300) {
        Ok(total) => total,
        Err(seed) => panic!("seed {seed} breaks a promise; `cargo xtask sim --seed {seed}` repeats it"),
    };
    let Report { acknowledged, reruns, corrections, resyncs, connections, cuts, .. } = total;
    let Report { server_crashes, appends_lost, replica_crashes, .. } = total;
    for (count, what) in [
        (acknowledged, "acknowledgement"),
        (reruns, "rebase"),
        (corrections, "correction"),
        (resyncs, "snapshot"),
        (connections, "connection"),
        (cuts, "cut"),
        (server_crashes, "server crash"),
        (appends_lost, "lost append"),
        (replica_crashes, "replica crash"),
    ] {
        assert!(count > 0, "no {what} occurred: the simulation doesn't try what it should");
    }
}
