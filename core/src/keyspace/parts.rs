//! Which values have parts that expire next: hashes whose fields have deadlines.
//!
//! A heap has a pair (deadline, the key's hash) for the first deadline in each such value. When that changes another pair is
//! pushed, and the one before is recognised as stale because no such value has it.

use super::expiry::ExpiryIndex;
use crate::env::UnixMillis;

/// The first deadlines within the values of one database.
#[derive(Debug, Default)]
pub(super) struct PartsIndex {
    heap: ExpiryIndex,
    /// Values that have such a deadline.
    values: usize,
}

impl PartsIndex {
    /// Takes in that the first deadline in the value of a key has changed. `holds` says whether a pair isn't stale.
    pub(super) fn note(
        &mut self,
        hash: u64,
        before: Option<UnixMillis>,
        after: Option<UnixMillis>,
        holds: impl FnMut(u64, u64) -> bool,
    ) {
        if before == after {
            return;
        }
        if let Some(at) = after {
            self.heap.push(at.0, hash);
        }
        self.values = self.values + usize::from(after.is_some()) - usize::from(before.is_some());
        if self.values == 0 {
            self.heap.clear();
        } else if self.heap.is_mostly_stale(self.values) {
            self.heap.retain(holds);
        }
    }

    /// The hash of a key whose value may have a part that is due at `now`.
    pub(super) fn peek_due(&self, now: UnixMillis) -> Option<u64> {
        self.heap.peek().filter(|(at, _)| *at <= now.0).map(|(_, hash)| hash)
    }

    /// Forgets what [`PartsIndex::peek_due`] gave.
    pub(super) fn pop(&mut self) {
        self.heap.pop();
    }

    /// The earliest deadline that may still hold.
    pub(super) fn next_at(&self) -> Option<UnixMillis> {
        self.heap.next_at()
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.heap.allocated_bytes()
    }
}
