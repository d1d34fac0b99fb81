//! What a replica is brought besides the log: whole keys, in slices, while the log goes on.
//!
//! ```text
//!  keys in the order of scans   [ sent, as of 17 | sent, as of 20 | not yet        ]
//!                                                                 ↑ passed
//!  a record 21 about a key on the left is sent after it; one on the right will be part of what is sent
//! ```
//! A slice shows the data at the position where it was made, so the replica must know the log up to there before it
//! gets the slice, and the log must be durable up to there: the slice is held until both are so.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use super::{
    buckets::{Buckets, bucket_of},
    interest::Interest,
    message::LoadScope,
    planted::{self, Bug},
};
use crate::{format::LogSeq, keyspace::Db};

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
    /// Up to here a common pass has looked for its keys.
    pub(super) scanned: u64,
    /// What it has found from `passed` on; some may stand twice, in no order, and some may not exist any more.
    pub(super) noted: Vec<Noted>,
    /// `LoadBegin` has gone out.
    pub(super) begun: bool,
}

/// A key that was found, and its place in the order of scans.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Noted {
    pub(super) place: u64,
    pub(super) key: Box<[u8]>,
}

/// Digests to be compared.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) bits: u8,
    /// What the replica has; `None` until it has said so.
    pub(super) theirs: Option<Vec<u64>>,
    pub(super) ours: Buckets,
    /// Up to here a common pass has added up the keys.
    pub(super) scanned: u64,
    /// The log's position at which it came to a place: what happened before is in the sums.
    pub(super) passes: VecDeque<(LogSeq, u64)>,
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
    /// What a record's effect on a key means while this step is under way; `known` are the keys that the replica has.
    pub(super) fn view(&self, db: &Db, known: &Interest, key: &[u8], record: LogSeq) -> View {
        let is_behind = |passed| db.place(key) < passed;
        match self {
            Self::Digest(digest) if known.contains(key) && is_behind(digest.passed_before(record)) => View::Live,
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
            Self::Load(load) => {
                (load.passed, load.scanned, load.begun) = (0, 0, false);
                load.noted.clear();
            }
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
        if let Self::Load(load) = self {
            load.passed = place;
        }
    }

    /// The keys that a common pass has to look for; `None` if it doesn't. `known` are those that the replica has.
    pub(super) fn swept<'a>(&'a self, known: &'a Interest) -> Option<&'a Interest> {
        match self {
            Self::Load(load) if load.is_swept(known) => Some(load.wanted(known)),
            Self::Digest(digest) if digest.theirs.is_some() && known.named_keys().is_none() => Some(known),
            _ => None,
        }
    }

    /// The place from which a common pass can go on looking; `None` while it can't, or has come to the end.
    pub(super) fn scans_from(&self, known: &Interest, noted_max: usize) -> Option<u64> {
        self.swept(known)?;
        let scanned = match self {
            Self::Load(load) if load.noted.len() < noted_max => load.scanned,
            Self::Digest(digest) => digest.scanned,
            _ => SCANNED,
        };
        (scanned != SCANNED).then_some(scanned)
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
        Self { scope, globs, keys, passed: 0, scanned: 0, noted: Vec::new(), begun: false }
    }

    /// The keys of which it sends some or all; `known` are those that the replica has.
    pub(super) fn wanted<'a>(&'a self, known: &'a Interest) -> &'a Interest {
        if matches!(self.scope, LoadScope::Added { .. }) { &self.keys } else { known }
    }

    /// Whether its keys have to be looked for among many: not if all are wanted, nor if all are wanted by name.
    pub(super) fn is_swept(&self, known: &Interest) -> bool {
        let wanted = self.wanted(known);
        let is_dense = wanted.is_everything() && !matches!(self.scope, LoadScope::Buckets { .. });
        !is_dense && wanted.named_keys().is_none()
    }

    /// Notes a key to be sent.
    pub(super) fn note(&mut self, place: u64, key: &[u8]) {
        self.noted.push(Noted { place, key: key.into() });
    }

    /// Puts what is noted in order. Returns how many keys that are.
    pub(super) fn tidy(&mut self) -> usize {
        let passed = self.passed;
        self.noted.retain(|noted| noted.place >= passed);
        self.noted.sort_unstable();
        self.noted.dedup();
        self.noted.len()
    }

    /// Whether enough is noted for a message, or all.
    pub(super) fn is_ready(&self, noted_min: usize) -> bool {
        self.scanned == SCANNED || self.noted.len() >= noted_min
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
        Self { bits, theirs: None, ours: Buckets::new(bits), scanned: 0, passes: VecDeque::new() }
    }

    /// Takes in that the keys before a place are in the sums as they were at a position of the log. The replica knows the
    /// log up to `cursor`.
    pub(super) fn pass(&mut self, at: LogSeq, place: u64, cursor: LogSeq) {
        self.scanned = place;
        while self.passes.get(1).is_some_and(|(at, _)| *at <= cursor) {
            self.passes.pop_front();
        }
        match self.passes.back_mut() {
            Some(last) if last.0 == at => last.1 = place,
            _ => self.passes.push_back((at, place)),
        }
    }

    /// Up to which place the sums showed the keys before this record.
    fn passed_before(&self, record: LogSeq) -> u64 {
        let before = self.passes.partition_point(|(at, _)| *at < record);
        before.checked_sub(1).and_then(|last| self.passes.get(last)).map_or(0, |(_, place)| *place)
    }
}

/// Where a pass ends: behind every place.
pub(super) const SCANNED: u64 = u64::MAX;
