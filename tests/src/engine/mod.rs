//! Fixed streams of commands on core's engine, with no socket and no log around it: what a command costs by itself.
//!
//! Keys, values and seeds are counted, not drawn, so that every run executes the very same instructions and a tool that
//! counts them (callgrind) gives the same figure each time. [`measured`] is the function that such a tool looks for.

mod streams;

use std::time::Instant;

use sanderling_core::{Engine, EngineOptions, Env, SessionId};

use streams::Call;
pub use streams::{STREAMS, Stream};

/// Runs a stream once, which is what a tool that counts instructions is to watch, and returns how many calls it made.
pub fn once(stream: &Stream) -> usize {
    run(stream).calls
}

/// Runs a stream several times, each on a new engine, and returns the nanoseconds a call of the fastest run, which is
/// the one that was disturbed least.
pub fn nanoseconds(stream: &Stream, rounds: usize) -> f64 {
    (0..rounds).map(|_| run(stream).nanoseconds).fold(f64::INFINITY, f64::min)
}

struct Run {
    calls: usize,
    nanoseconds: f64,
}

fn run(stream: &Stream) -> Run {
    let mut engine = Engine::new(EngineOptions { seed: SEED, ..EngineOptions::default() });
    let session = engine.open_session("127.0.0.1:50000", Env::new(NOW_MS, SEED));
    let calls = |make: fn(u64) -> Call, count: u64| (0..count).map(make).collect::<Vec<_>>();
    let (fill, calls) = (calls(stream.fill, stream.fills), calls(stream.call, CALLS));
    let mut reply = Vec::new();
    measured_alike(&mut engine, session, &words(&fill), &mut reply);
    reply.clear();
    let words = words(&calls);
    let started = Instant::now();
    measured(&mut engine, session, &words, &mut reply);
    let nanoseconds = started.elapsed().as_nanos() as f64 / words.len() as f64;
    assert!((stream.is_right)(&reply), "{} replied {:?}", stream.name, String::from_utf8_lossy(&reply));
    Run { calls: words.len(), nanoseconds }
}

fn words(calls: &[Call]) -> Vec<Vec<&[u8]>> {
    calls.iter().map(|call| call.iter().map(Vec::as_slice).collect()).collect()
}

/// Executes calls, and keeps the last one's reply. Nothing else calls it, so that what it counts is what is measured.
#[inline(never)]
pub fn measured(engine: &mut Engine, session: SessionId, calls: &[Vec<&[u8]>], reply: &mut Vec<u8>) {
    measured_alike(engine, session, calls, reply);
}

#[inline(always)]
fn measured_alike(engine: &mut Engine, session: SessionId, calls: &[Vec<&[u8]>], reply: &mut Vec<u8>) {
    for (number, call) in calls.iter().enumerate() {
        reply.clear();
        engine.execute(Env::new(NOW_MS, number as u64), session, call, reply);
        engine.journal_mut().clear();
    }
}

const SEED: u64 = 0x5eed;
const NOW_MS: u64 = 1_700_000_000_000;
/// Measured calls of a stream.
const CALLS: u64 = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_replies_as_it_must() {
        assert!(STREAMS.iter().all(|stream| once(stream) == CALLS as usize));
    }
}
