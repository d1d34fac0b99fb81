//! Rebase: the hub's word first, then the replica's own commands again.
//!
//! What arrives as predicted needs no undo: the command is dropped and the data stays as it is. What touches no key of
//! a pending command is applied beneath them without disturbing them. Only otherwise everything pending is taken back,
//! what arrived is applied, and the rest runs again, once for a whole batch.

use alloc::vec::Vec;

use super::{
    Replica, SyncError,
    events::Event,
    pending::{Outcome, Pending},
};
use crate::{
    format::{ClientId, ClientSeq, effects},
    sync::{
        history::ResumeToken,
        message::{Batch, Item, Welcome},
    },
};

impl Replica {
    /// Takes in a batch as one step.
    pub(super) fn rebase(&mut self, batch: &Batch<'_>) -> Result<(), SyncError> {
        if batch.through < self.seq() {
            return Err(SyncError::Unexpected("a batch that goes back"));
        }
        // All or nothing: a batch that can't be read must change nothing.
        for item in &batch.items {
            for effect in effects(&item.effects) {
                let (db, effect) = effect.map_err(|_| SyncError::Malformed("effects that can't be read"))?;
                if db != self.db || !self.interest.concerns(&effect) {
                    return Err(SyncError::Unexpected("an effect outside this replica's interest"));
                }
            }
            if let Some((index, _)) = item.origin
                && self.clients.get(index as usize).is_none()
            {
                return Err(SyncError::Unexpected("an answer to somebody else"));
            }
        }
        let mut rolled_back = false;
        let mut confirmed = Vec::new();
        for item in &batch.items {
            self.take_item(item, &mut rolled_back);
            confirmed.extend_from_slice(&item.effects);
        }
        if rolled_back {
            self.redo();
        }
        if let Some(token) = &mut self.token {
            token.seq = batch.through;
        }
        self.store.put_confirmed(&confirmed, self.token);
        Ok(())
    }

    fn take_item(&mut self, item: &Item<'_>, rolled_back: &mut bool) {
        let own = self.own_command(item);
        let as_predicted = own && self.pending.front().is_some_and(|front| *front.outcome.effects == *item.effects);
        if !(*rolled_back || own && as_predicted) {
            let disturbs =
                own || effects(&item.effects).flatten().any(|(_, effect)| self.pending.conflicts_with(&effect));
            if disturbs {
                self.roll_back();
                *rolled_back = true;
            }
        }
        if *rolled_back || !own || !as_predicted {
            for (db, effect) in effects(&item.effects).flatten() {
                self.engine.apply(db, &effect);
            }
        }
        if own && let Some(pending) = self.pending.pop_front() {
            self.store.delete_pending(&pending.command);
            self.acknowledge(pending, item);
        }
    }

    /// Whether an item answers the oldest pending command.
    fn own_command(&self, item: &Item<'_>) -> bool {
        let origin = item.origin.and_then(|(index, seq)| Some((self.clients.get(index as usize)?.0, seq)));
        let front = self.pending.front().map(|front| (front.command.client, front.command.seq));
        origin.is_some() && origin == front
    }

    fn acknowledge(&mut self, pending: Pending, item: &Item<'_>) {
        let seq = pending.command.seq;
        self.note_acknowledged(pending.command.client, seq);
        if pending.command.client != self.client {
            // A command of an earlier run: nobody waits for it.
            return;
        }
        let reply = item.reply.as_deref();
        self.events.push_back(match (reply, pending.told) {
            (Some(reply), Some(told)) if *reply != *told => match reply.first() {
                Some(b'-') => Event::Refused { seq, reply: reply.to_vec() },
                _ => Event::Corrected { seq, reply: reply.to_vec() },
            },
            _ => Event::Acknowledged(seq),
        });
    }

    fn note_acknowledged(&mut self, client: ClientId, seq: ClientSeq) {
        if let Some((_, acknowledged)) = self.clients.iter_mut().find(|(other, _)| *other == client) {
            *acknowledged = seq.max(*acknowledged);
        }
    }

    /// Takes back all pending commands, the newest first. To be followed by [`Replica::redo`].
    pub(super) fn roll_back(&mut self) {
        let engine = &mut self.engine;
        for pending in self.pending.iter_mut().rev() {
            engine.undo_all(core::mem::take(&mut pending.outcome.undos));
        }
    }

    /// Runs all pending commands again.
    pub(super) fn redo(&mut self) {
        let mut queue = core::mem::take(&mut self.pending);
        for pending in queue.iter_mut() {
            pending.outcome = self.run_again(&pending.command);
        }
        self.pending = queue;
    }

    /// Runs a command with the time and the seed that it first ran with.
    pub(super) fn run_again(&mut self, command: &super::pending::Command) -> Outcome {
        self.reruns += 1;
        let mut scratch = Vec::new();
        // The user may be in the middle of a transaction of their own.
        let open = self.engine.session_mut(self.session).transaction.take();
        let outcome = match command.calls.as_slice() {
            [call] => self.run_recorded(command.env, &call.words(), &mut scratch),
            calls => {
                self.engine.execute(command.env, self.session, &[b"MULTI"], &mut scratch);
                for call in calls {
                    self.engine.execute(command.env, self.session, &call.words(), &mut scratch);
                }
                self.run_recorded(command.env, &[b"EXEC"], &mut scratch)
            }
        };
        self.engine.session_mut(self.session).transaction = open;
        outcome
    }

    /// Replaces the data by a snapshot, as one step.
    pub(super) fn install_snapshot(&mut self, welcome: &Welcome, chunks: Vec<Vec<u8>>) -> Result<(), SyncError> {
        for chunk in &chunks {
            for effect in effects(chunk) {
                let (db, effect) = effect.map_err(|_| SyncError::Malformed("a chunk that can't be read"))?;
                if db != self.db || !self.interest.concerns(&effect) {
                    return Err(SyncError::Unexpected("a key outside this replica's interest"));
                }
            }
        }
        self.roll_back();
        self.clear_data();
        for chunk in &chunks {
            for (db, effect) in effects(chunk).flatten() {
                self.engine.apply(db, &effect);
            }
        }
        self.drop_answered(welcome);
        self.redo();
        self.token = Some(ResumeToken { log: welcome.log, seq: welcome.seq });
        self.store.put_base(chunks, self.token, &self.globs);
        self.events.push_back(Event::Resynced);
        Ok(())
    }

    /// Drops the pending commands whose effects are in the snapshot.
    fn drop_answered(&mut self, welcome: &Welcome) {
        let answered: Vec<(ClientId, ClientSeq)> =
            self.clients.iter().map(|(client, _)| *client).zip(welcome.pushed.iter().copied()).collect();
        while let Some(front) = self.pending.front() {
            let (client, seq) = (front.command.client, front.command.seq);
            if !answered.iter().any(|(other, pushed)| *other == client && seq <= *pushed) {
                break;
            }
            self.note_acknowledged(client, seq);
            if let Some(pending) = self.pending.pop_front() {
                self.store.delete_pending(&pending.command);
            }
            if client == self.client {
                self.events.push_back(Event::Acknowledged(seq));
            }
        }
    }

    /// Empties the database that the replica mirrors.
    pub(super) fn clear_data(&mut self) {
        use crate::effect::{Change, Effect};
        self.engine.apply(self.db, &Effect::new(b"", Change::Flush));
    }
}
