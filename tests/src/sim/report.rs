//! What occurred in runs, so that an oracle that never had anything to judge is seen.

use std::{collections::BTreeMap, fmt};

/// Counts by what was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    counts: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Counts one more.
    pub(super) fn note(&mut self, what: &'static str) {
        self.note_many(what, 1);
    }

    /// Counts some more.
    pub(super) fn note_many(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            self.note_many(what, *count);
        }
    }

    /// How often something occurred.
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// What must occur in any larger number of runs.
    pub const EXPECTED: &[&str] = &[
        "acknowledged",
        "reruns",
        "corrections",
        "refusals",
        "starts by resume",
        "starts by digest",
        "starts by load",
        "loads by subscription",
        "unsubscriptions",
        "batches",
        "acknowledgements as guessed",
        "packed messages",
        "cuts",
        "server crashes",
        "appends lost",
        "torn appends",
        "replica crashes",
        "replicas that fell behind",
        "positions compared",
        "secrets withheld",
        "clock jumps",
        "own writes looked for",
        "crashes that took back what was seen",
        "flushes while a subscription was under way",
        "deletions before the interest changed",
        "transactions of one call, as guessed",
        "transactions of harmless calls",
        "locks taken that had expired",
        "transactions on expired keys, as guessed",
        "calls",
        "calls that were lost",
        "changes of interest that were refused",
        "requests that were declined",
        "commands that were too long",
        "commands that were refused at once",
        "connections for other identities",
        "rights changed",
        "connections closed for other rights",
        "evictions",
        "fetched keys",
        "reads of unknown keys",
        "acknowledged in tabs",
        "corrections in tabs",
        "tabs killed",
        "leaders killed",
        "leads ceded",
        "failovers",
        "states asked for",
        "states given",
        "identities joined",
        "guesses expanded",
        "cuts of browsers",
        "server crashes under tabs",
        "positions of leaders compared",
        "agreements of connected tabs",
        "agreements of tabs offline",
        "writes of other tabs looked for",
        "writes of other tabs that show once",
    ];
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, count)| writeln!(f, "{count:>12} {what}"))
    }
}
