//! The same inputs natively and in wasm give the same bytes: `trace [SEED…]`.
//!
//! For each seed a replica runs here, against a hub, with random commands of every type, breaks, restarts and clock
//! jumps. What went in and what came out is written to a file, and `tests/trace/replay.mjs` feeds the same to the built
//! wasm module under Node and compares byte by byte. The layout is that of `sanderling_tests::trace`.

use std::{
    env, io,
    path::Path,
    process::{Command, ExitCode},
};

use sanderling_tests::trace;

fn main() -> ExitCode {
    let seeds: Result<Vec<u64>, _> = env::args().skip(1).map(|seed| seed.parse()).collect();
    let Ok(mut seeds) = seeds else {
        eprintln!("usage: trace [SEED…]");
        return ExitCode::FAILURE;
    };
    if seeds.is_empty() {
        seeds = (0..SEEDS).collect();
    }
    match replay(&seeds) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("trace: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether wasm gave the same for all seeds.
fn replay(seeds: &[u64]) -> io::Result<bool> {
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for seed in seeds {
        let file = folder.path().join(format!("seed-{seed}"));
        std::fs::write(&file, trace::record(*seed, STEPS))?;
        files.push(file);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("trace/replay.mjs");
    Ok(Command::new("node").arg(script).args(&files).status()?.success())
}

/// Seeds of one run.
const SEEDS: u64 = 12;

/// Steps of one trace.
const STEPS: usize = 2_000;
