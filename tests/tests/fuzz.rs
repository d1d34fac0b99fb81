//! A little fuzzing at every run: the kept corpus, and seeded mutations of it and of honest conversations.
//!
//! `cargo xtask fuzz TARGET` looks for more. What it finds goes into the corpus, and is run here from then on.

// A harness fails by panicking: the test runner reports the place and the message.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use sanderling_core::hash::Rng;
use sanderling_tests::fuzz::{Target, corpus, mutate};

/// Runs an input under the target's bound on memory; panics with the input if something is wrong.
fn check(target: &Target, input: &[u8], what: &str) {
    let mut outcome = Ok(());
    let allocated = allocation_counter::measure(|| outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    let shown = || input.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(outcome.is_ok(), "{}, {what}, panics on {}", target.name, shown());
    let bytes = allocated.bytes_max;
    assert!(!target.is_too_much(bytes, input.len()), "{}, {what}, takes {bytes} bytes on {}", target.name, shown());
}

fn fuzz(name: &str, mutations: u64) {
    let target = Target::find(name).expect("a target");
    let mut inputs = corpus::read(name).expect("the corpus can be read");
    inputs.extend((target.seeds)(&mut Rng::new(1)));
    for (index, input) in inputs.iter().enumerate() {
        check(target, input, &format!("input {index}"));
    }
    for seed in 0..mutations {
        let mut rng = Rng::new(seed);
        check(target, &mutate::mutated(&mut rng, &inputs), &format!("mutation {seed}"));
    }
}

#[test]
fn hostile_replicas_disturb_nobody_else() {
    fuzz("hub", 2_000);
}

#[test]
fn a_hostile_hub_loses_no_command_of_a_replica() {
    fuzz("replica", 5_000);
}

#[test]
fn a_store_of_any_content_is_loaded_or_refused() {
    fuzz("store", 5_000);
}

#[test]
fn a_log_of_any_content_is_read_or_refused() {
    fuzz("log", 10_000);
}

#[test]
fn effects_of_any_content_can_be_taken_back() {
    fuzz("effects", 10_000);
}

#[test]
fn requests_of_any_content_are_answered_and_logged() {
    fuzz("resp", 5_000);
}

#[test]
fn values_of_any_content_are_read_or_refused() {
    fuzz("rdb", 20_000);
}
