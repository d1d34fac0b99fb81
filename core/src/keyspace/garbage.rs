//! What takes long to free, and is left to somebody else: large values, databases that were emptied.
//!
//! Whoever frees it may do so on another thread, so what was freed is counted where it happens, by an atomic number.

use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU64, Ordering};

use super::{Db, ValueBuf};

/// What takes long to free, taken out of a keyspace: to be dropped wherever that disturbs nobody.
#[derive(Debug)]
pub struct Garbage {
    values: Vec<ValueBuf>,
    databases: Vec<Db>,
    freed: Arc<AtomicU64>,
}

impl Garbage {
    /// Large values and whole databases in it.
    pub fn len(&self) -> usize {
        self.values.len() + self.databases.len()
    }

    /// Whether there is nothing to free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        let count = count(&self.values, &self.databases);
        self.values = Vec::new();
        self.databases = Vec::new();
        self.freed.fetch_add(count, Ordering::Relaxed);
    }
}

/// What a keyspace leaves to be freed.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    /// Databases that were emptied and wait to be taken.
    emptied: Vec<Db>,
    /// Values and keys that were taken since the start.
    taken: u64,
    freed: Arc<AtomicU64>,
}

impl Cleaning {
    /// Leaves what a database held.
    pub(super) fn leave(&mut self, before: Db) {
        self.emptied.push(before);
    }

    /// Takes what there is, together with `values`.
    pub(super) fn take(&mut self, values: Vec<ValueBuf>) -> Option<Garbage> {
        let databases = core::mem::take(&mut self.emptied);
        self.taken += count(&values, &databases);
        let garbage = Garbage { values, databases, freed: Arc::clone(&self.freed) };
        (!garbage.is_empty()).then_some(garbage)
    }

    /// Values and keys that are still to be freed, `kept` values elsewhere among them, and those that were freed.
    pub(super) fn counts(&self, kept: usize) -> (u64, u64) {
        let freed = self.freed.load(Ordering::Relaxed);
        let waiting = kept as u64 + count(&[], &self.emptied);
        (waiting + self.taken.saturating_sub(freed), freed)
    }
}

/// Values, and keys of whole databases.
fn count(values: &[ValueBuf], databases: &[Db]) -> u64 {
    (values.len() + databases.iter().map(Db::len).sum::<usize>()) as u64
}
