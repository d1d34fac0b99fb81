//! The commands that the hub hasn't answered yet, and which keys they touch.
//!
//! Commands stand in the order in which they run on top of what is confirmed. An index from keys to commands finds those
//! that something foreign disturbs, so that a rebase costs as much as there is to disturb, not as much as is pending.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use super::{
    index::{Footprint, Index, Touch},
    orders::Orders,
};
use crate::{
    effect::Undo,
    env::{Env, UnixMillis},
    format::{ClientId, ClientSeq},
    order,
    session::Queued,
    sync::{
        guess::entropy_of,
        planted::{self, Bug},
    },
};

/// A command, or a transaction of several calls, as it is pushed and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) client: ClientId,
    pub(super) seq: ClientSeq,
    /// The time at which it first ran; it runs again with the same.
    pub(super) now: UnixMillis,
    pub(super) calls: Vec<Queued>,
    /// Whether it is a transaction. One without calls stands where a command was that was too long to be pushed.
    pub(super) transaction: bool,
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
    /// Why it was given up here, if it was: what its caller is told instead of the server's answer.
    pub(super) refusal: Option<Vec<u8>>,
    /// The effects that it had when it was pushed, if it has others now.
    pub(super) pushed_effects: Option<Box<[u8]>>,
    /// Its outcome is part of what is shown.
    pub(super) applied: bool,
    footprint: Footprint,
    /// The search that found it last.
    found: u64,
}

/// Pending commands in the order in which they run.
#[derive(Debug, Default)]
pub(super) struct PendingQueue {
    /// Ascending by their order.
    queue: VecDeque<Pending>,
    /// The applied commands that touch each key.
    index: Index,
    /// From here on there may be commands that aren't applied.
    unapplied_from: u64,
    /// The last that was pushed on this connection.
    pushed: Option<u64>,
}

impl PendingQueue {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a command behind all others.
    pub(super) fn push(&mut self, command: Command, told: Option<Box<[u8]>>, outcome: Option<Outcome>) {
        let order = command.order;
        let applied = outcome.is_some();
        let outcome = outcome.unwrap_or_default();
        let footprint = Footprint::of(&command, &outcome.effects);
        match applied {
            true => self.index.enter(order, &footprint),
            false => self.unapplied_from = self.unapplied_from.min(order),
        }
        let pending =
            Pending { command, told, outcome, refusal: None, pushed_effects: None, applied, footprint, found: 0 };
        if self.queue.back().is_none_or(|last| last.command.order < order) {
            return self.queue.push_back(pending);
        }
        let place = self.queue.partition_point(|other| other.command.order < order);
        self.queue.insert(place, pending);
    }

    /// Removes all of them.
    pub(super) fn take_all(&mut self) -> Vec<Pending> {
        core::mem::take(self).queue.into()
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.queue.iter()
    }

    /// The first command from a place on.
    pub(super) fn first_from(&self, order: u64) -> Option<u64> {
        self.from(order).next().map(|pending| pending.command.order)
    }

    /// Gives a command another number, between the same neighbours.
    pub(super) fn renumber(&mut self, from: u64, to: u64) {
        let Some(pending) = self.get_mut(from) else { return };
        pending.command.order = to;
        if pending.applied {
            let footprint = pending.footprint.clone();
            self.index.leave(from, &footprint, false);
            self.index.enter(to, &footprint);
        } else {
            self.unapplied_from = self.unapplied_from.min(to);
        }
    }

    /// Sets what the caller of a command was told.
    pub(super) fn set_told(&mut self, order: u64, told: Option<Box<[u8]>>) {
        if let Some(pending) = self.get_mut(order) {
            pending.told = told;
        }
    }

    pub(super) fn get(&self, order: u64) -> Option<&Pending> {
        self.queue.get(self.place(order)?)
    }

    /// The place of a client's command. Cost: O(1) for the oldest.
    pub(super) fn find(&self, client: ClientId, seq: ClientSeq) -> Option<u64> {
        let is_it = |pending: &&Pending| pending.command.client == client && pending.command.seq == seq;
        self.queue.iter().find(is_it).map(|pending| pending.command.order)
    }

    /// The oldest of a client's commands, if it isn't after `through`.
    pub(super) fn first_of(&self, client: ClientId, through: ClientSeq) -> Option<u64> {
        let first = self.queue.iter().find(|pending| pending.command.client == client)?;
        (first.command.seq <= through).then_some(first.command.order)
    }

    /// The number of a client's newest command. Cost: O(1) if it is the newest of all.
    pub(super) fn last_of(&self, client: ClientId) -> Option<ClientSeq> {
        self.queue.iter().rev().find(|pending| pending.command.client == client).map(|pending| pending.command.seq)
    }

    /// The commands from a place on.
    pub(super) fn commands_from(&self, order: u64) -> impl Iterator<Item = &Command> {
        self.from(order).map(|pending| &pending.command)
    }

    /// Removes a command. Cost: O(1) for the oldest.
    pub(super) fn remove(&mut self, order: u64) -> Option<Pending> {
        let pending = self.queue.remove(self.place(order)?)?;
        self.index.leave(order, &pending.footprint, true);
        debug_assert!(!self.queue.is_empty() || self.index.is_empty(), "keys that nothing pending touches");
        Some(pending)
    }

    /// Where a command stands. Cost: O(1), unless one from the middle is gone.
    fn place(&self, order: u64) -> Option<usize> {
        let is_it = |pending: &Pending| pending.command.order == order;
        let first = self.queue.front()?.command.order;
        // Where addresses have 32 bits, an order of a tab's own may be further away than any place.
        let near = usize::try_from(order.checked_sub(first)?).ok();
        if near.is_some_and(|near| self.queue.get(near).is_some_and(is_it)) {
            return near;
        }
        self.queue.binary_search_by_key(&order, |pending| pending.command.order).ok()
    }

    fn get_mut(&mut self, order: u64) -> Option<&mut Pending> {
        let place = self.place(order)?;
        self.queue.get_mut(place)
    }

    fn from(&self, order: u64) -> impl Iterator<Item = &Pending> {
        let behind = || self.queue.partition_point(|pending| pending.command.order < order);
        let place = self.place(order).unwrap_or_else(behind);
        self.queue.range(place.min(self.queue.len())..)
    }

    /// Whether a command is applied, and none before it touches a key that it touches: then it may be confirmed as it
    /// stands. (What isn't applied has taken back with it all that came later and shared a key.)
    pub(super) fn stands_first(&self, order: u64) -> bool {
        let Some(pending) = self.get(order).filter(|pending| pending.applied) else { return false };
        if self.index.everything().first().is_some_and(|first| first < order) {
            return false;
        }
        match &pending.footprint {
            Footprint::Everything => self.queue.front().is_some_and(|first| first.command.order == order),
            Footprint::Keys(keys) => {
                keys.iter().all(|key| self.index.sharing(key).and_then(Orders::first).is_some_and(|at| at == order))
            }
        }
    }

    /// The applied commands from a place on that have to be taken back before something touches these keys: those that
    /// touch them, and those that come after one of these and share a key with it. Ascending. Cost: O(their number × their
    /// keys × log).
    pub(super) fn disturbed_by(&mut self, touch: &Touch, from: u64) -> Vec<u64> {
        if touch.everything {
            let applied = self.from(from).filter(|pending| pending.applied);
            return applied.map(|pending| pending.command.order).collect();
        }
        let search = self.index.begin_search();
        let mut found: Vec<u64> = self.index.everything().iter().filter(|order| *order >= from).collect();
        touch.keys.iter().for_each(|key| self.index.search(key, from, &mut found));
        let mut disturbed: Vec<u64> = Vec::with_capacity(found.len());
        let mut all_after = u64::MAX;
        while let Some(order) = found.pop() {
            let Some(at) = self.place(order) else { continue };
            let Some(pending) = self.queue.get_mut(at).filter(|pending| pending.found != search) else { continue };
            pending.found = search;
            disturbed.push(order);
            match &pending.footprint {
                Footprint::Everything if order < all_after => {
                    let after = self.queue.range(at..).take_while(|pending| pending.command.order <= all_after);
                    found.extend(after.filter(|pending| pending.applied).map(|pending| pending.command.order));
                    all_after = order;
                }
                Footprint::Everything => {}
                Footprint::Keys(keys) => keys.iter().for_each(|key| self.index.search(key, order, &mut found)),
            }
        }
        self.put_in_order(&mut disturbed, search);
        disturbed
    }

    /// Whether an applied command comes after this one that shares a key with it. Cost: O(its keys).
    pub(super) fn is_overtaken(&self, order: u64) -> bool {
        let is_later = |orders: &Orders| orders.last().is_some_and(|last| last > order);
        is_later(self.index.everything())
            || match self.get(order).map(|pending| &pending.footprint) {
                Some(Footprint::Keys(keys)) => keys.iter().any(|key| self.index.sharing(key).is_some_and(is_later)),
                Some(Footprint::Everything) => self.from(order + 1).any(|pending| pending.applied),
                None => false,
            }
    }

    /// Puts the commands that a search found in their order.
    fn put_in_order(&self, found: &mut Vec<u64>, search: u64) {
        let (Some(first), Some(last)) = (found.iter().min().copied(), found.iter().max().copied()) else { return };
        if (last - first) / FEW_BETWEEN > found.len() as u64 {
            return order::sort(found);
        }
        found.clear();
        let all = self.from(first).take_while(|pending| pending.command.order <= last);
        found.extend(all.filter(|pending| pending.found == search).map(|pending| pending.command.order));
    }

    /// What a command touches.
    pub(super) fn touch_of(&self, order: u64) -> Touch {
        self.get(order).map(|pending| pending.footprint.touch()).unwrap_or_default()
    }

    /// Takes the outcome of a command that is to be taken back.
    pub(super) fn take_undos(&mut self, order: u64) -> Vec<Undo> {
        let Some(at) = self.place(order) else { return Vec::new() };
        let Some(pending) = self.queue.get_mut(at).filter(|pending| pending.applied) else { return Vec::new() };
        pending.applied = false;
        // It mostly enters again under the same keys.
        self.index.leave(order, &pending.footprint, false);
        self.unapplied_from = self.unapplied_from.min(order);
        core::mem::take(&mut pending.outcome.undos)
    }

    /// The first command from `from` on that isn't applied. Cost: O(1) if all are.
    pub(super) fn next_unapplied(&self, from: u64) -> Option<u64> {
        if self.unapplied_from == u64::MAX {
            return None;
        }
        let from = from.max(self.unapplied_from);
        self.from(from).find(|pending| !pending.applied).map(|pending| pending.command.order)
    }

    /// Lends a command that is to run again, until [`PendingQueue::set_outcome`] brings it back.
    pub(super) fn lend(&mut self, order: u64) -> Option<Command> {
        let command = &mut self.get_mut(order)?.command;
        let (calls, conditions) = (core::mem::take(&mut command.calls), core::mem::take(&mut command.conditions));
        Some(Command { calls, conditions, ..*command })
    }

    /// Notes that all was run again that can be.
    pub(super) fn all_applied(&mut self) {
        self.unapplied_from = u64::MAX;
    }

    /// Lets what couldn't be run again be tried again.
    pub(super) fn try_all_again(&mut self) {
        self.unapplied_from = 0;
    }

    /// Takes a lent command back, and notes what it did when it ran again.
    ///
    /// `reply` is what a command replied for whose reply nobody waits: with it, the hub can be told what to expect.
    pub(super) fn set_outcome(&mut self, command: Command, outcome: Outcome, reply: Option<Box<[u8]>>) {
        let order = command.order;
        let was_pushed = self.pushed.is_some_and(|pushed| order <= pushed);
        let Some(at) = self.place(order) else { return };
        let Some(pending) = self.queue.get_mut(at) else { return };
        if let Some(reply) = reply.filter(|_| !was_pushed) {
            pending.told = Some(reply);
        }
        let before = core::mem::replace(&mut pending.outcome, outcome);
        let is_same = before.effects == pending.outcome.effects;
        if was_pushed && pending.pushed_effects.is_none() && !is_same {
            pending.pushed_effects = Some(before.effects);
        }
        (pending.command, pending.applied) = (command, true);
        // To be taken back for the sake of a key that it touched once does no harm.
        if !is_same && !pending.footprint.covers(&pending.outcome.effects) {
            let footprint = Footprint::of(&pending.command, &pending.outcome.effects);
            let before = core::mem::replace(&mut pending.footprint, footprint);
            self.index.leave(order, &before, true);
        }
        self.index.enter(order, &pending.footprint);
    }

    /// Whether a command rests on a key's value.
    pub(super) fn needs(&self, key: &[u8]) -> bool {
        let waits = |pending: &Pending| match &pending.footprint {
            Footprint::Keys(_) => !pending.applied && pending.footprint.names(key),
            Footprint::Everything => true,
        };
        !self.index.everything().is_empty()
            || self.touching(key).next().is_some()
            || self.from(self.unapplied_from).any(waits)
    }

    /// The applied commands that touch a key by its name, ascending.
    pub(super) fn touching(&self, key: &[u8]) -> impl Iterator<Item = u64> {
        let touches = |order: &u64| self.get(*order).is_some_and(|pending| pending.footprint.names(key));
        self.index.sharing(key).into_iter().flat_map(Orders::iter).filter(touches)
    }

    /// The keys that commands touch by their names, ascending.
    pub(super) fn keys(&self) -> Vec<Box<[u8]>> {
        let mut keys = Vec::new();
        for pending in &self.queue {
            if let Footprint::Keys(own) = &pending.footprint {
                keys.extend(own.iter().cloned());
            }
        }
        order::sort(&mut keys);
        keys.dedup();
        keys
    }

    /// Whether a client has commands here.
    pub(super) fn holds(&self, client: ClientId) -> bool {
        self.queue.iter().any(|pending| pending.command.client == client)
    }

    /// Forgets what was pushed: the connection has ended. Only commands from a place on are to be pushed on the next.
    pub(super) fn nothing_pushed(&mut self, from: u64) {
        if !planted::has(Bug::ForgottenPush) {
            self.pushed = from.checked_sub(1);
        }
        self.queue.iter_mut().for_each(|pending| pending.pushed_effects = None);
    }

    /// Whether there is a command that wasn't pushed on this connection.
    pub(super) fn has_unpushed(&self) -> bool {
        self.queue.back().is_some_and(|last| self.pushed.is_none_or(|pushed| last.command.order > pushed))
    }

    /// The commands that weren't pushed on this connection.
    pub(super) fn unpushed(&self) -> impl Iterator<Item = &Pending> {
        self.from(self.pushed.map_or(0, |pushed| pushed + 1))
    }

    /// The oldest command.
    pub(super) fn first(&self) -> Option<&Pending> {
        self.queue.front()
    }

    /// Lets nothing take the place of a command that was taken back, so that the numbers leave no gap. Returns what is
    /// left of it.
    pub(super) fn give_up(&mut self, order: u64, refusal: Vec<u8>) -> Option<Command> {
        let pending = self.get_mut(order).filter(|pending| !pending.applied)?;
        let command = &mut pending.command;
        (command.calls, command.conditions, command.transaction) = (Vec::new(), Vec::new(), true);
        pending.told = Some(NOTHING_DONE.into());
        pending.refusal = Some(refusal);
        Some(command.clone())
    }

    /// The next commands that weren't pushed on this connection: of one client, in a row, of `bytes_max` bytes together
    /// as they are pushed, and at least one.
    pub(super) fn take_unpushed(&mut self, bytes_max: usize) -> Vec<&Pending> {
        let from = self.pushed.map_or(0, |pushed| pushed + 1);
        let mut pushed = self.pushed;
        let mut taken: Vec<&Pending> = Vec::new();
        let mut bytes = 0;
        let place = self.queue.partition_point(|pending| pending.command.order < from);
        for pending in self.queue.range(place.min(self.queue.len())..) {
            let follows = taken.last().is_none_or(|before| {
                before.command.client == pending.command.client && before.command.seq.next() == pending.command.seq
            });
            bytes += pending.command.bytes();
            if !follows || !taken.is_empty() && bytes > bytes_max || taken.len() >= PUSH_COMMANDS_MAX {
                break;
            }
            pushed = Some(pending.command.order);
            taken.push(pending);
        }
        self.pushed = pushed;
        taken
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

    /// Whether it does nothing: it stands where another was.
    pub(super) fn is_nothing(&self) -> bool {
        self.transaction && self.calls.is_empty()
    }

    /// How long it is on the wire at most.
    pub(super) fn bytes(&self) -> usize {
        let of_call = |call: &Queued| COUNT_BYTES + call.0.iter().map(|word| COUNT_BYTES + word.len()).sum::<usize>();
        let of_condition = |(key, _): &(Box<[u8]>, u64)| COUNT_BYTES + key.len() + 2 * COUNT_BYTES;
        let calls = self.calls.iter().map(of_call).sum::<usize>();
        2 * COUNT_BYTES + 1 + calls + self.conditions.iter().map(of_condition).sum::<usize>()
    }
}

/// What a length or a count takes at most: five times seven bits. Twice that holds any number.
const COUNT_BYTES: usize = 5;

/// The reply to a transaction without calls.
const NOTHING_DONE: &[u8] = b"*0\r\n";

/// Commands in one push: an acknowledgement can't be finer.
const PUSH_COMMANDS_MAX: usize = 1024;

/// Commands in a row are looked at one by one if at least one in so many is wanted; otherwise those that are are sorted.
const FEW_BETWEEN: u64 = 8;
