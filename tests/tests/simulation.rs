//! Simulated runs of one hub and many replicas; a failing seed is printed, and `cargo xtask sim --seed S` repeats it.

use sanderling_tests::sim::{Report, run_seeds};

#[test]
fn replicas_keep_their_promises_whatever_befalls_them() {
    let total = match run_seeds(0..500, false) {
        Ok(total) => total,
        Err(failures) => panic!("{failures:?} break promises; `cargo xtask sim --seed SEED` repeats one"),
    };
    for what in Report::EXPECTED {
        assert!(total.count(what) > 0, "of {what} there were none: the simulation doesn't try what it should\n{total}");
    }
}
