//! `CLIENT PAUSE`: calls that are kept until it is over, and data that nothing changes meanwhile.

use super::{Otherwise, Queued, SessionId, Waiting};
use crate::{env::UnixMillis, keyspace::Keyspace};

/// A pause of clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pause {
    until: UnixMillis,
    /// Calls that write nothing run as ever.
    writes_only: bool,
}

impl Pause {
    /// Begins a pause, or extends the one that is on: the later end holds, and of the two kinds the stricter.
    pub(crate) fn begin(&mut self, until: UnixMillis, writes_only: bool, now: UnixMillis) {
        self.writes_only = writes_only && (self.writes_only || !self.is_on(now));
        self.until = self.until.max(until);
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// Whether it is on.
    pub(crate) fn is_on(self, now: UnixMillis) -> bool {
        now < self.until
    }

    /// Whether it is on for calls that write nothing, too.
    pub(crate) fn holds_reads(self) -> bool {
        !self.writes_only
    }
}

impl Waiting {
    /// Whether a call waits for the end of a pause.
    pub(crate) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// Whether a session's call waits for the end of a pause: it is nobody's to end early.
    pub(crate) fn is_postponed(&self, session: SessionId) -> bool {
        let wait = self.by_session.get(&session).and_then(|number| self.waits.get(number));
        wait.is_some_and(|(_, wait)| wait.otherwise == Otherwise::Called)
    }

    /// Takes out the call that has waited longest for the end of a pause, to be made now.
    pub(crate) fn pop_postponed(&mut self, keyspace: &mut Keyspace) -> Option<(SessionId, Queued)> {
        let number = *self.postponed.first()?;
        let found = self.waits.get(&number).map(|(session, wait)| (*session, wait.call.clone()));
        let Some((session, call)) = found else {
            self.postponed.remove(&number);
            return None;
        };
        self.end(session, keyspace);
        Some((session, call))
    }
}
