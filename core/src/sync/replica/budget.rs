//! The memory budget: which keys are forgotten when the data takes more than it may.
//!
//! Who was used when, or how often, stands in a sketch beside the data: one byte for each of some thousand places, and
//! a key's place is a hash of it. So entries are no larger than a server's, what is known of a key outlives its stay, and
//! coming and going costs nothing. Keys that share a place count as one, by which a cold key stays a little longer.
//!
//! A victim is the coldest of a few keys drawn at random, as in Redis.

use alloc::{boxed::Box, vec, vec::Vec};

use super::{Link, Replica};
use crate::{
    effect::Effect,
    hash::{Rng, hash},
    keyspace::Db,
    sync::planted::{self, Bug},
};

/// Which keys are forgotten first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// Those that weren't used for the longest time.
    #[default]
    Lru,
    /// Those that were used least often of late.
    Lfu,
}

/// How much memory may be taken, and what is known of the use of keys.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) bytes_max: usize,
    policy: Eviction,
    /// By LRU the time of the last use, by LFU how many there were. A power of two of them.
    places: Box<[u8]>,
    /// The time, which goes on with every so many uses, and begins anew after 255.
    clock: u8,
    uses: usize,
    /// The place that is aged next.
    hand: usize,
    /// The places of the keys that were fetched last, which are to be there when they are read.
    fresh: [usize; FRESH_KEYS],
    rng: Rng,
    /// Keys forgotten so far.
    pub(super) evicted: u64,
}

impl Budget {
    fn new(bytes_max: usize, policy: Eviction, seed: u64) -> Self {
        let places = (bytes_max / BYTES_PER_PLACE).clamp(PLACES_MIN, PLACES_MAX).next_power_of_two();
        Self {
            bytes_max,
            policy,
            places: vec![0; places].into(),
            clock: AGE_MAX,
            uses: 0,
            hand: 0,
            fresh: [usize::MAX; FRESH_KEYS],
            rng: Rng::new(seed),
            evicted: 0,
        }
    }

    /// Takes in that a key was used. Cost: O(1).
    pub(super) fn note_use(&mut self, key: &[u8]) {
        let (at, mask) = (self.place_of(key), self.places.len() - 1);
        if let Some(place) = self.places.get_mut(at) {
            *place = match self.policy {
                Eviction::Lru => self.clock,
                Eviction::Lfu => place.saturating_add(1),
            };
        }
        self.uses = self.uses.wrapping_add(1);
        if self.uses & (mask >> 5) == 0 {
            self.clock = self.clock.wrapping_add(1);
        }
        // A place is looked at while its age still fits in a byte: in half a turn of the clock.
        if self.uses.is_multiple_of(4) {
            self.hand = (self.hand + 1) & mask;
            if let Some(place) = self.places.get_mut(self.hand) {
                match self.policy {
                    Eviction::Lru if self.clock.wrapping_sub(*place) > AGE_MAX => {
                        *place = self.clock.wrapping_sub(AGE_MAX);
                    }
                    Eviction::Lru => {}
                    Eviction::Lfu => *place /= 2,
                }
            }
        }
    }

    /// Takes in that a key was fetched, and is about to be read.
    pub(super) fn note_fetch(&mut self, key: &[u8]) {
        let at = self.place_of(key);
        self.fresh.rotate_right(1);
        self.fresh[0] = at;
        if self.policy == Eviction::Lfu
            && let Some(place) = self.places.get_mut(at)
        {
            *place = (*place).max(FETCHED_USES);
        }
        self.note_use(key);
    }

    /// The coldest of a few keys, but for those that are needed, and fresh ones where there are others.
    fn victim(&mut self, db: &Db, is_needed: impl Fn(&[u8]) -> bool) -> Option<Box<[u8]>> {
        let mut best: Option<(u16, &[u8])> = None;
        for _ in 0..SAMPLES {
            let Some(entry) = db.sample(&mut self.rng) else { break };
            let coldness = self.coldness(entry.key);
            if best.is_none_or(|(other, _)| coldness > other) && !is_needed(entry.key) {
                best = Some((coldness, entry.key));
            }
        }
        best.filter(|(coldness, _)| *coldness > 0).map(|(_, key)| key.into())
    }

    /// How cold a key is: 0 for the one that was fetched last, which is never a victim.
    fn coldness(&self, key: &[u8]) -> u16 {
        let at = self.place_of(key);
        if let Some(place) = self.fresh.iter().position(|other| *other == at) {
            return place as u16;
        }
        let place = self.places.get(at).copied().unwrap_or_default();
        let coldness = match self.policy {
            Eviction::Lru => self.clock.wrapping_sub(place),
            Eviction::Lfu => u8::MAX - place,
        };
        u16::from(coldness) + FRESH_KEYS as u16
    }

    fn place_of(&self, key: &[u8]) -> usize {
        hash(SEED, key) as usize & (self.places.len() - 1)
    }
}

impl Replica {
    /// Bounds the memory that the data takes: beyond `bytes_max`, keys are forgotten that no pending command touches. What
    /// was there before counts, too.
    pub fn limit_memory(&mut self, bytes_max: usize, policy: Eviction) {
        self.budget = Some(Box::new(Budget::new(bytes_max, policy, self.next_order ^ u64::from(self.db))));
    }

    /// The bytes that the data takes. Cost: O(1).
    pub fn memory_bytes(&self) -> usize {
        self.engine.keyspace().db(self.db).allocated_bytes()
    }

    /// How many keys were forgotten for lack of memory.
    pub fn evicted(&self) -> u64 {
        self.budget.as_ref().map_or(0, |budget| budget.evicted)
    }

    /// Takes in that keys were read elsewhere, from what a shell keeps in front.
    pub fn note_uses(&mut self, keys: &[&[u8]]) {
        if let Some(budget) = &mut self.budget {
            keys.iter().for_each(|key| budget.note_use(key));
        }
    }

    /// Forgets the value of a key, to save memory; what batches say of it is dropped. Refused, with `false`, while a
    /// pending command touches it, and while a load is coming.
    pub fn forget(&mut self, key: &[u8]) -> bool {
        self.settle();
        if self.is_loading() || !self.is_known(key) || self.is_needed(key) {
            return false;
        }
        self.evict(key);
        true
    }

    /// Whether there is room for so many bytes more.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.budget.as_ref().is_none_or(|budget| self.memory_bytes() + bytes <= budget.bytes_max)
    }

    /// Forgets keys if the data takes more than it may: so many that it takes less than a millisecond. Returns whether
    /// there are more to forget. To be called between the turns of the user, who relies within one on what is known.
    pub fn shrink(&mut self) -> bool {
        if self.has_room(0) || self.in_transaction() || self.is_loading() {
            return false;
        }
        self.settle();
        for _ in 0..KEYS_PER_TURN {
            let Some(mut budget) = self.budget.take() else { return false };
            let victim = budget.victim(self.engine.keyspace().db(self.db), |key| self.is_needed(key));
            budget.evicted += u64::from(victim.is_some());
            self.budget = Some(budget);
            let Some(key) = victim else { return false };
            self.evict(&key);
            if self.has_room(0) {
                return false;
            }
        }
        true
    }

    /// Whether a load is coming. It brings what differs from what was there when it began: nothing may go until it is over.
    fn is_loading(&self) -> bool {
        matches!(self.link, Link::Starting { .. })
    }

    /// Whether something rests on a key's value.
    fn is_needed(&self, key: &[u8]) -> bool {
        self.pending.needs(key) || self.watched.iter().any(|(other, _)| **other == *key)
    }

    /// The keys of the interest on whose values something rests.
    pub(super) fn needed_keys(&self) -> impl Iterator<Item = Box<[u8]>> {
        let watched = self.watched.iter().map(|(key, _)| key.clone());
        self.pending.keys().into_iter().chain(watched).filter(|key| self.known.contains(key))
    }

    /// Takes in that these keys don't exist, unless they are there or come.
    pub(super) fn reveal<'a>(&mut self, keys: impl Iterator<Item = &'a Box<[u8]>>) {
        let is_sparse = self.holes.is_sparse();
        for key in keys.filter(|_| is_sparse) {
            if self.engine.keyspace().db(self.db).find(key).is_none() {
                self.holes.reveal(key);
            }
        }
    }

    fn evict(&mut self, key: &[u8]) {
        let effect = Effect::delete(key);
        if !self.engine.apply(self.db, &effect).changed {
            self.engine.keyspace_mut().note_change(self.db, key);
        }
        if !planted::has(Bug::EvictedAsAbsent) {
            self.holes.hide(key);
            if self.holes.are_many() {
                self.thin_out();
            }
        }
        let mut bytes = Vec::new();
        effect.encode(self.db, &mut bytes);
        self.store.put_confirmed(&bytes);
    }

    /// Knows only what is there from now on. What pending commands touch stays known, whether it is there or not.
    pub(super) fn thin_out(&mut self) {
        if !self.holes.is_sparse() {
            let needed: Vec<Box<[u8]>> = self.pending.keys().into_iter().filter(|key| self.is_known(key)).collect();
            self.holes.thin_out(needed.into_iter());
            self.note_unknown();
        }
    }
}

/// One place for so many bytes of the budget: some places for each key of ordinary size.
const BYTES_PER_PLACE: usize = 64;
const PLACES_MIN: usize = 256;
const PLACES_MAX: usize = 1024 * 1024;
/// The clock's steps after which a key is as old as it gets: half a turn.
const AGE_MAX: u8 = 127;
/// Keys that are forgotten at a time.
const KEYS_PER_TURN: usize = 128;
/// Keys among which a victim is chosen; Redis draws five, and keeps the best of those that it spared.
const SAMPLES: usize = 10;
/// Keys that were fetched just now.
const FRESH_KEYS: usize = 32;
/// Uses that a key is credited with when it is fetched, lest it goes before it is used again.
const FETCHED_USES: u8 = 4;
const SEED: u64 = 0x7b1d_60c5_22e9_9e37;

#[cfg(test)]
mod tests;
