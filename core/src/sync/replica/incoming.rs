//! What the hub says: welcomes, loads, batches, answers.

use alloc::vec::Vec;

use super::{Link, Replica, SyncError, events::Event, events::State, pending::Touch};
use crate::{
    effect::Change,
    env::Env,
    format::{LogSeq, effects},
    sync::{
        buckets::{BITS_MAX, Buckets, bucket_of},
        history::ResumeToken,
        message::{LoadScope, OLDEST_VERSION, Start, ToHub, ToReplica, VERSION, Welcome},
    },
};

/// A load of added keys that is coming in.
#[derive(Debug)]
pub(super) struct Added {
    id: u32,
    /// Runs of effects, in order.
    parts: Vec<Vec<u8>>,
}

impl Replica {
    /// Takes in a message from the hub.
    ///
    /// # Errors
    /// If the message can't be right. The shell closes the connection; what is pending stays.
    pub fn handle_message(&mut self, env: Env, bytes: &[u8]) -> Result<(), SyncError> {
        self.bytes_in += bytes.len() as u64;
        self.give_credit(bytes.len());
        match &mut self.link {
            Link::Offline | Link::Greeting { .. } => {}
            Link::Starting { heard_at, asked, .. } | Link::Live { heard_at, asked } => {
                (*heard_at, *asked) = (env.now, false);
            }
        }
        let message = ToReplica::decode(bytes).map_err(SyncError::Malformed)?;
        match message.unpacked(self.limits.sync_message_bytes_max).map_err(SyncError::Malformed)? {
            None => self.handle_decoded(env, message, bytes),
            Some(bytes) => match ToReplica::decode(&bytes).map_err(SyncError::Malformed)? {
                ToReplica::Packed(_) => Err(SyncError::Malformed("a packed message in a packed message")),
                message => self.handle_decoded(env, message, &bytes),
            },
        }
    }

    fn handle_decoded(&mut self, env: Env, message: ToReplica<'_>, bytes: &[u8]) -> Result<(), SyncError> {
        match message {
            ToReplica::Welcome(welcome) => return self.handle_welcome(env, welcome),
            ToReplica::Pong { sent, now } => {
                self.clock.handle_sample(sent, env.now, now);
                return Ok(());
            }
            ToReplica::Reply { id, reply } => {
                self.handle_reply(id, &reply);
                return Ok(());
            }
            // It changes nothing, so it keeps no order.
            ToReplica::NotSubscribed { id, error } => return self.refuse_subscription(id, &error),
            ToReplica::Message { channel, payload } => {
                let (channel, payload) = (channel.to_vec(), payload.to_vec());
                self.events.push_back(Event::Message { channel, payload });
                return Ok(());
            }
            _ => {}
        }
        if let (Link::Starting { .. }, ToReplica::Chunk(bytes)) = (&self.link, &message) {
            // While the hub makes the next one; what is left to be done at the end is what nobody overlaps.
            self.check_effects(bytes)?;
        }
        match &mut self.link {
            Link::Offline | Link::Greeting { .. } => return Err(SyncError::Unexpected("data before the welcome")),
            Link::Starting { held, .. } => {
                let is_end = matches!(message, ToReplica::LoadEnd { .. });
                held.push(bytes.to_vec());
                if is_end {
                    self.finish_start(env)?;
                }
            }
            Link::Live { .. } => self.handle_live(message)?,
        }
        self.check_identities()
    }

    /// Ends a connection on which nothing more can be pushed, because what comes next isn't of those who are named.
    fn check_identities(&self) -> Result<(), SyncError> {
        match self.pending.first() {
            Some(first)
                if matches!(self.link, Link::Live { .. })
                    && self.index_of(first.command.client).is_none()
                    && !self.has_room_to_join() =>
            {
                Err(SyncError::OtherIdentities)
            }
            _ => Ok(()),
        }
    }

    fn handle_welcome(&mut self, env: Env, welcome: Welcome) -> Result<(), SyncError> {
        let Link::Greeting { since } = self.link else {
            return Err(SyncError::Unexpected("a welcome that wasn't asked for"));
        };
        if !(OLDEST_VERSION..=VERSION).contains(&welcome.version) {
            return Err(SyncError::UnsupportedVersion(welcome.version));
        }
        if welcome.pushed.is_empty() || welcome.pushed.len() > self.named.len() {
            return Err(SyncError::Unexpected("a welcome for another number of clients"));
        }
        self.named.truncate(welcome.pushed.len());
        for (index, seq) in (0..).zip(&welcome.pushed) {
            self.check_answer(index, *seq)?;
        }
        self.clock.handle_sample(since, env.now, welcome.now);
        self.accept(welcome.limits);
        self.features = welcome.features;
        self.keep_globs(welcome.limits.patterns_max as usize);
        self.begin_start(env, welcome)?;
        self.send_subscriptions();
        self.repeat_oneself();
        Ok(())
    }

    /// Begins what the welcome says, to catch up.
    fn begin_start(&mut self, env: Env, welcome: Welcome) -> Result<(), SyncError> {
        match welcome.start {
            Start::Resume => {
                if self.token.map(|token| token.seq) != Some(welcome.seq) {
                    return Err(SyncError::Unexpected("a welcome that resumes elsewhere"));
                }
                // From here on positions are the new epoch's; the old token named the same records.
                self.set_token(&welcome, welcome.seq);
                self.link = Link::Live { heard_at: env.now, asked: false };
                let pushed = self.named.iter().copied().zip(welcome.pushed);
                self.catching_up = pushed.map(|(client, pushed)| (welcome.head, client, pushed)).collect();
                self.events.push_back(Event::State(State::Live));
                return Ok(());
            }
            Start::Digest { bits } => {
                if bits > BITS_MAX {
                    return Err(SyncError::Malformed("more buckets than there can be"));
                }
                self.take_back(&Touch::everything());
                let mut buckets = Buckets::new(bits);
                self.engine.keyspace().db(self.db).iter().for_each(|entry| buckets.add(entry));
                let digests = ToHub::Digests { bits, sums: buckets.sums().to_vec() };
                self.send(&digests);
            }
            Start::Load => {}
        }
        self.link = Link::Starting { welcome, held: Vec::new(), heard_at: env.now, asked: false };
        self.events.push_back(Event::State(State::Loading));
        Ok(())
    }

    /// Takes in all that came since the welcome as one step.
    fn finish_start(&mut self, env: Env) -> Result<(), SyncError> {
        let Link::Starting { welcome, held, .. } = core::mem::replace(&mut self.link, Link::Offline) else {
            return Ok(());
        };
        let mut messages = Vec::with_capacity(held.len());
        for bytes in &held {
            let message = ToReplica::decode(bytes).map_err(SyncError::Malformed)?;
            match &message {
                ToReplica::Batch(batch) => self.check_batch(batch)?,
                // Checked when they came.
                ToReplica::Chunk(_) => {}
                ToReplica::LoadBegin(LoadScope::Everything | LoadScope::Buckets { .. }) => {}
                ToReplica::LoadEnd { through } if *through >= welcome.seq => {}
                _ => return Err(SyncError::Unexpected("something else than a load at the start")),
            }
            messages.push(message);
        }
        self.take_back(&Touch::everything());
        self.holes.clear();
        self.set_token(&welcome, welcome.seq);
        for message in &messages {
            match message {
                ToReplica::LoadBegin(LoadScope::Everything) => {
                    self.store.begin_generation();
                    self.drop_keys(|_| true);
                    self.tell_flush();
                }
                ToReplica::LoadBegin(LoadScope::Buckets { bits, buckets }) => {
                    let gone = self.drop_keys(|key| buckets.binary_search(&bucket_of(key, *bits)).is_ok());
                    self.tell_confirmed(&gone);
                }
                ToReplica::Chunk(bytes) => self.confirm(bytes),
                ToReplica::Batch(batch) => self.take_batch(batch),
                ToReplica::LoadEnd { through } => self.arrive(*through),
                _ => {}
            }
        }
        for (client, pushed) in self.named.clone().into_iter().zip(welcome.pushed) {
            self.drop_answered(client, pushed);
        }
        self.link = Link::Live { heard_at: env.now, asked: false };
        self.store.note_head();
        self.events.push_back(Event::Resynced);
        self.events.push_back(Event::State(State::Live));
        Ok(())
    }

    fn handle_live(&mut self, message: ToReplica<'_>) -> Result<(), SyncError> {
        match message {
            ToReplica::Batch(batch) => {
                if batch.through < self.seq() {
                    return Err(SyncError::Unexpected("a batch that goes back"));
                }
                self.check_batch(&batch)?;
                self.take_batch(&batch);
            }
            ToReplica::LoadBegin(LoadScope::Added { id }) => {
                if self.subscriptions.front().is_none_or(|front| front.id != id) {
                    return Err(SyncError::Unexpected("keys that weren't asked for"));
                }
                self.added = Some(Added { id, parts: Vec::new() });
            }
            ToReplica::Chunk(bytes) => {
                self.check_effects(&bytes)?;
                self.take_loading(&bytes);
            }
            ToReplica::LoadEnd { through } => {
                let Some(added) = self.added.take() else {
                    return Err(SyncError::Unexpected("the end of a load that hasn't begun"));
                };
                if through < self.seq() {
                    return Err(SyncError::Unexpected("a load that goes back"));
                }
                self.finish_added(added, through);
            }
            ToReplica::Fetched { through, effects } => {
                if through < self.seq() {
                    return Err(SyncError::Unexpected("values that go back"));
                }
                self.check_effects(&effects)?;
                self.take_fetched(&effects);
                self.arrive(through);
            }
            ToReplica::Unsubscribed { id } => self.finish_removal(id)?,
            ToReplica::Joined { client, pushed, head } => {
                let Some(client) = self.named.get(client as usize) else {
                    return Err(SyncError::Unexpected("the joining of somebody else"));
                };
                self.catching_up.push((head, *client, pushed));
                self.arrive(self.seq());
            }
            _ => return Err(SyncError::Unexpected("a message in the wrong place")),
        }
        Ok(())
    }

    /// Takes in what belongs to the load that is coming in.
    pub(super) fn take_loading(&mut self, bytes: &[u8]) {
        match (&mut self.added, &self.link) {
            (Some(added), _) => added.parts.push(bytes.to_vec()),
            // At the start everything is taken in at once.
            (None, _) => self.confirm(bytes),
        }
    }

    fn finish_added(&mut self, added: Added, through: LogSeq) {
        self.know_added(added.id);
        for bytes in &added.parts {
            // A key that a glob had before is live, and not part of the load.
            self.take_foreign(bytes);
        }
        self.arrive(through);
        self.resolve_subscription(added.id);
    }

    /// Takes in the values of keys that were fetched.
    fn take_fetched(&mut self, bytes: &[u8]) {
        let mut keys = Vec::new();
        for (_, effect) in effects(bytes).flatten() {
            if matches!(effect.change, Change::Put(_) | Change::Delete(_)) {
                self.holes.remove(&*effect.key);
                self.pending.try_all_again();
                keys.push(effect.key.to_vec());
            }
        }
        self.take_foreign(bytes);
        self.talk.fetching = self.talk.fetching.saturating_sub(keys.len());
        self.send_fetches();
        self.events.push_back(Event::Fetched { keys });
    }

    /// Takes in that everything up to a position is known.
    pub(super) fn arrive(&mut self, through: LogSeq) {
        if let Some(token) = &mut self.token {
            token.seq = token.seq.max(through);
        }
        let reached = self.seq();
        while let Some(at) = self.catching_up.iter().position(|(head, ..)| *head <= reached) {
            let (_, client, pushed) = self.catching_up.swap_remove(at);
            self.drop_answered(client, pushed);
        }
    }

    fn set_token(&mut self, welcome: &Welcome, seq: LogSeq) {
        self.token = Some(ResumeToken { log: welcome.log, seq, scope: welcome.scope });
    }
}
