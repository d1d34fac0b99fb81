//! Which log a position belongs to.
//!
//! A server that lost its last records in a crash would number new ones like the lost ones. A replica that has seen
//! the lost ones must not go on from there. So every start of a server begins an *epoch* under a log id that is never
//! used twice, and a position is only good together with the id of the epoch that it was seen in.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::format::LogSeq;

/// Names an epoch of a log: 64 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId(pub u64);

/// Where a replica was: all records up to `seq`, as they were in the epoch `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeToken {
    /// The epoch.
    pub log: LogId,
    /// The position.
    pub seq: LogSeq,
    /// What the bearer could read, as one number: with other rights it holds other keys.
    pub scope: u64,
}

/// An epoch and the last position before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its id.
    pub log: LogId,
    /// The position that was recovered when it began.
    pub after: LogSeq,
}

/// The epochs of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    epochs: Vec<Epoch>,
}

impl History {
    /// Begins an epoch after the position `after`.
    pub fn begin(&mut self, log: LogId, after: LogSeq) {
        self.epochs.push(Epoch { log, after });
        if self.epochs.len() > EPOCHS_MAX {
            self.epochs.remove(0);
        }
    }

    /// The epoch that is being written.
    pub fn current(&self) -> Option<LogId> {
        self.epochs.last().map(|epoch| epoch.log)
    }

    /// Whether the log still holds, unchanged, all that a token's bearer has seen, `last` being its end.
    pub fn contains(&self, token: ResumeToken, last: LogSeq) -> bool {
        let Some(at) = self.epochs.iter().position(|epoch| epoch.log == token.log) else { return false };
        let until = self.epochs.get(at + 1).map_or(last, |next| next.after);
        token.seq <= until
    }
}

/// Epochs that are remembered. A replica from before them gets a snapshot.
const EPOCHS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_that_a_crash_took_back_are_refused() {
        let mut history = History::default();
        history.begin(LogId(1), LogSeq(0));
        let token = |log, seq| ResumeToken { log: LogId(log), seq: LogSeq(seq), scope: 0 };
        assert!(history.contains(token(1, 100), LogSeq(100)));
        assert!(!history.contains(token(1, 101), LogSeq(100)));
        // The crash lost what came after 90; the new epoch has gone on to 120.
        history.begin(LogId(2), LogSeq(90));
        assert!(history.contains(token(1, 90), LogSeq(120)));
        assert!(!history.contains(token(1, 91), LogSeq(120)));
        assert!(history.contains(token(2, 120), LogSeq(120)));
        assert!(!history.contains(token(3, 1), LogSeq(120)));
    }
}
