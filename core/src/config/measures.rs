//! What is measured, read from the settings once rather than at each command.

use crate::num;

/// From when on something is worth noting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    /// Nanoseconds from which on a call is logged; no call takes as long where none is to be.
    pub(crate) slow_nanos: u64,
    /// Slow calls that are kept.
    pub(crate) slow_calls_max: usize,
    /// Nanoseconds from which on an event is noted; likewise.
    pub(crate) latency_nanos: u64,
    /// Whether the durations of each command are counted by their size.
    pub(crate) histograms: bool,
}

impl Default for Measures {
    fn default() -> Self {
        Self { slow_nanos: 10_000_000, slow_calls_max: 128, latency_nanos: u64::MAX, histograms: true }
    }
}

impl Measures {
    /// Takes in the value of a setting, if it is one of these.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let number = || num::parse_i64(value.as_bytes()).and_then(|number| u64::try_from(number).ok());
        match name {
            "slowlog-log-slower-than" => {
                self.slow_nanos = number().map_or(u64::MAX, |micros| micros.saturating_mul(1000));
            }
            "slowlog-max-len" => {
                self.slow_calls_max = number().and_then(|len| usize::try_from(len).ok()).unwrap_or(usize::MAX);
            }
            "latency-monitor-threshold" => {
                let ms = number().filter(|ms| *ms > 0);
                self.latency_nanos = ms.map_or(u64::MAX, |ms| ms.saturating_mul(1_000_000));
            }
            "latency-tracking" => self.histograms = value == "yes",
            _ => {}
        }
    }

    /// Whether the clock is to be looked at.
    pub(crate) fn wants_times(&self) -> bool {
        self.histograms || self.slow_nanos != u64::MAX || self.latency_nanos != u64::MAX
    }
}
