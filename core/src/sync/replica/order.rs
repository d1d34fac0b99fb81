//! One order for the commands of all tabs: the leader's.
//!
//! Of each tab they are a row without a gap, in the leader's queue and in its store, because the hub accepts none. Where
//! one is missing that somebody knows to be answered, nothing stands in its place; whoever knows it better says so.

use alloc::vec::Vec;

use super::{
    Replica, SyncError,
    index::Touch,
    pending::{Command, Pending},
    store::StoredCommand,
    tabs::{MALFORMED, UNORDERED, answered, pending_item},
};
use crate::{
    format::{ClientId, ClientSeq},
    sync::planted::{self, Bug},
};

impl Replica {
    /// Takes in commands of another tab.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn handle_commands(&mut self, bytes: &[u8]) -> Result<(), SyncError> {
        let (epoch, commands): (u64, Vec<StoredCommand>) = postcard::from_bytes(bytes).map_err(|_| MALFORMED)?;
        // What was meant for another leader comes once more, and with what came before it.
        if !self.is_leading() || epoch != self.tabs.epoch {
            return Ok(());
        }
        for stored in commands {
            let (client, seq) = (stored.client, stored.seq);
            if seq <= self.newest_of(client) {
                self.hear_again(stored);
                continue;
            }
            // The tab knows that those before it were answered, which this one may not have heard.
            let from = self.next_order;
            if self.close_gap(client, seq, stored.now) {
                self.hold(stored);
            }
            if self.is_telling() {
                self.tabs.items.extend(self.pending.commands_from(from).map(pending_item));
            }
        }
        Ok(())
    }

    /// Takes in a command of another tab that is pending here or was answered.
    pub(super) fn hear_again(&mut self, stored: StoredCommand) {
        let (client, seq) = (stored.client, stored.seq);
        match self.pending.find(client, seq) {
            None if self.is_telling() => self.tabs.items.push(answered(client, seq, None, &[])),
            // Nothing stood in its place, because whoever brought what comes after it knew that it was answered.
            Some(order)
                if !stored.is_nothing() && self.pending.get(order).is_some_and(|own| own.command.is_nothing()) =>
            {
                let command = stored.into_command(order);
                self.tell_pending(&command);
                self.replace(Some(order), command);
                self.store.note_answered(order);
            }
            _ => {}
        }
    }

    /// Takes in the place of a command in the leader's order, and what the leader knows of it.
    pub(super) fn put_in_order(&mut self, stored: StoredCommand) -> Result<(), SyncError> {
        let order = stored.order;
        let is_it = |pending: &Pending| pending.command.client == stored.client && pending.command.seq == stored.seq;
        if order >= UNORDERED || self.pending.get(order).is_some_and(|pending| !is_it(pending)) {
            return Err(SyncError::Unexpected("a command in a place that isn't free"));
        }
        self.meet_client(stored.client, stored.seq);
        let at = self.pending.find(stored.client, stored.seq);
        let is_same = |pending: &Pending| pending.command.is_nothing() == stored.is_nothing();
        if let Some(own) = at.and_then(|at| self.pending.get(at)).filter(|_| stored.is_nothing()) {
            let own = StoredCommand::from(&own.command);
            self.know_better(own);
        } else {
            self.forget_better(stored.client, stored.seq);
        }
        match at.filter(|at| self.pending.get(*at).is_some_and(is_same)) {
            Some(at) if self.pending.first_from(order) == Some(at) => self.pending.renumber(at, order),
            _ => self.replace(at, stored.into_command(order)),
        }
        Ok(())
    }

    /// Takes in that this is what the leader has nothing in the place of: it is to be told.
    fn know_better(&mut self, stored: StoredCommand) {
        if !stored.is_nothing() {
            self.forget_better(stored.client, stored.seq);
            self.tabs.better.push((stored, false));
        }
    }

    /// Takes in that the leader knows a command, or that it was answered.
    fn forget_better(&mut self, client: ClientId, seq: ClientSeq) {
        self.tabs.better.retain(|(stored, _)| stored.client != client || stored.seq != seq);
    }

    /// The commands that the leader is to be told of because it has nothing in their place.
    pub(super) fn take_better(&mut self) -> Option<Vec<StoredCommand>> {
        let untold = self.tabs.better.iter_mut().filter(|(_, was_told)| !was_told);
        let taken: Vec<StoredCommand> = untold
            .map(|(stored, was_told)| {
                *was_told = true;
                stored.clone()
            })
            .collect();
        (!taken.is_empty()).then_some(taken)
    }

    /// Puts a command in its place, and what stood for it elsewhere out of its own.
    fn replace(&mut self, at: Option<u64>, command: Command) {
        let mut told = None;
        if let Some(at) = at {
            self.take_back(&self.pending.touch_of(at));
            told = self.pending.remove(at).and_then(|before| before.told);
        }
        if self.pending.first_from(command.order).is_some() {
            self.take_back(&Touch::of(&command));
        }
        self.pending.push(command, told, None);
    }

    /// Adds what was pending before, but for what is known to be answered.
    pub(super) fn keep_unanswered(&mut self, before: Vec<Pending>) {
        for mut pending in before {
            let Command { client, seq, .. } = pending.command;
            if let Some(order) = self.pending.find(client, seq) {
                if self.pending.get(order).is_some_and(|other| other.command.is_nothing()) {
                    self.know_better((&pending.command).into());
                }
                self.pending.set_told(order, pending.told);
            } else if seq <= self.answered(client) {
                self.acknowledge(pending, None);
            } else if !planted::has(Bug::ForgottenFollower) {
                if !self.close_gap(client, seq, pending.command.now) {
                    continue;
                }
                pending.command.order = self.next_order;
                self.next_order += 1;
                self.pending.push(pending.command, pending.told, None);
            }
        }
    }

    /// Makes the order its own: behind it comes what nobody has put in order, then what the former leader stored and
    /// nobody here knows of.
    pub(super) fn take_over(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) {
        self.take_back(&Touch::everything());
        let ordered = self.pending.iter().map(|pending| pending.command.order).filter(|order| *order < UNORDERED);
        let first = ordered.max().map_or(0, |last| last + 1);
        self.next_order = first;
        while let Some(order) = self.pending.first_from(UNORDERED) {
            self.pending.renumber(order, self.next_order);
            self.next_order += 1;
        }
        // Later ones of the same tabs may be among what was stored.
        self.salvage(pairs);
        self.tabs.items.extend(self.pending.commands_from(first).map(pending_item));
        self.pending.nothing_pushed(0);
        // The former leader may have pushed whatever there was.
        self.pushed_through = ClientSeq(self.next_seq.0.saturating_sub(1));
        self.store.start();
    }
}
