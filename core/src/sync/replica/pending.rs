//! The commands that the hub hasn't answered yet, and which keys they touch.
//!
//! Commands stand in the order in which they run on top of what is confirmed. An index from keys to commands finds those
//! that something foreign disturbs, so that a rebase costs as much as there is to disturb, not as much as is pending.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    command::{self, Flags},
    effect::{Change, Effect, Undo},
    env::{Env, UnixMillis},
    format::{ClientId, ClientSeq, effects},
    session::Queued,
    sync::guess::entropy_of,
};

/// A command, or a transaction of several calls, as it is pushed and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) client: ClientId,
    pub(super) seq: ClientSeq,
    /// The time at which it first ran; it runs again with the same.
    pub(super) now: UnixMillis,
    pub(super) calls: Vec<Queued>,
    /// Keys with the digests of the values on which it rests.
    pub(super) conditions: Vec<(Box<[u8]>, u64)>,
    /// Its place among the stored commands, those of earlier runs before.
    pub(super) order: u64,
}

/// What running a command did here.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Its effects, in their wire form.
    pub(super) effects: Box<[u8]>,
    /// What takes them back, oldest first.
    pub(super) undos: Vec<Undo>,
}

/// A command with its outcome.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) command: Command,
    /// What its caller was told; `None` after a restart, when nobody waits any more.
    pub(super) told: Option<Box<[u8]>>,
    pub(super) outcome: Outcome,
    /// The effects that it had when it was pushed, if it has others now.
    pub(super) pushed_effects: Option<Box<[u8]>>,
    /// Its outcome is part of what is shown.
    pub(super) applied: bool,
    footprint: Footprint,
}

/// The keys that a command reads or writes.
#[derive(Clone, Debug)]
enum Footprint {
    Keys(BTreeSet<Box<[u8]>>),
    Everything,
}

/// Keys that something touches.
#[derive(Clone, Debug, Default)]
pub(super) struct Touch {
    keys: BTreeSet<Box<[u8]>>,
    everything: bool,
}

/// Pending commands in the order in which they run.
#[derive(Debug, Default)]
pub(super) struct PendingQueue {
    queue: BTreeMap<u64, Pending>,
    ids: BTreeMap<(ClientId, ClientSeq), u64>,
    /// The applied commands that touch each key.
    by_key: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
    /// The applied commands that may touch any key.
    everything: BTreeSet<u64>,
    /// The commands that aren't applied.
    unapplied: BTreeSet<u64>,
    /// The last that was pushed on this connection.
    pushed: Option<u64>,
}

impl PendingQueue {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Adds a command behind all others.
    pub(super) fn push(&mut self, command: Command, told: Option<Box<[u8]>>, outcome: Option<Outcome>) {
        let order = command.order;
        let applied = outcome.is_some();
        let outcome = outcome.unwrap_or_default();
        let footprint = Footprint::of(&command, &outcome.effects);
        self.ids.insert((command.client, command.seq), order);
        match applied {
            true => self.enter(order, &footprint),
            false => drop(self.unapplied.insert(order)),
        }
        let pending = Pending { command, told, outcome, pushed_effects: None, applied, footprint };
        self.queue.insert(order, pending);
    }

    pub(super) fn get_mut(&mut self, order: u64) -> Option<&mut Pending> {
        self.queue.get_mut(&order)
    }

    /// The place of a client's command.
    pub(super) fn find(&self, client: ClientId, seq: ClientSeq) -> Option<u64> {
        self.ids.get(&(client, seq)).copied()
    }

    /// The places of a client's commands up to `through`, in order.
    pub(super) fn up_to(&self, client: ClientId, through: ClientSeq) -> Vec<u64> {
        self.ids.range((client, ClientSeq(0))..=(client, through)).map(|(_, order)| *order).collect()
    }

    /// Removes a command.
    pub(super) fn remove(&mut self, order: u64) -> Option<Pending> {
        let pending = self.queue.remove(&order)?;
        self.ids.remove(&(pending.command.client, pending.command.seq));
        self.unapplied.remove(&order);
        if pending.applied {
            self.leave(order, &pending.footprint);
        }
        Some(pending)
    }

    /// Whether a command is applied, and none before it touches a key that it touches: then it may be confirmed as it
    /// stands. (What isn't applied has taken back with it all that came later and shared a key.)
    pub(super) fn stands_first(&self, order: u64) -> bool {
        let Some(pending) = self.queue.get(&order).filter(|pending| pending.applied) else { return false };
        if self.everything.first().is_some_and(|first| *first < order) {
            return false;
        }
        match &pending.footprint {
            Footprint::Everything => self.queue.first_key_value().is_some_and(|(first, _)| *first == order),
            Footprint::Keys(keys) => {
                keys.iter().all(|key| self.by_key.get(key).and_then(BTreeSet::first).is_some_and(|at| *at == order))
            }
        }
    }

    /// The applied commands that have to be taken back before something touches these keys: those that touch them, and
    /// those that come after one of these and share a key with it. Ascending. Cost: O(their number × their keys × log).
    pub(super) fn disturbed_by(&self, touch: &Touch) -> Vec<u64> {
        if touch.everything {
            return self.queue.iter().filter(|(_, pending)| pending.applied).map(|(order, _)| *order).collect();
        }
        let mut candidates: BTreeSet<u64> = self.everything.clone();
        let mut seen: BTreeSet<&[u8]> = BTreeSet::new();
        for key in &touch.keys {
            seen.insert(key);
            candidates.extend(self.by_key.get(key).into_iter().flatten());
        }
        let mut disturbed = Vec::new();
        while let Some(order) = candidates.pop_first() {
            let Some(pending) = self.queue.get(&order) else { continue };
            disturbed.push(order);
            match &pending.footprint {
                Footprint::Everything => candidates.extend(self.queue.range(order + 1..).map(|(order, _)| *order)),
                Footprint::Keys(keys) => {
                    for key in keys {
                        if seen.insert(key) {
                            let after = self.by_key.get(key).map(|orders| orders.range(order + 1..));
                            candidates.extend(after.into_iter().flatten());
                        }
                    }
                }
            }
        }
        disturbed
    }

    /// What a command touches.
    pub(super) fn touch_of(&self, order: u64) -> Touch {
        match self.queue.get(&order).map(|pending| &pending.footprint) {
            Some(Footprint::Keys(keys)) => Touch { keys: keys.clone(), everything: false },
            Some(Footprint::Everything) => Touch { keys: BTreeSet::new(), everything: true },
            None => Touch::default(),
        }
    }

    /// Takes the outcome of a command that is to be taken back.
    pub(super) fn take_undos(&mut self, order: u64) -> Vec<Undo> {
        let Some(pending) = self.queue.get_mut(&order).filter(|pending| pending.applied) else { return Vec::new() };
        pending.applied = false;
        let undos = core::mem::take(&mut pending.outcome.undos);
        let footprint = pending.footprint.clone();
        self.leave(order, &footprint);
        self.unapplied.insert(order);
        undos
    }

    /// The first command that isn't applied, and isn't before `from`.
    pub(super) fn next_unapplied(&self, from: u64) -> Option<u64> {
        self.unapplied.range(from..).next().copied()
    }

    /// Notes what a command did when it ran again.
    pub(super) fn set_outcome(&mut self, order: u64, outcome: Outcome) {
        let Some(pending) = self.queue.get_mut(&order) else { return };
        let was_pushed = self.pushed.is_some_and(|pushed| order <= pushed);
        let before = core::mem::replace(&mut pending.outcome, outcome);
        if was_pushed && pending.pushed_effects.is_none() && before.effects != pending.outcome.effects {
            pending.pushed_effects = Some(before.effects);
        }
        pending.applied = true;
        pending.footprint = Footprint::of(&pending.command, &pending.outcome.effects);
        let footprint = pending.footprint.clone();
        self.unapplied.remove(&order);
        self.enter(order, &footprint);
    }

    /// Whether a client has commands here.
    pub(super) fn holds(&self, client: ClientId) -> bool {
        self.ids.range((client, ClientSeq(0))..=(client, ClientSeq(u64::MAX))).next().is_some()
    }

    /// Whether keys of a command are outside of what `known` says.
    pub(super) fn reaches_beyond(&self, order: u64, known: impl Fn(&[u8]) -> bool) -> bool {
        match self.queue.get(&order).map(|pending| &pending.footprint) {
            Some(Footprint::Keys(keys)) => !keys.iter().all(|key| known(key)),
            _ => false,
        }
    }

    /// Forgets what was pushed: the connection has ended.
    pub(super) fn nothing_pushed(&mut self) {
        self.pushed = None;
        self.queue.values_mut().for_each(|pending| pending.pushed_effects = None);
    }

    /// Whether there is a command that wasn't pushed on this connection.
    pub(super) fn has_unpushed(&self) -> bool {
        self.queue.last_key_value().is_some_and(|(last, _)| self.pushed.is_none_or(|pushed| *last > pushed))
    }

    /// The next commands that weren't pushed on this connection: of one client, in a row, of about `bytes_max` bytes,
    /// and at least one.
    pub(super) fn take_unpushed(&mut self, bytes_max: usize) -> Vec<&Pending> {
        let from = self.pushed.map_or(0, |pushed| pushed + 1);
        let mut taken: Vec<&Pending> = Vec::new();
        let mut bytes = 0;
        for (order, pending) in self.queue.range(from..) {
            let follows = taken.last().is_none_or(|before| {
                before.command.client == pending.command.client && before.command.seq.next() == pending.command.seq
            });
            bytes += pending.command.bytes();
            if !follows || !taken.is_empty() && bytes > bytes_max || taken.len() >= PUSH_COMMANDS_MAX {
                break;
            }
            self.pushed = Some(*order);
            taken.push(pending);
        }
        taken
    }

    fn enter(&mut self, order: u64, footprint: &Footprint) {
        match footprint {
            Footprint::Everything => {
                self.everything.insert(order);
            }
            Footprint::Keys(keys) => {
                for key in keys {
                    match self.by_key.get_mut(key) {
                        Some(orders) => {
                            orders.insert(order);
                        }
                        None => {
                            self.by_key.insert(key.clone(), BTreeSet::from([order]));
                        }
                    }
                }
            }
        }
    }

    fn leave(&mut self, order: u64, footprint: &Footprint) {
        match footprint {
            Footprint::Everything => {
                self.everything.remove(&order);
            }
            Footprint::Keys(keys) => {
                for key in keys {
                    if let Some(orders) = self.by_key.get_mut(key) {
                        orders.remove(&order);
                        if orders.is_empty() {
                            self.by_key.remove(key);
                        }
                    }
                }
            }
        }
    }
}

impl Pending {
    /// The effects that it had when it was pushed.
    pub(super) fn effects_when_pushed(&self) -> &[u8] {
        self.pushed_effects.as_deref().unwrap_or(&self.outcome.effects)
    }
}

impl Command {
    /// The time and the seed that it runs with.
    pub(super) fn env(&self) -> Env {
        Env { now: self.now, entropy: entropy_of(self.client, self.seq) }
    }

    /// About how long it is on the wire.
    fn bytes(&self) -> usize {
        8 + self.calls.iter().flat_map(|call| &call.0).map(|word| word.len() + 5).sum::<usize>()
    }
}

impl Touch {
    /// All keys.
    pub(super) fn everything() -> Self {
        Self { keys: BTreeSet::new(), everything: true }
    }

    /// Adds the keys of a run of effects.
    pub(super) fn add_effects(&mut self, bytes: &[u8]) {
        effects(bytes).flatten().for_each(|(_, effect)| self.add(&effect));
    }

    /// Adds a key.
    pub(super) fn add_key(&mut self, key: &[u8]) {
        if !self.keys.contains(key) {
            self.keys.insert(key.into());
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
    fn of(command: &Command, done: &[u8]) -> Self {
        let mut touch = Touch::default();
        for call in &command.calls {
            let words = call.words();
            match command::find_row(&words) {
                Ok((row, _)) if !row.flags.has(Flags::ALL_KEYS) => {
                    let keys = row.key_positions(&words).filter_map(|at| words.get(at));
                    keys.for_each(|key| touch.add_key(key));
                }
                _ => return Self::Everything,
            }
        }
        command.conditions.iter().for_each(|(key, _)| touch.add_key(key));
        touch.add_effects(done);
        if touch.everything { Self::Everything } else { Self::Keys(touch.keys) }
    }
}

/// Commands in one push: an acknowledgement can't be finer.
const PUSH_COMMANDS_MAX: usize = 1024;
