//! What `INFO` shows: counters of the engine, and what the shell tells of itself.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use crate::{env::UnixMillis, error::Error};

/// Counters since the start.
#[derive(Clone, Debug, Default)]
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
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that didn't.
    pub misses: u64,
}

impl Stats {
    /// Counts a reply that was an error.
    pub fn count_error(&mut self, _error: &Error) {
        self.errors += 1;
        // The codes are the engine's own words, a dozen of them.
        #[cfg(feature = "server")]
        match self.errors_by_code.get_mut(_error.code()) {
            Some(count) => *count += 1,
            None => _ = self.errors_by_code.insert(_error.code().into(), 1),
        }
    }
}

/// What the shell knows and the engine can't: versions, ports, persistence, memory of the process.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// When the process started.
    pub started_at: UnixMillis,
    /// What is written is kept in memory alone.
    pub no_log: bool,
    /// Changes of the data that the last snapshot shows.
    pub saved_changes: u64,
    /// Bytes that the shell holds beside the data: buffers, the recent log, scripts.
    pub held_bytes: usize,
    /// Further lines of `INFO`, by section (lower case), in order.
    pub info: BTreeMap<&'static str, Vec<(&'static str, String)>>,
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
