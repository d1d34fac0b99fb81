//! What the hub says: welcomes, loads, batches, answers.

use alloc::{boxed::Box, vec::Vec};

use super::{Link, Replica, SyncError, events::Event, events::State, index::Touch, room::Room};
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
    /// What of it may still be taken in.
    room: Room,
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
            ToReplica::Declined { error } => {
                self.events.push_back(Event::Declined { error: error.to_vec() });
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
        if let (Link::Starting { room, .. }, ToReplica::Chunk(bytes)) = (&self.link, &message)
            && !room.is_waiting()
        {
            // While the hub makes the next one; what is left to be done at the end is what nobody overlaps.
            self.check_effects(bytes)?;
        }
        match &mut self.link {
            Link::Offline | Link::Greeting { .. } => return Err(SyncError::Unexpected("data before the welcome")),
            Link::Starting { .. } => self.handle_starting(env, &message, bytes)?,
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
        self.link = Link::Starting {
            welcome,
            held: Vec::new(),
            room: Box::default(),
            later: Vec::new(),
            heard_at: env.now,
            asked: false,
        };
        self.events.push_back(Event::State(State::Loading));
        Ok(())
    }

    /// Keeps what brings the replica up to date until all of it is there.
    fn handle_starting(&mut self, env: Env, message: &ToReplica<'_>, bytes: &[u8]) -> Result<(), SyncError> {
        let begun = matches!(message, ToReplica::LoadBegin(_)).then(|| self.make_room());
        let Link::Starting { held, room, later, .. } = &mut self.link else { return Ok(()) };
        if room.is_waiting() {
            later.push(bytes.to_vec());
            return match message {
                ToReplica::Fetched { effects, .. } => {
                    self.note_answer(self.check_fetched(effects)?.len());
                    self.end_load(env)
                }
                _ => Ok(()),
            };
        }
        if let Some(begun) = begun {
            **room = begun;
        }
        match message {
            ToReplica::Chunk(chunk) => match room.take(chunk) {
                Some(fits) => held.push(ToReplica::Chunk(fits.into()).encode()),
                None => held.push(bytes.to_vec()),
            },
            _ => held.push(bytes.to_vec()),
        }
        match message {
            ToReplica::LoadEnd { .. } => self.end_load(env),
            _ => Ok(()),
        }
    }

    /// Takes a load in at its end. What was left out of it and a pending command has come to need is asked for before.
    fn end_load(&mut self, env: Env) -> Result<(), SyncError> {
        let Link::Starting { room, .. } = &self.link else { return Ok(()) };
        if room.is_full() {
            let late: Vec<Box<[u8]>> = self.needed_keys().filter(|key| room.leaves_out(key)).collect();
            let Link::Starting { room, .. } = &mut self.link else { return Ok(()) };
            if room.asks_for(&late) {
                self.talk.fetches.extend(late);
                self.send_fetches();
            }
            if self.talk.fetching > 0 {
                return Ok(());
            }
        }
        self.finish_start(env)
    }

    fn make_room(&self) -> Room {
        match &self.budget {
            Some(budget) => Room::new(budget.bytes_max, self.needed_keys().collect()),
            None => Room::default(),
        }
    }

    /// Takes in all that came since the welcome as one step.
    fn finish_start(&mut self, env: Env) -> Result<(), SyncError> {
        let Link::Starting { welcome, held, room, later, .. } = core::mem::replace(&mut self.link, Link::Offline)
        else {
            return Ok(());
        };
        for bytes in &held {
            match &ToReplica::decode(bytes).map_err(SyncError::Malformed)? {
                ToReplica::Batch(batch) => self.check_batch(batch)?,
                // Checked when they came.
                ToReplica::Chunk(_) => {}
                ToReplica::LoadBegin(LoadScope::Everything | LoadScope::Buckets { .. }) => {}
                ToReplica::LoadEnd { through } if *through >= welcome.seq => {}
                _ => return Err(SyncError::Unexpected("something else than a load at the start")),
            }
        }
        self.take_back(&Touch::everything());
        let is_partial = room.is_full();
        let was_complete = self.holes.is_empty();
        // What isn't loaded is the same on both sides, and what isn't there doesn't exist.
        self.holes.clear(false);
        self.set_token(&welcome, welcome.seq);
        for bytes in held {
            // Each is let go of as soon as it is taken in: what is held and what is known needn't both fit in memory.
            let Ok(message) = ToReplica::decode(&bytes) else { continue };
            match &message {
                ToReplica::LoadBegin(LoadScope::Everything) => {
                    self.store.begin_generation();
                    self.drop_keys(|_| true);
                    self.tell_flush();
                    self.holes.clear(is_partial);
                    self.reveal(room.needed());
                }
                ToReplica::LoadBegin(LoadScope::Buckets { bits, buckets }) => {
                    let gone = self.drop_keys(|key| buckets.binary_search(&bucket_of(key, *bits)).is_ok());
                    self.tell_confirmed(&gone);
                    self.holes.clear(is_partial);
                    self.reveal(room.needed());
                }
                ToReplica::Chunk(bytes) => self.confirm(bytes, true),
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
        if is_partial {
            self.note_unknown();
        }
        if is_partial || !was_complete {
            self.tell_everything();
        }
        self.events.push_back(Event::Resynced);
        self.events.push_back(Event::State(State::Live));
        for bytes in later {
            match ToReplica::decode(&bytes).map_err(SyncError::Malformed)? {
                // That it has come was taken in before.
                ToReplica::Fetched { through, effects } => {
                    self.take_fetched(&effects)?;
                    self.arrive(through);
                }
                message => self.handle_live(message)?,
            }
        }
        if is_partial {
            self.fetch_needed();
        }
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
                self.added = Some(Added { id, parts: Vec::new(), room: self.make_room() });
            }
            ToReplica::Chunk(bytes) => {
                self.check_effects(&bytes)?;
                let fits = self.added.as_mut().and_then(|added| added.room.take(&bytes));
                self.take_loading(fits.as_deref().unwrap_or(&bytes));
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
                let keys = self.take_fetched(&effects)?;
                self.note_answer(keys);
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
            (None, _) => self.confirm(bytes, true),
        }
    }

    fn finish_added(&mut self, added: Added, through: LogSeq) {
        if added.room.is_full() {
            self.thin_out();
            self.tell_sparse();
        }
        self.know_added(added.id);
        for bytes in added.parts {
            // A key that a glob had before is live, and not part of the load.
            self.take_foreign(&bytes, true);
        }
        if added.room.is_full() {
            self.fetch_needed();
        }
        self.arrive(through);
        self.resolve_subscription(added.id);
    }

    /// Takes in the values of keys that were fetched, and returns how many there are. Those that aren't of interest any more
    /// are left out.
    fn take_fetched(&mut self, bytes: &[u8]) -> Result<usize, SyncError> {
        let keys = self.check_fetched(bytes)?;
        if let Some(budget) = &mut self.budget {
            keys.iter().for_each(|key| budget.note_fetch(key));
        }
        self.pending.try_all_again();
        self.take_foreign(bytes, true);
        let count = keys.len();
        self.events.push_back(Event::Fetched { keys });
        Ok(count)
    }

    /// Checks that these are values of keys, and returns the keys.
    fn check_fetched(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, SyncError> {
        let mut keys = Vec::new();
        for effect in effects(bytes) {
            let (db, effect) = effect.map_err(|_| SyncError::Malformed("effects that can't be read"))?;
            if db != self.db || !matches!(effect.change, Change::Put(_) | Change::Delete(_)) {
                return Err(SyncError::Unexpected("something else than values of keys"));
            }
            keys.push(effect.key.to_vec());
        }
        Ok(keys)
    }

    /// Takes in that so many of the keys that were asked for have come, and asks for more.
    fn note_answer(&mut self, keys: usize) {
        self.talk.fetching = self.talk.fetching.saturating_sub(keys);
        self.send_fetches();
    }

    /// Asks for what pending commands need and nobody knows here.
    fn fetch_needed(&mut self) {
        let keys: Vec<Box<[u8]>> = self.needed_keys().filter(|key| !self.is_known(key)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
        if !keys.is_empty() {
            self.fetch(&keys);
        }
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
