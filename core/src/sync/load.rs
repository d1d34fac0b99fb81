//! What a replica is brought besides the log: whole keys, in slices, while the log goes on.
//!
//! ```text
//!  keys in the order of scans   [ sent, as of 17 | sent, as of 20 | not yet        ]
//!                                                                 ↑ passed
//!  a record 21 about a key on the left is sent after it; one on the right will be part of what is sent
//! ```
//! A slice shows the data at the position where it was made, so the replica must know the log up to there before it
//! gets the slice, and the log must be durable up to there: the slice is held until both are so.

use alloc::{boxed::Box, vec::Vec};

use super::{
    buckets::{Buckets, bucket_of},
    interest::Interest,
    message::LoadScope,
};
use crate::keyspace::Db;

/// One thing to be brought.
#[derive(Debug)]
pub(super) enum Step {
    /// Keys with their values.
    Load(Load),
    /// Nothing by itself: it finds out which keys differ and becomes a load of them.
    Digest(Digest),
    /// Globs go.
    Remove {
        /// The id of the `Subscribe`.
        id: u32,
        /// The globs.
        globs: Vec<Box<[u8]>>,
    },
}

/// Keys to be sent.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) scope: LoadScope,
    /// The keys that are wanted.
    pub(super) keys: Interest,
    /// Of these, the ones that the replica has anyway.
    pub(super) except: Interest,
    /// Where the next slice begins.
    pub(super) passed: u64,
    /// `LoadBegin` has gone out.
    pub(super) begun: bool,
}

/// Digests to be compared.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) bits: u8,
    /// What the replica has; `None` until it has said so.
    pub(super) theirs: Option<Vec<u64>>,
    pub(super) ours: Buckets,
    /// Where the next slice begins.
    pub(super) passed: u64,
}

/// What a record's effect on a key means while a step is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The replica has the key: it is told.
    Live,
    /// The replica was sent the key in the load that is going on: it is told so.
    Sent,
    /// The key will be sent as it is then.
    Later,
}

impl Step {
    /// What an effect on a key means. `first`: the step is under way; the others wait for it.
    pub(super) fn view(&self, db: &Db, key: &[u8], first: bool) -> View {
        let (covers, passed, begun) = match self {
            Self::Load(load) => (load.covers(key), load.passed, load.begun),
            Self::Digest(digest) => (true, digest.passed, true),
            Self::Remove { .. } => return View::Live,
        };
        match (covers, self) {
            (false, _) => View::Live,
            (true, _) if !first || !begun || db.place(key) >= passed => View::Later,
            (true, Self::Load(_)) => View::Sent,
            (true, _) => View::Live,
        }
    }

    /// Takes in that all keys have gone away. Returns whether what was brought so far is void.
    pub(super) fn start_over(&mut self) -> bool {
        match self {
            Self::Load(load) => (load.passed, load.begun) = (0, false),
            // Nothing is left that could be the same.
            Self::Digest(_) => {
                *self = Self::Load(Load::new(LoadScope::Everything, Interest::everything(), Interest::default()));
            }
            Self::Remove { .. } => return false,
        }
        true
    }

    /// Notes that every slice up to here has gone out.
    pub(super) fn pass(&mut self, place: u64) {
        match self {
            Self::Load(load) => load.passed = place,
            Self::Digest(digest) => digest.passed = place,
            Self::Remove { .. } => {}
        }
    }
}

impl Load {
    pub(super) fn new(scope: LoadScope, keys: Interest, except: Interest) -> Self {
        Self { scope, keys, except, passed: 0, begun: false }
    }

    /// Whether a key is one of those to be sent.
    pub(super) fn covers(&self, key: &[u8]) -> bool {
        let bucket_is_wanted = match &self.scope {
            LoadScope::Buckets { bits, buckets } => buckets.binary_search(&bucket_of(key, *bits)).is_ok(),
            LoadScope::Everything | LoadScope::Added { .. } => true,
        };
        bucket_is_wanted && self.keys.contains(key) && !self.except.contains(key)
    }
}

impl Digest {
    pub(super) fn new(bits: u8) -> Self {
        Self { bits, theirs: None, ours: Buckets::new(bits), passed: 0 }
    }
}
