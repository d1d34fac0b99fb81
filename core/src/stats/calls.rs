//! How often each command was called, and how long it took.

use alloc::{boxed::Box, vec::Vec};

use super::Histogram;

/// The counts of all commands, by the number of their row.
#[derive(Debug, Default)]
pub(crate) struct CallStats {
    rows: Vec<RowStats>,
}

/// The counts of one command.
#[derive(Debug, Default)]
pub(crate) struct RowStats {
    /// How often it ran.
    pub(crate) calls: u64,
    /// Nanoseconds that took in all.
    pub(crate) nanos: u64,
    /// How often it was refused before it ran.
    pub(crate) rejected: u64,
    /// How often it ran and answered with an error.
    pub(crate) failed: u64,
    /// How long its runs took.
    pub(crate) histogram: Option<Box<Histogram>>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Nanoseconds that it took.
    pub(crate) nanos: u64,
    /// It answered with an error.
    pub(crate) failed: bool,
    /// It was called again after it had waited, and is no call of its own.
    pub(crate) again: bool,
    /// It waits, and how long it takes will be known when it has its reply.
    pub(crate) waits: bool,
}

impl CallStats {
    /// Counts a run of the row `number`. Cost: O(1).
    pub(crate) fn count(&mut self, number: usize, ended: Ended, with_histogram: bool) {
        let row = self.row(number);
        row.calls += u64::from(!ended.again);
        row.failed += u64::from(ended.failed);
        row.nanos = row.nanos.saturating_add(ended.nanos);
        if with_histogram && !ended.waits {
            row.histogram.get_or_insert_default().record(ended.nanos);
        }
    }

    /// Counts a call that was refused.
    pub(crate) fn count_rejected(&mut self, number: usize) {
        self.row(number).rejected += 1;
    }

    /// Counts that a call which waited ended with an error.
    pub(crate) fn count_failed(&mut self, number: usize) {
        self.row(number).failed += 1;
    }

    /// The counts of the row `number`, if it was ever called.
    pub(crate) fn of(&self, number: usize) -> Option<&RowStats> {
        self.rows.get(number).filter(|row| row.calls + row.rejected + row.failed > 0)
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        self.rows.clear();
    }

    fn row(&mut self, number: usize) -> &mut RowStats {
        if number >= self.rows.len() {
            self.rows.resize_with(number + 1, RowStats::default);
        }
        #[expect(clippy::indexing_slicing, reason = "the rows were just made enough")]
        &mut self.rows[number]
    }
}
