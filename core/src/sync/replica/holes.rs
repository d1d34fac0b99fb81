//! What a replica doesn't know of its own interest.
//!
//! As long as little is missing the missing keys are named. When much is, naming it would take the memory that forgetting
//! was to save: from then on what is there is known, and what isn't is unknown, but for a few keys that are known not to
//! exist.
//!
//! ```text
//!            few are missing          many are
//!  there     known                    known
//!  not there absent, or in `keys`:    unknown, or in `keys`:
//!            unknown                  absent
//! ```
//! It knows no data: whoever asks says whether the key is there.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

use serde::{Deserialize, Serialize};

/// The keys of the interest whose values are unknown.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// What isn't there is unknown, unless it is named.
    is_sparse: bool,
    keys: BTreeSet<Box<[u8]>>,
    /// Keys that are named, or aren't any more, otherwise than is stored.
    changed: BTreeSet<Box<[u8]>>,
    /// What is stored is to be forgotten: it is stored anew.
    is_anew: bool,
}

/// What isn't known, or what changed of it, as it is stored and told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Unknown {
    /// Whether it replaces what was said before, and then whether only what is there is known.
    anew: Option<bool>,
    /// Keys that are named from now on: not known, or, if only what is there is, known not to exist.
    named: Vec<Vec<u8>>,
    /// Keys that aren't named any more.
    unnamed: Vec<Vec<u8>>,
}

impl Unknown {
    /// Only what is there is known.
    pub(super) fn sparse() -> Self {
        Self { anew: Some(true), named: Vec::new(), unnamed: Vec::new() }
    }
}

impl Holes {
    /// Makes everything known, or, if `is_sparse`, only what is there.
    pub(super) fn clear(&mut self, is_sparse: bool) {
        self.is_anew |= is_sparse || !self.is_empty() || !self.changed.is_empty();
        self.is_sparse = is_sparse;
        self.keys = BTreeSet::new();
        self.changed = BTreeSet::new();
    }

    /// All of it.
    pub(super) fn unknown(&self) -> Unknown {
        Unknown { anew: Some(self.is_sparse), named: owned(self.keys.iter()), unnamed: Vec::new() }
    }

    /// Takes in what was stored or told.
    pub(super) fn restore(&mut self, unknown: Unknown) {
        if let Some(is_sparse) = unknown.anew {
            (self.is_sparse, self.keys) = (is_sparse, BTreeSet::new());
        }
        for key in unknown.named {
            self.keys.insert(key.into());
        }
        for key in unknown.unnamed {
            self.keys.remove(&*key);
        }
    }

    /// What is to be stored: what changed since the last call.
    pub(super) fn take_changes(&mut self) -> Option<Unknown> {
        let changed = core::mem::take(&mut self.changed);
        if core::mem::take(&mut self.is_anew) {
            return Some(self.unknown());
        }
        let of = |named: bool| owned(changed.iter().filter(|key| self.keys.contains(*key) == named));
        (!changed.is_empty()).then(|| Unknown { anew: None, named: of(true), unnamed: of(false) })
    }

    /// Takes in that nothing of it is stored.
    pub(super) fn change_all(&mut self) {
        self.is_anew = !self.is_empty();
        self.changed = BTreeSet::new();
    }

    /// Whether everything is known.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_sparse && self.keys.is_empty()
    }

    /// Whether only what is there is known.
    pub(super) fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    /// Whether a key that isn't there is unknown.
    pub(super) fn hides(&self, key: &[u8]) -> bool {
        self.is_sparse != self.keys.contains(key)
    }

    /// Takes in that a key that isn't there is unknown.
    pub(super) fn hide(&mut self, key: &[u8]) {
        self.set(key, !self.is_sparse);
    }

    /// Takes in that a key that isn't there, now or later, doesn't exist.
    pub(super) fn reveal(&mut self, key: &[u8]) {
        self.set(key, self.is_sparse);
    }

    /// Whether naming keys costs more than it is worth.
    pub(super) fn are_many(&self) -> bool {
        self.keys.len() > NAMED_KEYS_MAX
    }

    /// Knows only what is there from now on, and that these don't exist if they aren't. To be called once.
    pub(super) fn thin_out(&mut self, absent: impl Iterator<Item = Box<[u8]>>) {
        let named = core::mem::take(&mut self.keys);
        self.clear(true);
        for key in absent.filter(|key| !named.contains(key)) {
            self.keys.insert(key);
        }
    }

    /// Forgets of one key that it doesn't exist: the next after `key` that isn't needed, around the corner if need be.
    pub(super) fn drop_after(&mut self, key: &[u8], is_needed: impl Fn(&[u8]) -> bool) -> Option<Box<[u8]>> {
        let find = |from: &[u8]| self.keys.iter().find(|other| ***other > *from && !is_needed(other)).cloned();
        let next = find(key).or_else(|| find(&[]));
        if let Some(next) = &next {
            self.set(next, false);
        }
        next
    }

    /// Names only keys of which this is so.
    pub(super) fn retain(&mut self, which: impl Fn(&[u8]) -> bool) {
        let gone: Vec<Box<[u8]>> = self.keys.iter().filter(|key| !which(key)).cloned().collect();
        gone.iter().for_each(|key| self.set(key, false));
    }

    fn set(&mut self, key: &[u8], named: bool) {
        let changes = match named {
            true => !self.keys.contains(key) && self.keys.insert(key.into()),
            false => self.keys.remove(key),
        };
        if changes && !self.is_anew {
            self.changed.insert(key.into());
            // Whoever stores nothing gathers no changes without end.
            if self.changed.len() > NAMED_KEYS_MAX {
                (self.is_anew, self.changed) = (true, BTreeSet::new());
            }
        }
    }
}

fn owned<'a>(keys: impl Iterator<Item = &'a Box<[u8]>>) -> Vec<Vec<u8>> {
    keys.map(|key| key.to_vec()).collect()
}

/// Keys that are named at most, but for those that pending commands need.
const NAMED_KEYS_MAX: usize = 256;
