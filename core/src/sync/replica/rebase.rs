//! Rebase: the hub's word first, then the replica's own commands again.
//!
//! What arrives as predicted needs no undo: the command is dropped and the data stays as it is. What touches no key of
//! a pending command is applied beneath them without disturbing them. Otherwise those that it disturbs are taken back,
//! newest first, and stay so until somebody looks: a stream of foreign effects that nobody looks at in between costs
//! each pending command one turn.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Replica, SyncError,
    events::Event,
    index::Touch,
    pending::{Command, Outcome, Pending},
};
use crate::{
    effect::{Change, Effect, Removal},
    format::{ClientId, ClientSeq, effects},
    resp::{Protocol, Reply},
    sync::{
        message::{Batch, Item},
        planted::{self, Bug},
    },
};

impl Replica {
    /// Brings what is shown up to date: runs again what was taken back. To be called before anything is shown.
    pub fn settle(&mut self) {
        let mut from = 0;
        while let Some(order) = self.pending.next_unapplied(from) {
            from = order + 1;
            // A command on keys that aren't known any more is the server's alone.
            if !self.pending.get(order).is_some_and(|pending| self.knows_enough_for(&pending.command)) {
                continue;
            }
            // Some of it wasn't known when later ones ran.
            if self.pending.is_overtaken(order) {
                let touch = self.pending.touch_of(order);
                self.take_back_from(&touch, from);
            }
            let Some(command) = self.pending.lend(order) else { return };
            let (outcome, reply) = match planted::has(Bug::ForgottenRedo) {
                true => (Outcome::default(), Vec::new()),
                false => self.run_again(&command),
            };
            let reply = (command.client != self.client).then(|| reply.into_boxed_slice());
            self.pending.set_outcome(command, outcome, reply);
        }
        self.pending.all_applied();
    }

    /// Checks that a batch says nothing that it mustn't.
    pub(super) fn check_batch(&self, batch: &Batch<'_>) -> Result<(), SyncError> {
        for item in &batch.items {
            match item {
                Item::Foreign(bytes) | Item::Loading(bytes) => self.check_effects(bytes)?,
                Item::Own { client, seq, effects, .. } => {
                    self.check_answer(*client, *seq)?;
                    self.check_effects(effects)?;
                }
                Item::AsGuessed { client, through } => self.check_answer(*client, *through)?,
            }
        }
        Ok(())
    }

    pub(super) fn check_effects(&self, bytes: &[u8]) -> Result<(), SyncError> {
        for effect in effects(bytes) {
            let (db, effect) = effect.map_err(|_| SyncError::Malformed("effects that can't be read"))?;
            if db != self.db || !self.wants(&effect) {
                return Err(SyncError::Unexpected("an effect outside this replica's interest"));
            }
        }
        Ok(())
    }

    /// Checks that an answer is to something that was pushed. An earlier run may have pushed all that it left behind, and
    /// more that it had no time to store; this run knows how far it has come.
    pub(super) fn check_answer(&self, index: u32, seq: ClientSeq) -> Result<(), SyncError> {
        match index as usize {
            0 if seq > self.pushed_through => Err(SyncError::Unexpected("an answer to what wasn't pushed")),
            index if index >= self.named.len() => Err(SyncError::Unexpected("an answer to somebody else")),
            _ => Ok(()),
        }
    }

    /// Takes in a checked batch.
    pub(super) fn take_batch(&mut self, batch: &Batch<'_>) {
        for item in &batch.items {
            match item {
                Item::Foreign(bytes) => self.take_foreign(bytes, false),
                Item::Loading(bytes) => self.take_loading(bytes),
                Item::Own { client, seq, reply, effects } => self.take_own(*client, *seq, reply.as_deref(), effects),
                Item::AsGuessed { client, through } => self.take_guessed(*client, *through),
            }
        }
        self.arrive(batch.through);
    }

    /// Takes in what others did; if it `was_asked_for`, whether or not there is room for keys that weren't known.
    pub(super) fn take_foreign(&mut self, bytes: &[u8], was_asked_for: bool) {
        if !self.pending.is_empty() {
            let mut touch = Touch::default();
            touch.add_effects(bytes);
            self.take_back(&touch);
        }
        self.confirm(bytes, was_asked_for);
    }

    fn take_own(&mut self, client: u32, seq: ClientSeq, reply: Option<&[u8]>, bytes: &[u8]) {
        let Some(client) = self.named.get(client as usize).copied() else { return };
        self.take_answer_to(client, seq, reply, bytes);
    }

    /// Takes in what became of a command, pending here or not.
    pub(super) fn take_answer_to(&mut self, client: ClientId, seq: ClientSeq, reply: Option<&[u8]>, bytes: &[u8]) {
        // Those before it took effect earlier, and came as somebody else's if the connection didn't know of them then.
        self.drop_answered(client, ClientSeq(seq.0.saturating_sub(1)));
        match self.pending.find(client, seq) {
            Some(order) => self.take_answer(order, reply, bytes),
            None => {
                self.take_foreign(bytes, false);
                self.know_client(client, seq);
            }
        }
    }

    /// Takes in what became of a pending command, and who is told what the hub replied.
    pub(super) fn take_answer(&mut self, order: u64, reply: Option<&[u8]>, bytes: &[u8]) {
        self.confirm_own(order, bytes);
        if let Some(pending) = self.pending.remove(order) {
            self.tell_answered(&pending.command, pending.refusal.as_deref().or(reply), bytes);
            self.acknowledge(pending, reply);
        }
    }

    fn take_guessed(&mut self, client: u32, through: ClientSeq) {
        let Some(client) = self.named.get(client as usize).copied() else { return };
        while let Some(order) = self.pending.first_of(client, through) {
            let Some(own) = self.pending.get(order) else { return };
            let (effects, reply): (Box<[u8]>, _) = (own.effects_when_pushed().into(), own.told.clone());
            self.take_answer(order, reply.as_deref(), &effects);
        }
    }

    /// Makes the effects of a pending command confirmed ones. The command is to be removed then.
    fn confirm_own(&mut self, order: u64, bytes: &[u8]) {
        let as_it_stands = self.pending.stands_first(order)
            && self.pending.get(order).is_some_and(|pending| *pending.outcome.effects == *bytes);
        if as_it_stands {
            if !self.holes.is_empty() {
                // Others that touch the key hide what is confirmed of it: it may not be there.
                effects(bytes).flatten().for_each(|(_, effect)| {
                    let is_hidden = self.pending.touching(&effect.key).nth(1).is_some();
                    self.note_known(&effect, is_hidden);
                });
            }
            self.store.put_confirmed(bytes);
            return;
        }
        let mut touch = self.pending.touch_of(order);
        touch.add_effects(bytes);
        self.take_back(&touch);
        self.apply_confirmed(bytes, true);
    }

    /// Applies confirmed effects, and has them stored and told. What they touch was taken back before. What isn't known
    /// stays so, unless an effect says all of a value, and there is room or it `was_asked_for`.
    pub(super) fn confirm(&mut self, bytes: &[u8], was_asked_for: bool) {
        self.tell_confirmed(bytes);
        self.apply_confirmed(bytes, was_asked_for);
    }

    fn apply_confirmed(&mut self, bytes: &[u8], was_asked_for: bool) {
        let wants_all = || effects(bytes).flatten().all(|(_, effect)| self.wants(&effect));
        if self.holes.is_empty() && (self.known.is_everything() || wants_all()) {
            effects(bytes).flatten().for_each(|(db, effect)| {
                self.engine.apply(db, &effect);
            });
            self.store.put_confirmed(bytes);
            return;
        }
        let mut confirmed = Vec::new();
        for (db, effect) in effects(bytes).flatten() {
            if self.wants(&effect) && self.is_good(&effect, was_asked_for) {
                self.engine.apply(db, &effect);
                self.note_known(&effect, false);
                effect.encode(db, &mut confirmed);
            }
        }
        self.store.put_confirmed(&confirmed);
    }

    /// Takes back what is disturbed by something that touches these keys, the newest first.
    pub(super) fn take_back(&mut self, touch: &Touch) {
        self.take_back_from(touch, 0);
    }

    /// Takes back what is disturbed among the commands from a place on.
    fn take_back_from(&mut self, touch: &Touch, from: u64) {
        let disturbed = self.pending.disturbed_by(touch, from);
        self.taken_back += disturbed.len() as u64;
        for order in disturbed.into_iter().rev() {
            let mut undos = self.pending.take_undos(order);
            if planted::has(Bug::DroppedUndo) && undos.len() > 1 {
                undos.pop();
            }
            self.engine.undo_all(undos);
        }
    }

    pub(super) fn acknowledge(&mut self, pending: Pending, reply: Option<&[u8]>) {
        let Command { client, seq, ref conditions, .. } = pending.command;
        self.store.note_answered(pending.command.order);
        self.know_client(client, seq);
        if client != self.client || pending.told.is_none() {
            // A command of an earlier run or of another tab, or one whose caller knows already: nobody waits for it.
            return;
        }
        if let Some(reply) = pending.refusal {
            self.events.push_back(Event::Refused { seq, reply });
            return;
        }
        self.events.push_back(match (reply, pending.told) {
            (Some(reply), Some(told)) if *reply != *told => match reply.first() {
                Some(b'-') => Event::Refused { seq, reply: reply.to_vec() },
                Some(b'_') if !conditions.is_empty() => Event::Refused { seq, reply: reply.to_vec() },
                _ => Event::Corrected { seq, reply: reply.to_vec() },
            },
            _ => Event::Acknowledged(seq),
        });
    }

    /// Runs a command with the time and the seed that it first ran with. Returns what it did, and what it replied.
    pub(super) fn run_again(&mut self, command: &Command) -> (Outcome, Vec<u8>) {
        self.reruns += 1;
        let (mut scratch, mut reply) = (Vec::new(), Vec::new());
        if !command.conditions.iter().all(|(key, digest)| self.digest_of(key, command.now) == *digest) {
            Reply::new(&mut reply, Protocol::Resp3).null();
            return (Outcome::default(), reply);
        }
        // The user may be in the middle of a transaction of their own.
        let open = self.engine.session_mut(self.session).transaction.take();
        let outcome = match command.calls.as_slice() {
            [call] if !command.transaction => self.run_recorded(command.env(), &call.words(), &mut reply),
            calls => {
                self.engine.execute(command.env(), self.session, &[b"MULTI"], &mut scratch);
                for call in calls {
                    self.engine.execute(command.env(), self.session, &call.words(), &mut scratch);
                }
                self.run_recorded(command.env(), &[b"EXEC"], &mut reply)
            }
        };
        self.engine.session_mut(self.session).transaction = open;
        (outcome, reply)
    }

    /// Drops the pending commands that took effect before what was loaded was looked at.
    pub(super) fn drop_answered(&mut self, client: ClientId, through: ClientSeq) {
        while let Some(order) = self.pending.first_of(client, through) {
            self.take_answer(order, None, &[]);
        }
        self.know_client(client, through);
    }

    /// Removes confirmed keys of the database that the replica mirrors, and has that stored. Nothing pending may be
    /// applied on them. Returns the effects.
    pub(super) fn drop_keys(&mut self, which: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let entries = self.engine.keyspace().db(self.db).iter();
        let keys: Vec<Box<[u8]>> = entries.filter(|entry| which(entry.key)).map(|entry| entry.key.into()).collect();
        let mut removed = Vec::new();
        for key in keys {
            let effect = Effect::new(&key, Change::Delete(Removal::Deleted));
            self.engine.apply(self.db, &effect);
            effect.encode(self.db, &mut removed);
        }
        self.store.put_confirmed(&removed);
        removed
    }
}
