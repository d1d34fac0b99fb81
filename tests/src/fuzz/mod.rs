//! What fuzzers run: for each way in, what arbitrary bytes do there, and what must hold afterwards.
//!
//! A [`Target`] is a plain function of bytes that panics when something is wrong. libFuzzer drives the targets in
//! `tests/fuzz/`; the suite `fuzz` drives the same ones with a [seeded mutator](mutate), on the kept corpus and on
//! what [honest conversations](Target::seeds) look like, so that every run of the tests fuzzes a little, on any compiler.
//!
//! Most inputs are [scripts](script): a byte says what happens next, and what it needs follows. So a mutated byte of a
//! message is as likely as another order of events.

pub mod corpus;
pub mod mutate;

mod effects;
mod hub;
mod log;
mod rdb;
mod replica;
mod resp;
mod script;
mod server;
mod shapes;
mod store;

use sanderling_core::{Limits, hash::Rng};

/// One way in.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of the libFuzzer target as well.
    pub name: &'static str,
    /// What the bytes are handed to. Panics if something doesn't hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with: what the honest say and store, one for each seed.
    pub seeds: fn(&mut Rng) -> Vec<Vec<u8>>,
    /// Bytes that may be allocated at a time: so many, and so many for each byte of the input.
    pub bytes_max: (u64, u64),
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target { name: "hub", run: hub::run, seeds: hub::seeds, bytes_max: (16 << 20, 2 << 10) },
    Target { name: "replica", run: replica::run, seeds: replica::seeds, bytes_max: (16 << 20, 4 << 10) },
    Target { name: "store", run: store::run, seeds: store::seeds, bytes_max: (8 << 20, 2 << 10) },
    Target { name: "log", run: log::run, seeds: log::seeds, bytes_max: (8 << 20, 2 << 10) },
    Target { name: "effects", run: effects::run, seeds: effects::seeds, bytes_max: (8 << 20, 2 << 10) },
    Target { name: "rdb", run: rdb::run, seeds: rdb::seeds, bytes_max: (8 << 20, 2 << 10) },
    Target { name: "resp", run: resp::run, seeds: resp::seeds, bytes_max: (8 << 20, 4 << 10) },
];

impl Target {
    /// Returns the target of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Says whether so many bytes, allocated at a time, are more than an input of a length may cost.
    pub fn is_too_much(&self, allocated: u64, input_bytes: usize) -> bool {
        let (base, factor) = self.bytes_max;
        allocated > base + factor * input_bytes as u64
    }
}

/// Bounds so low that a short input can reach them.
const LIMITS: Limits = Limits {
    bulk_bytes_max: 4 << 10,
    args_max: 256,
    inline_bytes_max: 1 << 10,
    session_channels_max: 64,
    queued_bytes_max: 8 << 10,
    pending_commands_max: 64,
    sync_message_bytes_max: 64 << 10,
    backlog_bytes_max: 4 << 10,
    interest_patterns_max: 16,
    outbox_bytes_max: 64 << 10,
    peer_calls_max: 4,
    peer_steps_max: 4,
    peer_presence_max: 4,
    peer_channels_max: 4,
    peer_fetches_max: 16,
    peer_clients_max: 4,
    clients_max: 16,
    clients_kept_ms: 60_000,
};

/// The longest input that a target looks at; the rest is ignored, so that a run stays short.
const INPUT_BYTES_MAX: usize = 16 << 10;
