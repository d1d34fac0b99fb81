//! A consumer group: how far it has read, who reads for it, and what they haven't acknowledged yet.
//!
//! What is pending is kept twice, in order of the ids: for the group, and for each consumer. Both always agree.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use slab::Slab;

use super::StreamId;
use crate::env::UnixMillis;

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: Box<[u8]>,
    /// The last entry that was delivered for the first time.
    pub last_id: StreamId,
    /// How many entries had come by then since the stream began, if that is known.
    pub entries_read: Option<u64>,
    pending: Pending,
    consumers: Slab<Consumer>,
    /// The consumers' places in order of their names.
    order: Vec<usize>,
    name_bytes: usize,
}

/// Entries that were delivered and not acknowledged, by id.
pub type Pending = BTreeMap<StreamId, Delivery>;

/// The last delivery of an entry that wasn't acknowledged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it was.
    pub at: UnixMillis,
    /// The how manieth it was.
    pub count: u64,
    /// To whom.
    consumer: usize,
}

impl Delivery {
    /// A delivery to whoever it may be.
    pub(super) fn new(at: UnixMillis, count: u64) -> Self {
        Self { at, count, consumer: usize::MAX }
    }
}

/// Who reads for a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it was heard of last.
    pub seen_at: UnixMillis,
    pending: Pending,
}

impl Consumer {
    /// What it hasn't acknowledged yet.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }
}

impl Group {
    pub(super) fn new(name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self { name: name.into(), last_id, entries_read, ..Self::default() }
    }

    /// What the group's consumers haven't acknowledged yet.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// How many consumers there are.
    pub fn consumer_count(&self) -> usize {
        self.order.len()
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.order.iter().filter_map(|slot| self.consumers.get(*slot))
    }

    /// The consumer of this name. Cost: O(log consumers).
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        let place = self.search(name).ok()?;
        self.consumers.get(*self.order.get(place)?)
    }

    /// The name of the consumer to whom something was delivered.
    pub fn owner(&self, delivery: &Delivery) -> &[u8] {
        self.consumers.get(delivery.consumer).map_or(&[], |consumer| &consumer.name)
    }

    /// The consumer of this name, which is made if there is none. Says whether it was made, and when it was seen before.
    pub(super) fn meet(&mut self, name: &[u8], seen_at: UnixMillis) -> (usize, Option<UnixMillis>) {
        match self.search(name) {
            Ok(place) => {
                let slot = self.order.get(place).copied().unwrap_or_default();
                let before = self.consumers.get_mut(slot);
                (slot, before.map(|consumer| core::mem::replace(&mut consumer.seen_at, seen_at)))
            }
            Err(_) => (self.add(Consumer { name: name.into(), seen_at, pending: Pending::new() }), None),
        }
    }

    /// Adds a consumer of a new name, with what is pending for it and for nobody else.
    pub(super) fn add(&mut self, consumer: Consumer) -> usize {
        let slot = self.consumers.vacant_key();
        let place = self.search(&consumer.name).unwrap_or_else(|place| place);
        self.name_bytes += consumer.name.len();
        let pending: Vec<_> = consumer.pending.iter().map(|(id, delivery)| (*id, *delivery)).collect();
        self.consumers.insert(Consumer { pending: Pending::new(), ..consumer });
        self.order.insert(place, slot);
        for (id, delivery) in pending {
            self.assign(id, slot, delivery.at, delivery.count);
        }
        slot
    }

    /// Removes a consumer, and with it what is pending for it.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Consumer> {
        let place = self.search(name).ok()?;
        let consumer = self.consumers.try_remove(self.order.remove(place))?;
        self.name_bytes -= consumer.name.len();
        for id in consumer.pending.keys() {
            self.pending.remove(id);
        }
        Some(consumer)
    }

    /// Makes an entry pending for a consumer, and for no other. Returns whether that is new.
    pub(super) fn assign(&mut self, id: StreamId, consumer: usize, at: UnixMillis, count: u64) -> bool {
        let delivery = Delivery { at, count, consumer };
        let before = self.pending.insert(id, delivery);
        if let Some(before) = before
            && before.consumer != consumer
            && let Some(owner) = self.consumers.get_mut(before.consumer)
        {
            owner.pending.remove(&id);
        }
        if let Some(owner) = self.consumers.get_mut(consumer) {
            owner.pending.insert(id, delivery);
        }
        before != Some(delivery)
    }

    /// The same for the consumer of this name, if there is one.
    pub(super) fn assign_to(&mut self, name: &[u8], id: StreamId, at: UnixMillis, count: u64) {
        if let Some(slot) = self.search(name).ok().and_then(|place| self.order.get(place).copied()) {
            self.assign(id, slot, at, count);
        }
    }

    /// Makes an entry pending no more. Returns whether it was.
    pub(super) fn release(&mut self, id: StreamId) -> bool {
        let Some(delivery) = self.pending.remove(&id) else { return false };
        if let Some(owner) = self.consumers.get_mut(delivery.consumer) {
            owner.pending.remove(&id);
        }
        true
    }

    /// Estimates the bytes on the heap. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.name.len()
            + self.name_bytes
            + self.consumers.capacity() * size_of::<(usize, Consumer)>()
            + self.order.capacity() * size_of::<usize>()
            + self.pending.len() * 2 * PENDING_BYTES
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        let name_at = |slot: &usize| self.consumers.get(*slot).map(|consumer| &*consumer.name);
        self.order.binary_search_by(|slot| name_at(slot).cmp(&Some(name)))
    }
}

/// What an entry of a tree takes: a node has place for eleven, and is two thirds full on average.
const PENDING_BYTES: usize = (size_of::<StreamId>() + size_of::<Delivery>()) * 3 / 2;
