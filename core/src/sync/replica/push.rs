//! What is pushed: pending commands in a row, with what they did as one number.

use alloc::vec::Vec;

use super::{
    Link, Replica,
    pending::{Command, Pending},
    too_long,
};
use crate::{
    blob::Blob,
    error::Error,
    format::{ClientId, ClientSeq},
    resp::{Protocol, Reply},
    sync::{
        guess::Guess,
        message::{Condition, Push, PushedCommand, ToHub},
    },
};

impl Replica {
    /// Puts the next pending commands that weren't pushed on this connection into a message.
    pub(super) fn push_pending(&mut self) {
        if !matches!(self.link, Link::Live { .. }) || !self.pending.has_unpushed() {
            return;
        }
        // One that took effect under another limit is about to be answered.
        if self.catching_up.is_empty() {
            self.give_up_overlong();
        }
        // What is pushed says what it did, so it has to have run on what is confirmed now.
        self.settle();
        let Some(next) = self.pending.unpushed().next().map(|pending| &pending.command) else { return };
        let (next, seq, is_too_long) = (next.client, next.seq, self.is_too_long(next).is_some());
        if self.index_of(next).is_none() && self.has_room_to_join() {
            // Another tab's, which this connection hasn't heard of yet.
            self.named.push(next);
            self.outbox
                .push_back(ToHub::Join { client: next, acknowledged: ClientSeq(seq.0.saturating_sub(1)) }.encode());
        }
        // Commands of an identity that this connection has no room for wait for another, and those after them, too.
        let Some(client) = self.index_of(next).filter(|_| !is_too_long) else { return };
        let taken = self.pending.take_unpushed(self.message_bytes_max / 2);
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return };
        if client == 0 {
            self.pushed_through = self.pushed_through.max(last.command.seq);
        }
        let push = Push {
            client,
            first: first.command.seq,
            guess: guess_of(&taken),
            commands: taken.iter().map(|pending| pushed(pending)).collect(),
        };
        let message = ToHub::Push(push).encode_for(self.features);
        self.outbox.push_back(message);
    }

    /// The index of an identity among those that the hub knows of this connection.
    pub(super) fn index_of(&self, client: ClientId) -> Option<u32> {
        let index = self.named.iter().position(|other| *other == client)?;
        u32::try_from(index).ok()
    }

    /// Whether the hub takes another identity on this connection.
    pub(super) fn has_room_to_join(&self) -> bool {
        self.named.len() < self.accepts.clients_max as usize
    }

    /// Why a command can't be pushed, if it is longer than what the server takes.
    pub(super) fn is_too_long(&self, command: &Command) -> Option<Error> {
        let bytes = PUSH_BYTES + command.bytes();
        (bytes > self.message_bytes_max).then(|| too_long(bytes, self.message_bytes_max))
    }

    /// Gives up what is too long to be pushed: it is taken back here, and on the server nothing takes its place.
    fn give_up_overlong(&mut self) {
        let too_long = |pending: &Pending| Some((pending.command.order, self.is_too_long(&pending.command)?));
        let found: Vec<(u64, Error)> = self.pending.unpushed().filter_map(too_long).collect();
        for (order, error) in found {
            let touch = self.pending.touch_of(order);
            self.take_back(&touch);
            let mut reply = Vec::new();
            Reply::new(&mut reply, Protocol::Resp3).error(&error);
            if let Some(command) = self.pending.give_up(order, reply) {
                self.store.note_answered(command.order);
            }
        }
    }
}

/// What commands did and replied, if that is known of all.
fn guess_of(commands: &[&Pending]) -> u64 {
    let mut guess = Guess::new();
    for pending in commands {
        match &pending.told {
            Some(told) if pending.applied => guess.add(&pending.outcome.effects, told),
            _ => return Guess::NONE,
        }
    }
    guess.number()
}

fn pushed(pending: &Pending) -> PushedCommand<'_> {
    let command = &pending.command;
    let calls = command.calls.iter().map(Into::into).collect();
    let conditions = command.conditions.iter();
    let conditions = conditions.map(|(key, digest)| Condition { key: Blob::from(&**key), digest: *digest }).collect();
    PushedCommand { calls, conditions, transaction: command.transaction }
}

/// What a push takes beside its commands, at most.
const PUSH_BYTES: usize = 32;
