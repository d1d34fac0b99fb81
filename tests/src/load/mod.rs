//! Thousands of replicas on one server: what they cost it, and how long they wait.
//!
//! Server and replicas share the machine, and the replicas are one thread of this process, so a latency over all
//! replicas includes the time that this thread takes to read their messages. The server's processor time and memory
//! are its own.

pub mod host;
mod peer;
mod scenarios;
mod swarm;

use std::time::Duration;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connected replicas.
    pub replicas: usize,
    /// Keys that fresh replicas share among them.
    pub keys: usize,
    /// The one situation that is measured; all of them if `None`.
    pub only: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { replicas: 10_000, keys: 1_000_000, only: None }
    }
}

/// Measures everything and prints it as Markdown.
///
/// # Panics
/// When the server doesn't do what it must, or the system doesn't allow as many sockets.
pub fn run(options: &Options) {
    host::allow_sockets(options.replicas + 1_000);
    println!("{}, sanderling {}\n", host::machine(), env!("CARGO_PKG_VERSION"));
    println!("| what | figure |\n|---|---|");
    for (name, measure) in SITUATIONS {
        if options.only.as_deref().is_none_or(|only| only == *name) {
            measure(options);
        }
    }
}

/// A situation: the name that picks it out, and what measures it.
type Situation = (&'static str, fn(&Options));

/// What can be measured.
pub const SITUATIONS: &[Situation] = &[
    ("idle", scenarios::idle),
    ("fan-out", scenarios::fan_out),
    ("storm", scenarios::reconnect_storm),
    ("fresh", scenarios::fresh_replicas),
];

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

/// The value below which so many of a thousand lie.
fn per_mille(sorted: &[Duration], part: usize) -> Duration {
    sorted.get(sorted.len().saturating_sub(1) * part / 1000).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn us(duration: Duration, count: usize) -> String {
    format!("{:.2} µs", duration.as_secs_f64() * 1e6 / count.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_of_what_is_sorted() {
        let sorted: Vec<Duration> = (0..=100).map(Duration::from_millis).collect();
        assert_eq!([0, 500, 990, 1000].map(|part| per_mille(&sorted, part).as_millis()), [0, 50, 99, 100]);
        assert_eq!(per_mille(&[], 500), Duration::ZERO);
    }
}
