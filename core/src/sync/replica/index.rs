//! Which pending commands touch which keys.
//!
//! Of a key stands here what it hashes to: should two keys share that, the commands on one are taken back for the other's
//! sake, and run again.

use alloc::{boxed::Box, vec::Vec};

use super::{orders::Orders, pending::Command};
use crate::{
    command::{self, Flags},
    effect::{Change, Effect},
    format::effects,
    hash::hash,
    order,
    table::Table,
};

/// The applied commands that touch each key.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Table<Slot>,
    /// Those that may touch any key, ascending.
    everything: Orders,
    round: u64,
}

/// The commands that touch the keys of one hash.
#[derive(Debug)]
struct Slot {
    hash: u64,
    orders: Orders,
    /// The search that was here last, and from where on it has found all.
    round: u64,
    found_from: u64,
}

/// The keys that a command reads or writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Footprint {
    /// These, ascending.
    Keys(Vec<Box<[u8]>>),
    Everything,
}

/// Keys that something touches.
#[derive(Clone, Debug, Default)]
pub(super) struct Touch {
    /// In any order, and some perhaps more than once.
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) everything: bool,
}

impl Index {
    /// Whether nothing touches anything.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The commands that may touch any key, ascending.
    pub(super) fn everything(&self) -> &Orders {
        &self.everything
    }

    /// The commands on keys that share what a key hashes to, ascending.
    pub(super) fn sharing(&self, key: &[u8]) -> Option<&Orders> {
        let hash = hash_of(key);
        self.slots.find(hash, |slot| slot.hash == hash).map(|slot| &slot.orders)
    }

    /// Puts a command in.
    pub(super) fn enter(&mut self, order: u64, footprint: &Footprint) {
        match footprint {
            Footprint::Everything => self.everything.insert(order),
            Footprint::Keys(keys) => {
                for hash in keys.iter().map(|key| hash_of(key)) {
                    match self.slots.find_mut(hash, |slot| slot.hash == hash) {
                        Some(slot) => slot.orders.insert(order),
                        None => {
                            let slot = Slot { hash, orders: Orders::one(order), round: 0, found_from: 0 };
                            self.slots.insert_unique(hash, slot);
                        }
                    }
                }
            }
        }
    }

    /// Takes a command out, if it stands here, and where `for_good` the keys that nobody touches any more.
    pub(super) fn leave(&mut self, order: u64, footprint: &Footprint, for_good: bool) {
        match footprint {
            Footprint::Everything => self.everything.remove(order),
            Footprint::Keys(keys) => {
                for hash in keys.iter().map(|key| hash_of(key)) {
                    let Some(slot) = self.slots.find_mut(hash, |slot| slot.hash == hash) else { continue };
                    slot.orders.remove(order);
                    if for_good && slot.orders.is_empty() {
                        self.slots.remove(hash, |slot| slot.hash == hash);
                    }
                }
            }
        }
    }

    /// Begins a search. Returns its number.
    pub(super) fn begin_search(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// Adds to `found` the commands on a key from `order` on that this search hasn't found on that key.
    pub(super) fn search(&mut self, key: &[u8], order: u64, found: &mut Vec<u64>) {
        let (hash, round) = (hash_of(key), self.round);
        let Some(slot) = self.slots.find_mut(hash, |slot| slot.hash == hash) else { return };
        if slot.round != round {
            (slot.round, slot.found_from) = (round, u64::MAX);
        }
        if order < slot.found_from {
            found.extend(slot.orders.between(order, slot.found_from));
            slot.found_from = order;
        }
    }
}

fn hash_of(key: &[u8]) -> u64 {
    hash(0, key)
}

impl Touch {
    /// The keys that a command names; everything if it may touch others as well.
    pub(super) fn of(command: &Command) -> Self {
        let mut touch = Self::default();
        for call in &command.calls {
            let words = call.words();
            let Ok((row, _)) = command::find_row(&words) else { return Self::everything() };
            touch.everything |= row.flags.has(Flags::ALL_KEYS);
            row.key_positions(&words).filter_map(|at| words.get(at)).for_each(|key| touch.add_key(key));
        }
        command.conditions.iter().for_each(|(key, _)| touch.add_key(key));
        touch
    }

    /// All keys.
    pub(super) fn everything() -> Self {
        Self { keys: Vec::new(), everything: true }
    }

    /// Adds the keys of a run of effects.
    pub(super) fn add_effects(&mut self, bytes: &[u8]) {
        effects(bytes).flatten().for_each(|(_, effect)| self.add(&effect));
    }

    /// Adds a key, unless it was the one added last: most commands name the one key that they change.
    pub(super) fn add_key(&mut self, key: &[u8]) {
        if self.keys.last().is_none_or(|last| **last != *key) {
            self.keys.push(key.into());
        }
    }

    fn add(&mut self, effect: &Effect<'_>) {
        match effect.change {
            Change::Flush => self.everything = true,
            _ => self.add_key(&effect.key),
        }
    }
}

impl Footprint {
    /// The keys that a command names or was seen to change.
    pub(super) fn of(command: &Command, done: &[u8]) -> Self {
        let mut touch = Touch::of(command);
        touch.add_effects(done);
        if touch.everything {
            return Self::Everything;
        }
        if touch.keys.len() > 1 {
            order::sort(&mut touch.keys);
            touch.keys.dedup();
        }
        Self::Keys(touch.keys)
    }

    /// Whether a key is among them, and named.
    pub(super) fn names(&self, key: &[u8]) -> bool {
        match self {
            Self::Keys(keys) => keys.binary_search_by(|other| (**other).cmp(key)).is_ok(),
            Self::Everything => false,
        }
    }

    /// Whether they hold all that these effects touch.
    pub(super) fn covers(&self, done: &[u8]) -> bool {
        matches!(self, Self::Everything)
            || effects(done)
                .flatten()
                .all(|(_, effect)| !matches!(effect.change, Change::Flush) && self.names(&effect.key))
    }

    pub(super) fn touch(&self) -> Touch {
        match self {
            Self::Keys(keys) => Touch { keys: keys.clone(), everything: false },
            Self::Everything => Touch::everything(),
        }
    }
}
