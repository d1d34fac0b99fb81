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
    planted::{self, Bug},
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
    /// The globs of the keys that are wanted.
    pub(super) globs: Vec<Box<[u8]>>,
    pub(super) keys: Interest,
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
    /// What an effect on a key means while this step is under way; `known` are the keys that the replica has.
    pub(super) fn view(&self, db: &Db, known: &Interest, key: &[u8]) -> View {
        let is_behind = |passed| db.place(key) < passed;
        match self {
            Self::Digest(digest) if known.contains(key) && is_behind(digest.passed) => View::Live,
            Self::Digest(_) => View::Later,
            Self::Load(_) if planted::has(Bug::ForgottenWhileLoading) => View::Later,
            Self::Load(load) if load.covers(known, key) => match load.begun && is_behind(load.passed) {
                true => View::Sent,
                false => View::Later,
            },
            Self::Load(_) | Self::Remove { .. } => View::of_known(known, key),
        }
    }

    /// Takes in that all keys have gone away. Returns whether what was brought so far is void.
    pub(super) fn start_over(&mut self) -> bool {
        match self {
            Self::Load(load) => (load.passed, load.begun) = (0, false),
            // Nothing is left that could be the same.
            Self::Digest(_) => {
                *self = Self::Load(Load::new(LoadScope::Everything, Vec::new()));
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

impl View {
    /// What an effect on a key means to a replica that has these.
    pub(super) fn of_known(known: &Interest, key: &[u8]) -> Self {
        if known.contains(key) { Self::Live } else { Self::Later }
    }
}

impl Load {
    /// A load of what the replica has asked for, or, if the scope is `Added`, of what these globs add to that.
    pub(super) fn new(scope: LoadScope, globs: Vec<Box<[u8]>>) -> Self {
        let keys = Interest::new(globs.iter().map(|glob| &**glob));
        Self { scope, globs, keys, passed: 0, begun: false }
    }

    /// Whether a key is one of those to be sent; `known` are those that the replica has, or is to have at the start.
    pub(super) fn covers(&self, known: &Interest, key: &[u8]) -> bool {
        match &self.scope {
            LoadScope::Everything => known.contains(key),
            LoadScope::Buckets { bits, buckets } => {
                buckets.binary_search(&bucket_of(key, *bits)).is_ok() && known.contains(key)
            }
            LoadScope::Added { .. } => self.keys.contains(key) && !known.contains(key),
        }
    }
}

impl Digest {
    pub(super) fn new(bits: u8) -> Self {
        Self { bits, theirs: None, ours: Buckets::new(bits), passed: 0 }
    }
}
