//! The simulation is worth what it finds: each planted bug has to be found within a thousand seeds.

use sanderling_core::sync::planted::{Bug, plant};
use sanderling_tests::sim::run_seeds;

#[test]
fn every_planted_bug_is_found() {
    // What a found bug panics with is of no interest here.
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        found.push((bug, run_seeds(0..1000, false).err()));
        plant(None);
    }
    drop(std::panic::take_hook());
    eprintln!("found at seed: {found:?}");
    let missed: Vec<Bug> = found.iter().filter(|(_, seed)| seed.is_none()).map(|(bug, _)| *bug).collect();
    assert!(missed.is_empty(), "a thousand seeds don't find {missed:?}");
}
