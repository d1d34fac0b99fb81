//! What is pushed: pending commands in a row, with what they did as one number.

use super::{Link, Replica, pending::Pending};
use crate::{
    blob::Blob,
    sync::{
        guess::Guess,
        message::{Condition, Push, PushedCommand, ToHub},
        planted::{self, Bug},
    },
};

impl Replica {
    /// Puts the pending commands that weren't pushed on this connection into messages.
    pub(super) fn push_pending(&mut self) {
        if !matches!(self.link, Link::Live { .. }) || !self.pending.has_unpushed() {
            return;
        }
        // What is pushed says what it did, so it has to have run on what is confirmed now.
        self.settle();
        let bytes_max = self.message_bytes_max / 2;
        while self.pending.has_unpushed() {
            let taken = self.pending.take_unpushed(bytes_max);
            let Some(first) = taken.first().map(|pending| &pending.command) else { return };
            let index = self.clients.iter().position(|(client, _)| *client == first.client);
            let Some(client) = index.and_then(|index| u32::try_from(index).ok()) else { return };
            let push = Push {
                client,
                first: first.seq,
                guess: guess_of(&taken),
                commands: taken.iter().map(|pending| pushed(pending)).collect(),
            };
            let message = ToHub::Push(push).encode_for(self.features);
            if !planted::has(Bug::ForgottenPush) || self.outbox.is_empty() {
                self.outbox.push_back(message);
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
    PushedCommand { calls, conditions }
}
