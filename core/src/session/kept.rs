//! What clients keep in memory, and which of them go when all of them keep too much: `maxmemory-clients`.
//!
//! Only what grows with what a client does is counted, and a fixed sum for the rest. The sum of all is kept while there is
//! a bound for it, so that a look at it costs nothing. Sessions that nobody connects by are none of this.

use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use super::{Errand, Session, SessionId, Sessions, Transaction, Watch};
use crate::order;

/// What a shell keeps for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Bytes of requests that aren't whole, or wait for their turn.
    pub query_bytes: usize,
    /// Bytes that wait for the client to read them.
    pub output_bytes: usize,
}

/// What all clients keep, as far as it is counted.
#[derive(Debug, Default)]
pub(crate) struct KeptByAll {
    bytes: usize,
}

impl Session {
    /// Bytes that the client keeps in memory. Cost: O(1).
    pub(crate) fn kept_bytes(&self) -> usize {
        let names = self.name.len() + self.library.0.len() + self.library.1.len();
        let watched = self.watched.len() * size_of::<Watch>() + self.watched_bytes;
        let prefixes = self.tracker.as_ref().map_or(0, |tracker| tracker.prefix_bytes);
        let buffers = self.buffers.query_bytes + self.buffers.output_bytes;
        SESSION_BYTES + names + buffers + self.queued_bytes() + watched + self.listening.bytes() + prefixes
    }

    /// Bytes of the calls of its transaction.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.transaction.as_ref().map_or(0, Transaction::bytes)
    }

    /// Whether it is a client's, and not one that was ended.
    fn is_counted(&self) -> bool {
        self.user.is_some() && !self.killed
    }
}

impl Sessions {
    /// Counts anew what a client keeps.
    pub(crate) fn count_kept(&mut self, id: SessionId) {
        let Some(session) = self.slab.get_mut(id.0) else { return };
        let bytes = if session.is_counted() { session.kept_bytes() } else { 0 };
        let before = mem::replace(&mut session.counted_bytes, bytes);
        self.kept.bytes = self.kept.bytes.saturating_sub(before).saturating_add(bytes);
    }

    /// Counts anew what all keep.
    pub(crate) fn count_all_kept(&mut self) {
        self.kept.bytes = 0;
        for (_, session) in &mut self.slab {
            session.counted_bytes = if session.is_counted() { session.kept_bytes() } else { 0 };
            self.kept.bytes += session.counted_bytes;
        }
    }

    /// Ends those who keep most until all keep no more than `bytes_max`, and returns how many; those who are exempt stay. That
    /// their connections are to be closed is an errand each, but for `me`, whose own shell sees that it is at an end. Cost: O(1),
    /// and where some have to go O(n log n) of all clients.
    pub(crate) fn evict(&mut self, bytes_max: usize, me: SessionId, errands: &mut VecDeque<Errand>) -> u64 {
        let mut evicted = 0;
        if self.kept.bytes <= bytes_max {
            return evicted;
        }
        let may_go = |session: &&Session| session.is_counted() && !session.no_evict;
        let mut candidates: Vec<(usize, SessionId)> = self
            .slab
            .iter()
            .filter(|(_, session)| may_go(session))
            .map(|(index, session)| (session.counted_bytes, SessionId(index)))
            .collect();
        order::sort(&mut candidates);
        while self.kept.bytes > bytes_max
            && let Some((_, id)) = candidates.pop()
        {
            self.kill(id);
            evicted += 1;
            if id != me {
                errands.push_back(Errand::Close(id));
            }
        }
        evicted
    }
}

/// What any session takes, about, with what a shell has for its connection.
const SESSION_BYTES: usize = 1024;
