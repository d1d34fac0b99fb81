//! What `INFO` shows: counters of the engine, and what the shell tells of itself.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

#[cfg(feature = "server")]
use crate::stats::Meter;
use crate::{env::UnixMillis, error::Error};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Commands run, those inside transactions included.
    pub commands: u64,
    /// Replies that were errors.
    pub errors: u64,
    /// The same by their codes; only a server is asked.
    #[cfg(feature = "server")]
    pub errors_by_code: BTreeMap<String, u64>,
    /// Keys removed because their deadline had passed.
    pub expired_keys: u64,
    /// Keys removed because memory was short.
    pub evicted_keys: u64,
    /// Clients that were ended because all of them kept too much.
    #[cfg(feature = "server")]
    pub evicted_clients: u64,
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that didn't.
    pub misses: u64,
    /// Nanoseconds that were spent on removing what had expired.
    #[cfg(feature = "server")]
    pub(crate) expire_nanos: u64,
    /// Most bytes that were in use, as far as somebody looked.
    #[cfg(feature = "server")]
    pub(crate) memory_peak: usize,
    /// What happened within the last second.
    #[cfg(feature = "server")]
    pub(crate) rates: Rates,
    /// What had been counted elsewhere when counting began anew.
    #[cfg(feature = "server")]
    pub(crate) before: Before,
    /// What was measured of each command.
    #[cfg(feature = "server")]
    pub(crate) meter: Meter,
}

/// How much of something happened within the last second, and how much in all by then.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) commands: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    commands_then: u64,
    traffic_then: Traffic,
}

/// Counts that go on when others begin anew.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) traffic: Traffic,
    /// Sessions that were opened.
    pub(crate) opened: u64,
    /// Values and keys that were freed.
    pub(crate) freed: u64,
}

impl Stats {
    /// Begins to count anew. What was slow stays known, until that is forgotten on purpose.
    #[cfg(feature = "server")]
    pub(crate) fn reset(&mut self, before: Before) {
        self.meter.calls.reset();
        let meter = core::mem::take(&mut self.meter);
        let rates = Rates { commands_then: 0, ..self.rates };
        *self = Self { meter, rates, before, ..Self::default() };
    }

    /// Takes in that about a second has passed since the last call.
    #[cfg(feature = "server")]
    pub(crate) fn sample(&mut self, traffic: &Traffic) {
        let passed = traffic.since(&self.rates.traffic_then);
        self.rates = Rates {
            commands: self.commands.saturating_sub(self.rates.commands_then),
            input_bytes: passed.input_bytes,
            output_bytes: passed.output_bytes,
            commands_then: self.commands,
            traffic_then: *traffic,
        };
    }

    /// Counts a reply that was an error.
    pub fn count_error(&mut self, _error: &Error) {
        self.errors += 1;
        #[cfg(feature = "server")]
        {
            let has_room = self.errors_by_code.len() < CODES_MAX;
            match self.errors_by_code.get_mut(_error.code()) {
                Some(count) => *count += 1,
                // The engine has a dozen; scripts may make up as many as they like.
                None => {
                    let code = if has_room { _error.code() } else { "OTHER" };
                    *self.errors_by_code.entry(code.into()).or_default() += 1;
                }
            }
        }
    }
}

/// Codes of errors that are counted apart.
#[cfg(feature = "server")]
const CODES_MAX: usize = 128;

/// What the shell knows and the engine can't: versions, ports, persistence, memory of the process.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// When the process started.
    pub started_at: UnixMillis,
    /// What is written is kept in memory alone.
    pub no_log: bool,
    /// Bytes that the shell holds beside the data: buffers, the recent log, scripts.
    pub held_bytes: usize,
    /// What went over its connections.
    #[cfg(feature = "server")]
    pub traffic: Traffic,
    /// A snapshot is being written, or will be at once.
    #[cfg(feature = "server")]
    pub is_saving: bool,
    /// How often the data had changed when it was last saved as a whole.
    #[cfg(feature = "server")]
    pub saved_changes: u64,
    /// Further lines of `INFO`, by section (lower case), in order.
    pub info: BTreeMap<&'static str, Vec<(&'static str, String)>>,
}

/// What goes over a shell's connections, counted since the start.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that came in.
    pub input_bytes: u64,
    /// Bytes that were sent.
    pub output_bytes: u64,
    /// How often something was read.
    pub reads: u64,
    /// How often something was written.
    pub writes: u64,
    /// Connections that were refused because there were too many.
    pub rejected: u64,
}

#[cfg(feature = "server")]
impl Traffic {
    /// What was added since it was `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            input_bytes: self.input_bytes.saturating_sub(before.input_bytes),
            output_bytes: self.output_bytes.saturating_sub(before.output_bytes),
            reads: self.reads.saturating_sub(before.reads),
            writes: self.writes.saturating_sub(before.writes),
            rejected: self.rejected.saturating_sub(before.rejected),
        }
    }
}

impl Facts {
    /// Sets a line of a section of `INFO`.
    pub fn set(&mut self, section: &'static str, name: &'static str, value: impl Into<String>) {
        let lines = self.info.entry(section).or_default();
        match lines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value.into(),
            None => lines.push((name, value.into())),
        }
    }
}
