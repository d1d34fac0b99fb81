//! Measuring commands with a clock that isn't the engine's own.
//!
//! The commands of a pipeline follow each other closely, so the end of one is the start of the next, and one look at the
//! clock a command is enough. A shell says when such a batch begins and ends; outside of one, each command has two.

use alloc::boxed::Box;
use core::fmt;

use super::{CallStats, Latency, SlowLog};

/// What a shell lends the engine to measure with.
pub trait Stopwatch: fmt::Debug {
    /// Nanoseconds since some moment in the past; never less than before.
    fn nanos(&self) -> u64;

    /// Lets the whole engine stand still for a while, as `DEBUG SLEEP` wants it.
    fn stand_still(&self, micros: u64);
}

/// What was measured, and what with.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    stopwatch: Option<Box<dyn Stopwatch>>,
    /// When the command before this one ended, within a batch.
    lap: u64,
    in_batch: bool,
    pub(crate) calls: CallStats,
    pub(crate) slow: SlowLog,
    pub(crate) latency: Latency,
}

impl Meter {
    /// Measures with `stopwatch` from now on.
    pub(crate) fn set_stopwatch(&mut self, stopwatch: Box<dyn Stopwatch>) {
        self.stopwatch = Some(stopwatch);
    }

    /// Begins a batch, in which one command follows the other at once, if times are `wanted`.
    pub(crate) fn begin_batch(&mut self, wanted: bool) {
        self.in_batch = wanted;
        if wanted {
            self.lap = self.nanos();
        }
    }

    /// Ends a batch.
    pub(crate) fn end_batch(&mut self) {
        self.in_batch = false;
    }

    /// When a command begins. `apart` from those before it is one that something else came before, such as a script.
    pub(crate) fn start(&self, apart: bool) -> u64 {
        if self.in_batch && !apart { self.lap } else { self.nanos() }
    }

    /// How many nanoseconds a command took that began at `start`.
    pub(crate) fn finish(&mut self, start: u64) -> u64 {
        self.lap = self.nanos();
        self.lap.saturating_sub(start)
    }

    /// Lets everything stand still, if there is somebody who can.
    pub(crate) fn stand_still(&self, micros: u64) {
        if let Some(stopwatch) = &self.stopwatch {
            stopwatch.stand_still(micros);
        }
    }

    fn nanos(&self) -> u64 {
        self.stopwatch.as_ref().map_or(0, |stopwatch| stopwatch.nanos())
    }
}
