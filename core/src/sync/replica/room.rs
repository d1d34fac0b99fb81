//! What of a load is taken in where memory is bounded: as much as there is room for, and what pending commands need.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

use crate::effect::Effect;

/// Room for keys that are coming in. Those for which there is none stay unknown.
#[derive(Debug)]
pub(super) struct Room {
    /// What is left; `None`: memory is not bounded.
    bytes: Option<usize>,
    is_used: bool,
    is_full: bool,
    /// Keys that are taken in whether there is room or not, because commands pending since before the load rest on them.
    needed: BTreeSet<Box<[u8]>>,
    /// Keys that commands came to need later and that were asked for.
    asked: BTreeSet<Box<[u8]>>,
    /// How often there were such keys.
    rounds: usize,
}

impl Default for Room {
    /// Room without bounds.
    fn default() -> Self {
        Self { bytes: None, is_used: false, is_full: false, needed: BTreeSet::new(), asked: BTreeSet::new(), rounds: 0 }
    }
}

impl Room {
    /// Room for so many bytes, and for these keys.
    pub(super) fn new(bytes: usize, needed: BTreeSet<Box<[u8]>>) -> Self {
        Self { bytes: Some(bytes), needed, ..Self::default() }
    }

    /// Whether something was left out.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether the load is over, and keys that it left out were asked for.
    pub(super) fn is_waiting(&self) -> bool {
        self.rounds > 0
    }

    /// The keys that are taken in whether there is room or not.
    pub(super) fn needed(&self) -> impl Iterator<Item = &Box<[u8]>> {
        self.needed.iter()
    }

    /// Of a run of keys those that are taken in; one has room in any case. `None`: all of them.
    pub(super) fn take(&mut self, keys: &[u8]) -> Option<Vec<u8>> {
        let room = self.bytes.as_mut()?;
        let (mut taken, mut rest) = (Vec::new(), keys);
        while let Ok((_, effect, after)) = Effect::decode(rest) {
            let bytes = rest.len() - after.len();
            if !self.needed.contains(&*effect.key) {
                self.is_full |= self.is_used && bytes + KEY_BYTES > *room;
                if self.is_full {
                    rest = after;
                    continue;
                }
            }
            *room = room.saturating_sub(bytes + KEY_BYTES);
            self.is_used = true;
            taken.extend_from_slice(rest.get(..bytes).unwrap_or_default());
            rest = after;
        }
        (taken.len() < keys.len()).then_some(taken)
    }

    /// Whether a key may have been left out and wasn't asked for.
    pub(super) fn leaves_out(&self, key: &[u8]) -> bool {
        !self.needed.contains(key) && !self.asked.contains(key)
    }

    /// Whether these keys that were left out are to be asked for before the load is taken in. Somebody who writes to other
    /// keys all the time doesn't put that off for ever.
    pub(super) fn asks_for(&mut self, keys: &[Box<[u8]>]) -> bool {
        if keys.is_empty() || self.rounds == ROUNDS_MAX {
            return false;
        }
        self.rounds += 1;
        self.asked.extend(keys.iter().cloned());
        true
    }
}

/// What a small key takes besides its bytes in the effect: the head of its record, its places in the index, and what is
/// free in the pages.
const KEY_BYTES: usize = 12;
/// How often a load waits for keys that were left out.
const ROUNDS_MAX: usize = 4;
