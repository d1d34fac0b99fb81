//! What a replica leaves behind for its next run, as key-value pairs in any store that has transactions.
//!
//! ```text
//!  head                     Frame(Head)       format, generation, counts, token, globs, what the server accepts; of
//!                                             tabs, how far each one's commands were answered
//!  base/GGGGGGGG/NNNNNNNN   Frame(Chunk)      the confirmed data when generation G began
//!  tail/GGGGGGGG/NNNNNNNN   Frame(Forgotten)? what isn't known after what follows, if that changed
//!                           Frame(Records)    effects confirmed since, in order
//!  pend/OOOOOOOOOOOOOOOO    Frame(Pending)*   commands without an answer, in the order in which they ran
//! ```
//! Numbers are hexadecimal, so that the order of keys is the order of things. A batch is stored whole or not at all,
//! so a replica that is killed at any moment comes back to a state that it had. Commands that ran between two batches
//! share a pair, which is written again without those that were answered, and goes with the last of them. When the tail
//! has outgrown the base and the shell has time, a new generation begins; otherwise what is written is as long as what
//! changed.

use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{
    Replica,
    holes::Holes,
    index::Touch,
    pending::{Command, PendingQueue},
};
use crate::{
    env::UnixMillis,
    format::{ClientId, ClientSeq, FrameKind, encode_frame},
    limits::CHUNK_BYTES,
    sync::{
        history::ResumeToken,
        message::ServerLimits,
        planted::{self, Bug},
    },
};

/// One change to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// A pair comes, or changes.
    Put(Vec<u8>, Vec<u8>),
    /// A pair goes.
    Delete(Vec<u8>),
    /// All pairs go whose keys begin so.
    DeletePrefix(Vec<u8>),
}

/// Changes to the store that belong together, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBatch {
    /// The changes.
    pub ops: Vec<StoreOp>,
    /// Whether a command of the user's is among them, which nobody else has: worth a strict transaction.
    pub strict: bool,
}

impl StoreBatch {
    /// Carries the changes out on pairs in memory, as any store does with its own. All of them together make a
    /// transaction: whoever keeps the pairs where others, or a later run, see them must not show some without the rest.
    ///
    /// Cost: follows the pairs that come and go.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use sanderling_core::{Env, Limits, format::ClientId, sync::{Replica, ReplicaOptions}};
    ///
    /// let options = |run| ReplicaOptions {
    ///     client: ClientId([run; 16]),
    ///     interest: vec![b"*".to_vec()],
    ///     db: 0,
    ///     seed: run.into(),
    ///     limits: Limits::DEFAULT,
    /// };
    /// let env = Env::new(1_000_000, 7);
    /// let mut replica = Replica::new(options(1), env);
    /// replica.execute(env, &[b"SET", b"k", b"v"], &mut Vec::new());
    /// let mut pairs = BTreeMap::new();
    /// while let Some(batch) = replica.poll_store() {
    ///     batch.apply(&mut pairs);
    /// }
    ///
    /// let mut next = Replica::new(options(2), env);
    /// next.load(&Vec::from_iter(pairs))?;
    /// assert_eq!(next.status().pending, 1);
    /// # Ok::<(), sanderling_core::sync::LoadError>(())
    /// ```
    pub fn apply(self, pairs: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        for op in self.ops {
            match op {
                StoreOp::Put(key, value) => drop(pairs.insert(key, value)),
                StoreOp::Delete(key) => drop(pairs.remove(&key)),
                StoreOp::DeletePrefix(prefix) => {
                    let from_there = pairs.range(prefix.clone()..);
                    let keys = from_there.map(|(key, _)| key).take_while(|key| key.starts_with(&prefix));
                    for key in Vec::from_iter(keys.cloned()) {
                        pairs.remove(&key);
                    }
                }
            }
        }
    }
}

/// What is stored, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) generation: u32,
    pub(super) base_count: u32,
    pub(super) base_bytes: usize,
    pub(super) tail_count: u32,
    pub(super) tail_bytes: usize,
    /// Confirmed effects since the last batch was taken.
    confirmed: Vec<u8>,
    /// What stands in the stored head.
    pub(super) token: Option<ResumeToken>,
    head_changed: bool,
    /// The stored groups of pending commands by the place of their first, and whether one of them was answered since.
    pub(super) groups: VecDeque<(u64, bool)>,
    any_answered: bool,
    /// Commands from this place on aren't stored.
    pub(super) unstored_from: u64,
    /// The next batch begins a new generation: what is confirmed needn't be gathered.
    whole: bool,
    /// The next batch replaces whatever the store holds.
    anew: bool,
    /// Nobody takes batches: nothing is gathered.
    stopped: bool,
}

/// What stands at `head`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u16,
    pub(super) generation: u32,
    pub(super) base_count: u32,
    pub(super) tail_count: u32,
    pub(super) token: Option<ResumeToken>,
    pub(super) globs: Vec<Vec<u8>>,
    /// What the server said that it accepts.
    pub(super) accepts: ServerLimits,
}

/// A pending command as it is stored. Later releases read this one, because commands are taken over from store to store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredCommand {
    /// Its place, which its pair's key says only of the first.
    pub(super) order: u64,
    pub(super) client: ClientId,
    pub(super) seq: ClientSeq,
    pub(super) now: UnixMillis,
    pub(super) calls: Vec<Vec<Vec<u8>>>,
    pub(super) conditions: Vec<(Vec<u8>, u64)>,
    pub(super) transaction: bool,
}

/// The format described above.
pub(super) const FORMAT: u16 = 3;
/// A tail shorter than this isn't worth a new generation.
const TAIL_BYTES_MIN: usize = 2 * CHUNK_BYTES;
/// More than this, and more than there is data, is not gathered: a new generation is shorter.
const CONFIRMED_BYTES_MAX: usize = 8 * CHUNK_BYTES;

impl Store {
    /// Gathers nothing from now on, and drops what was gathered.
    pub(super) fn stop(&mut self) {
        *self = Self { stopped: true, generation: self.generation, ..Self::default() };
    }

    /// Stores everything anew.
    pub(super) fn start(&mut self) {
        *self = Self { whole: true, anew: true, generation: self.generation, ..Self::default() };
    }

    /// Takes in that a command was answered.
    pub(super) fn note_answered(&mut self, order: u64) {
        if order < self.unstored_from {
            let after = self.groups.partition_point(|(first, _)| *first <= order);
            if let Some((_, answered)) = after.checked_sub(1).and_then(|at| self.groups.get_mut(at)) {
                (*answered, self.any_answered) = (true, true);
            }
        }
    }

    /// Takes in that other keys are known, or that the server accepts something else.
    pub(super) fn note_head(&mut self) {
        self.head_changed = true;
    }

    pub(super) fn put_confirmed(&mut self, effects: &[u8]) {
        if self.stopped || self.whole || effects.is_empty() {
            return;
        }
        self.head_changed = true;
        if !planted::has(Bug::PositionWithoutEffects) {
            self.confirmed.extend_from_slice(effects);
        }
        if self.confirmed.len() > self.base_bytes.max(CONFIRMED_BYTES_MAX) {
            self.begin_generation();
        }
    }

    /// Has the next batch begin a new generation.
    pub(super) fn begin_generation(&mut self) {
        self.whole = true;
        self.confirmed = Vec::new();
    }

    /// Begins a new generation if the tail has outgrown the base. Returns whether the next batch does.
    pub(super) fn compact(&mut self) -> bool {
        if self.tail_bytes + self.confirmed.len() > self.base_bytes.max(TAIL_BYTES_MIN) {
            self.begin_generation();
        }
        self.whole
    }

    /// Puts what was confirmed since the last batch into this one.
    fn write_tail(&mut self, holes: &mut Holes, batch: &mut StoreBatch) {
        let confirmed = core::mem::take(&mut self.confirmed);
        let changes = holes.take_changes();
        if confirmed.is_empty() && changes.is_none() {
            return;
        }
        let mut value = Vec::new();
        if let Some(changes) = changes {
            let payload = postcard::to_extend(&changes, Vec::new()).unwrap_or_default();
            encode_frame(FrameKind::Forgotten, &payload, &mut value);
        }
        encode_frame(FrameKind::Records, &confirmed, &mut value);
        self.tail_bytes += value.len();
        batch.put(part_key("tail", self.generation, self.tail_count), value);
        self.tail_count += 1;
        self.head_changed = true;
    }

    /// Puts the commands that aren't stored yet into a batch, and takes those out that were answered.
    fn write_pending(&mut self, pending: &PendingQueue, next_order: u64, batch: &mut StoreBatch) {
        let mut at = if core::mem::take(&mut self.any_answered) { 0 } else { self.groups.len() };
        while let Some((first, answered)) = self.groups.get(at).copied() {
            let end = self.groups.get(at + 1).map_or(self.unstored_from, |(next, _)| *next);
            if answered {
                let (bytes, _) = group(pending, first, end, usize::MAX);
                if bytes.is_empty() {
                    self.groups.remove(at);
                    batch.ops.push(StoreOp::Delete(pending_key(first)));
                    continue;
                }
                if let Some(group) = self.groups.get_mut(at) {
                    group.1 = false;
                }
                batch.put(pending_key(first), bytes);
            }
            at += 1;
        }
        while self.unstored_from < next_order {
            let first = self.unstored_from;
            let (bytes, end) = group(pending, first, next_order, CHUNK_BYTES);
            self.unstored_from = end;
            if !bytes.is_empty() {
                self.groups.push_back((first, false));
                batch.put(pending_key(first), bytes);
                batch.strict = true;
            }
        }
    }
}

impl StoreBatch {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.ops.push(StoreOp::Put(key, value));
    }
}

impl Replica {
    /// What is to be stored now, all of it or nothing; `None` if nothing changed. Cost: O(what changed), but for the
    /// first batch of a generation.
    pub fn poll_store(&mut self) -> Option<StoreBatch> {
        if self.store.stopped {
            return None;
        }
        let mut batch = StoreBatch::default();
        if core::mem::take(&mut self.store.anew) {
            batch.ops.push(StoreOp::DeletePrefix(b"pend/".to_vec()));
        }
        if core::mem::take(&mut self.store.whole) {
            self.write_base(&mut batch);
        }
        self.store.write_tail(&mut self.holes, &mut batch);
        self.write_head(&mut batch);
        self.store.write_pending(&self.pending, self.next_order, &mut batch);
        (!batch.ops.is_empty()).then_some(batch)
    }

    /// Lets the next batch begin a new generation, if the stored tail has outgrown its base: for a shell that has
    /// nothing better to do. Returns whether it will.
    pub fn compact_store(&mut self) -> bool {
        self.store.compact()
    }

    /// Gathers nothing for [`Replica::poll_store`] from now on: for a shell that has no store, or lost it.
    pub fn stop_storing(&mut self) {
        self.store.stop();
    }

    /// Lets the next batch hold everything, in the place of whatever the store held: for a shell that has a store again,
    /// or another one.
    pub fn start_storing(&mut self) {
        self.store.start();
    }

    /// Begins a new generation with the confirmed data as it is now. Takes back what is pending.
    fn write_base(&mut self, batch: &mut StoreBatch) {
        self.take_back(&Touch::everything());
        let (db, store) = (self.db, &mut self.store);
        batch.ops.push(StoreOp::DeletePrefix(b"base/".to_vec()));
        batch.ops.push(StoreOp::DeletePrefix(b"tail/".to_vec()));
        store.generation = store.generation.wrapping_add(1);
        (store.base_count, store.base_bytes, store.tail_count, store.tail_bytes) = (0, 0, 0, 0);
        store.head_changed = true;
        self.holes.change_all();
        self.engine.snapshot(
            |other, _| other == db,
            |chunk| {
                store.base_bytes += chunk.len();
                batch.put(part_key("base", store.generation, store.base_count), framed(FrameKind::Chunk, &chunk));
                store.base_count += 1;
            },
        );
    }

    fn write_head(&mut self, batch: &mut StoreBatch) {
        let store = &mut self.store;
        if !core::mem::take(&mut store.head_changed) && store.token == self.token {
            return;
        }
        store.token = self.token;
        let head = Head {
            format: FORMAT,
            generation: store.generation,
            base_count: store.base_count,
            tail_count: store.tail_count,
            token: self.token,
            globs: self.globs.clone(),
            accepts: self.accepts,
        };
        let mut payload = postcard::to_extend(&head, Vec::new()).unwrap_or_default();
        // Another tab that leads next may never have heard what became of these commands.
        if self.is_leading() {
            payload = postcard::to_extend(&(self.place(), &self.clients), payload).unwrap_or_default();
        }
        batch.put(b"head".to_vec(), framed(FrameKind::Head, &payload));
    }
}

/// The commands in the places from `first` to before `end`, of about `bytes_max` bytes, one frame each; and the place
/// behind them.
fn group(pending: &PendingQueue, first: u64, end: u64, bytes_max: usize) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    for command in pending.commands_from(first) {
        if command.order >= end || bytes.len() >= bytes_max {
            return (bytes, command.order.min(end));
        }
        let payload = postcard::to_extend(&StoredCommand::from(command), Vec::new()).unwrap_or_default();
        encode_frame(FrameKind::Pending, &payload, &mut bytes);
    }
    (bytes, end)
}

impl From<&Command> for StoredCommand {
    fn from(command: &Command) -> Self {
        let calls = command.calls.iter();
        Self {
            order: command.order,
            client: command.client,
            seq: command.seq,
            now: command.now,
            calls: calls.map(|call| call.0.iter().map(|word| word.to_vec()).collect()).collect(),
            conditions: command.conditions.iter().map(|(key, digest)| (key.to_vec(), *digest)).collect(),
            transaction: command.transaction,
        }
    }
}

fn framed(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 12);
    encode_frame(kind, payload, &mut bytes);
    bytes
}

pub(super) fn part_key(name: &str, generation: u32, index: u32) -> Vec<u8> {
    format!("{name}/{generation:08x}/{index:08x}").into_bytes()
}

fn pending_key(first: u64) -> Vec<u8> {
    format!("pend/{first:016x}").into_bytes()
}
