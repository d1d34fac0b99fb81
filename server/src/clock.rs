//! The one place that asks the operating system for the time.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use sanderling_core::UnixMillis;

/// Returns the time of the wall clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Measures how long something takes, whatever the wall clock does meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// What the engine measures its commands with. It is asked once a command, so it asks the system itself: the difference
/// of two instants takes half as long again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandClock;

impl sanderling_core::stats::Stopwatch for CommandClock {
    fn nanos(&self) -> u64 {
        let since = clock_gettime(ClockId::Monotonic);
        (since.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(since.tv_nsec as u64)
    }

    fn stand_still(&self, micros: u64) {
        std::thread::sleep(Duration::from_micros(micros));
    }
}
