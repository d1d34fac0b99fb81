//! What is remembered of the commands that ran: how often, how long, which were slow.
//!
//! Times come from a [`Stopwatch`] that a shell lends. They are shown by `INFO`, `SLOWLOG` and `LATENCY`, and nothing else
//! looks at them: what a command does never depends on how long another one took.

mod calls;
mod histogram;
mod latency;
mod meter;
mod slowlog;

pub(crate) use calls::{CallStats, Ended};
pub(crate) use histogram::Histogram;
pub(crate) use latency::{Latency, LatencyEvent};
pub(crate) use meter::Meter;
pub use meter::Stopwatch;
pub(crate) use slowlog::{SlowLog, SlowOrigin};
