//! The tabs of one browser: each has a replica of its own, one of them leads.
//!
//! Only the leader is connected to the hub and has a store. Every tab runs its commands at once and has them in its own
//! name; the leader is told of them, puts them in order with those of all tabs, pushes them with the identity and the
//! number that they have, and tells all tabs what it does to its own replica: what becomes pending, what is answered,
//! what is confirmed. So a tab differs from the leader by nothing but its own newest commands, and when the leader is
//! gone any of them can take its place: the hub knows which commands it has seen, whoever brings them.
//!
//! ```text
//!  tab                                leader
//!   | poll_commands                →   |   handle_commands: commands with their identity, number and time
//!   |   ← Lead {epoch, position}       |   lead: whoever stands where the new leader stood goes on from there
//!   | (asks for it)                →   |   state: whoever doesn't is given everything, and keeps its own commands
//!   |   ← State {epoch, number, …}     |
//!   |   ← News {epoch, number, …}      |   poll_news: numbered, so that one that is lost is noticed
//! ```
//! Pending commands stand in the leader's order. Those of a tab's own that the leader hasn't put in order yet come after
//! them, from [`UNORDERED`] on. A new leader names all tabs to the hub, and so learns how far each had come when the data
//! was loaded; of more than the hub takes at once, what the others wait for may show twice until their turn comes. It stands
//! on its own state, or on what the former leader stored if that is further.
//!
//! This must never know how messages travel, nor who is elected and why.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    LoadError, Replica, SyncError,
    holes::Unknown,
    index::Touch,
    pending::{Command, Pending},
    restore,
    store::StoredCommand,
};
use crate::{
    blob::Blob,
    effect::{Change, Effect},
    env::Env,
    format::{ClientId, ClientSeq},
    hash::hash,
    sync::{
        clock::Clock,
        history::ResumeToken,
        planted::{self, Bug},
    },
};

/// What a replica is among the tabs of its browser.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    role: Role,
    /// The leadership that it has or follows.
    pub(super) epoch: u64,
    /// The last news of it that were told or heard.
    number: u64,
    /// It has all that the leader had then.
    in_step: bool,
    /// It had the state of some leader, so it needn't begin from the store.
    has_state: bool,
    /// Somebody hears what it tells.
    has_followers: bool,
    /// The place of what a follower shows.
    stands_at: Place,
    /// What is to be told, and what was told last of token and clock.
    pub(super) items: Vec<Item<'static>>,
    token: Option<ResumeToken>,
    clock: Clock,
    news: VecDeque<Vec<u8>>,
    /// What was heard while the state was on its way.
    held: Vec<Vec<u8>>,
    /// Commands in whose place the leader has nothing, and whether it was told of them.
    pub(super) better: Vec<(StoredCommand, bool)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Alone,
    Leader,
    Follower,
}

/// What a leader tells.
#[derive(Debug, Serialize, Deserialize)]
struct Told<'a> {
    epoch: u64,
    number: u64,
    kind: Kind,
    token: Option<ResumeToken>,
    clock: Clock,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// It leads from now on, and stood here.
    Lead(u64),
    /// Something happened.
    News,
    /// Everything that it has.
    State,
}

/// What happened to the leader's replica.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Item<'a> {
    /// Effects were confirmed.
    #[serde(borrow)]
    Confirmed(Blob<'a>),
    /// The hub answered a command, or is known to have answered all of an identity up to this one.
    Answered {
        client: ClientId,
        seq: ClientSeq,
        #[serde(borrow)]
        reply: Option<Blob<'a>>,
        #[serde(borrow)]
        effects: Blob<'a>,
    },
    /// A command is pending, in its place.
    Pending(StoredCommand),
    /// The globs are these.
    Interest(Vec<Vec<u8>>),
    /// What isn't known.
    Forgotten(Unknown),
}

impl Replica {
    /// Begins to follow a leader, or waits for one: hears [news](Replica::handle_told), stores nothing, and is not to be
    /// connected.
    pub fn follow(&mut self) {
        self.handle_disconnected();
        self.store.stop();
        let has_state = self.tabs.role == Role::Leader || self.tabs.has_state;
        let (stands_at, better) = (self.place(), core::mem::take(&mut self.tabs.better));
        self.tabs =
            Tabs { role: Role::Follower, epoch: self.tabs.epoch, stands_at, has_state, better, ..Tabs::default() };
        self.next_order = UNORDERED;
        self.pending.nothing_pushed(UNORDERED);
    }

    /// Takes the lead, with what the former leader stored; `others` are the identities of all other tabs. Returns what
    /// is to be told to them, before any news; and why it leads with nothing but the commands that could be read, if it
    /// had nothing yet and the store can't be loaded. A replica that has loaded its store already gives no pairs.
    pub fn lead(
        &mut self,
        env: Env,
        pairs: &[(Vec<u8>, Vec<u8>)],
        others: &[ClientId],
    ) -> (Vec<u8>, Result<(), LoadError>) {
        let was_following = self.tabs.role == Role::Follower;
        let mut loaded = Ok(());
        // What the former leader stored may be further than what it had time to tell.
        let is_behind = restore::stored_place(pairs).is_some_and(|stored| self.place() < stored);
        if was_following && (!self.tabs.has_state || is_behind) {
            let before = self.begin_anew();
            self.next_order = 0;
            loaded = restore::load(self, pairs);
            if loaded.is_err() {
                self.begin_anew();
            }
            self.next_order = UNORDERED;
            self.keep_unanswered(before);
        }
        // Whoever begins has nobody who waits for what others did.
        let pending = &self.pending;
        self.clients.retain(|(client, _)| was_following || *client == self.client || pending.holds(*client));
        // Whoever begins has nobody who follows yet.
        let position = if was_following { self.position() } else { 0 };
        let epoch = (env.now.0 << 10 | env.entropy & 0x3ff).max(self.tabs.epoch + 1);
        let (has_followers, better) = (was_following, core::mem::take(&mut self.tabs.better));
        self.tabs =
            Tabs { role: Role::Leader, epoch, has_followers, token: self.token, clock: self.clock, ..Tabs::default() };
        if was_following {
            self.take_over(pairs);
            better.into_iter().for_each(|(stored, _)| self.hear_again(stored));
        }
        // A former leader may have pushed what they still wait for: the hub is asked how far each has come.
        others.iter().for_each(|other| self.know_client(*other, ClientSeq(0)));
        // Those that live are named before those that don't.
        let clients = core::mem::take(&mut self.clients);
        let (living, mut known): (Vec<_>, Vec<_>) =
            clients.into_iter().partition(|(client, _)| others.contains(client));
        known.extend(living);
        self.clients = known;
        (encode(&self.told(Kind::Lead(position), 0, Vec::new())), loaded)
    }

    /// Everything that a tab needs to follow from here on.
    pub fn state(&mut self) -> Vec<u8> {
        self.tell_news();
        self.tabs.has_followers = true;
        self.take_back(&Touch::everything());
        let mut items = Vec::new();
        items.push(Item::Interest(self.globs.clone()));
        self.add_data(&mut items);
        items.extend(self.clients.iter().map(|(client, seq)| answered(*client, *seq, None, &[])));
        items.extend(self.pending.iter().map(|pending| pending_item(&pending.command)));
        encode(&self.told(Kind::State, self.tabs.number, items))
    }

    /// The next message for all other tabs.
    pub fn poll_news(&mut self) -> Option<Vec<u8>> {
        self.tell_news();
        self.tabs.news.pop_front()
    }

    /// The next commands that the leader is to be told of.
    pub fn poll_commands(&mut self) -> Option<Vec<u8>> {
        if self.tabs.role != Role::Follower || !self.tabs.in_step {
            return None;
        }
        if let Some(commands) = self.take_better() {
            return Some(encode(&(self.tabs.epoch, commands)));
        }
        if !self.pending.has_unpushed() {
            return None;
        }
        let taken = self.pending.take_unpushed(COMMANDS_BYTES_MAX);
        let commands: Vec<StoredCommand> = taken.into_iter().map(|pending| (&pending.command).into()).collect();
        Some(encode(&(self.tabs.epoch, commands)))
    }

    /// Takes in what the leader tells. Returns whether it is to be asked for its [state](Replica::state).
    ///
    /// # Errors
    /// If it can't be right; the state is to be asked for then, too.
    pub fn handle_told(&mut self, bytes: &[u8]) -> Result<bool, SyncError> {
        let told: Told<'_> = postcard::from_bytes(bytes).map_err(|_| MALFORMED)?;
        if self.tabs.role != Role::Follower || told.epoch < self.tabs.epoch {
            return Ok(false);
        }
        let is_new = told.epoch > self.tabs.epoch;
        if is_new {
            (self.tabs.epoch, self.tabs.number, self.tabs.in_step) = (told.epoch, 0, false);
            self.tabs.better.iter_mut().for_each(|(_, was_told)| *was_told = false);
            self.tabs.held.clear();
        }
        match told.kind {
            Kind::Lead(position) => {
                let in_step =
                    is_new && self.tabs.has_state && (position == self.position() || planted::has(Bug::TrustedLeader));
                if in_step {
                    self.get_in_step(0);
                }
                Ok(is_new && !in_step)
            }
            Kind::State => {
                let before = self.begin_anew();
                let taken = self.take_told(told);
                self.keep_unanswered(before);
                taken?;
                core::mem::take(&mut self.tabs.held)
                    .iter()
                    .try_fold(false, |asks, held| Ok(asks | self.handle_told(held)?))
            }
            Kind::News if self.tabs.in_step && told.number <= self.tabs.number => Ok(false),
            Kind::News if self.tabs.in_step && told.number == self.tabs.number + 1 => {
                self.tabs.in_step = false;
                self.take_told(told).map(|()| false)
            }
            Kind::News => {
                // What is missing comes with the state, and this after it.
                let asks = is_new || self.tabs.in_step;
                self.tabs.in_step = false;
                if self.tabs.held.len() < HELD_MAX {
                    self.tabs.held.push(bytes.to_vec());
                }
                Ok(asks)
            }
        }
    }

    /// Has it told that effects were confirmed.
    pub(super) fn tell_confirmed(&mut self, bytes: &[u8]) {
        if !self.is_telling() || bytes.is_empty() {
            return;
        }
        match self.tabs.items.last_mut() {
            Some(Item::Confirmed(run)) => run.0.to_mut().extend_from_slice(bytes),
            _ => self.tabs.items.push(Item::Confirmed(bytes.to_vec().into())),
        }
    }

    /// Has it told that all keys are gone.
    pub(super) fn tell_flush(&mut self) {
        let mut bytes = Vec::new();
        Effect::new(&[], Change::Flush).encode(self.db, &mut bytes);
        self.tell_confirmed(&bytes);
    }

    /// Has all data told, and what isn't known: those who hear it may know other keys than this one did.
    pub(super) fn tell_everything(&mut self) {
        if self.is_telling() {
            self.tell_flush();
            let mut items = core::mem::take(&mut self.tabs.items);
            self.add_data(&mut items);
            self.tabs.items = items;
        }
    }

    /// Has it told that only what is there is known.
    pub(super) fn tell_sparse(&mut self) {
        if self.is_telling() {
            self.tabs.items.push(Item::Forgotten(Unknown::sparse()));
        }
    }

    /// Has it told what became of a command.
    pub(super) fn tell_answered(&mut self, command: &Command, reply: Option<&[u8]>, effects: &[u8]) {
        let is_forgotten = planted::has(Bug::ForgottenRelay) && command.client != self.client;
        if self.is_telling() && !is_forgotten {
            self.tabs.items.push(answered(command.client, command.seq, reply, effects));
        }
    }

    /// Has it told that a command is pending.
    pub(super) fn tell_pending(&mut self, command: &Command) {
        if self.is_telling() {
            self.tabs.items.push(pending_item(command));
        }
    }

    /// Has the globs told.
    pub(super) fn tell_interest(&mut self) {
        if self.is_telling() {
            self.tabs.items.push(Item::Interest(self.globs.clone()));
        }
    }

    /// Where commands are pushed from: a follower's that are in the leader's order are the leader's to push.
    pub(super) fn first_to_push(&self) -> u64 {
        if self.tabs.role == Role::Follower { UNORDERED } else { 0 }
    }

    /// Whether it leads other tabs, or is ready to.
    pub(super) fn is_leading(&self) -> bool {
        self.tabs.role == Role::Leader
    }

    /// Takes in that a command of an identity is pending: those before it that aren't here were answered.
    pub(super) fn meet_client(&mut self, client: ClientId, seq: ClientSeq) {
        if !self.pending.holds(client) {
            self.know_client(client, ClientSeq(seq.0.saturating_sub(1)));
        }
    }

    /// Whether other tabs hear what happens here.
    pub(super) fn is_telling(&self) -> bool {
        self.tabs.role == Role::Leader && self.tabs.has_followers
    }

    /// Makes a message of all that is to be told.
    fn tell_news(&mut self) {
        let tabs = &mut self.tabs;
        let is_same = tabs.items.is_empty() && tabs.token == self.token && tabs.clock == self.clock;
        if is_same || tabs.role != Role::Leader || !tabs.has_followers {
            return;
        }
        (tabs.token, tabs.clock) = (self.token, self.clock);
        tabs.number += 1;
        let items = core::mem::take(&mut tabs.items);
        let news = encode(&self.told(Kind::News, self.tabs.number, items));
        self.tabs.news.push_back(news);
    }

    /// Adds all confirmed data and what isn't known. Nothing pending may be applied.
    fn add_data(&self, items: &mut Vec<Item<'static>>) {
        let db = self.db;
        self.engine.snapshot(|other, _| other == db, |chunk| items.push(Item::Confirmed(chunk.into())));
        items.push(Item::Forgotten(self.holes.unknown()));
    }

    fn told<'a>(&self, kind: Kind, number: u64, items: Vec<Item<'a>>) -> Told<'a> {
        Told { epoch: self.tabs.epoch, number, kind, token: self.token, clock: self.clock, items }
    }

    /// How far what it shows has come: by what it has told, or heard.
    pub(super) fn place(&self) -> Place {
        match self.tabs.role {
            Role::Leader => (self.tabs.epoch, self.tabs.number),
            _ => self.tabs.stands_at,
        }
    }

    /// Where it stands, as one number: what is confirmed, and the ordered commands. Two tabs that stand in the same place
    /// differ by nothing but commands that aren't in order yet.
    fn position(&self) -> u64 {
        let mut sum = hash(0, &encode(&(self.token, &self.globs)));
        for pending in self.pending.iter().filter(|pending| pending.command.order < UNORDERED) {
            let Command { client, seq, order, .. } = &pending.command;
            sum = hash(hash(sum ^ order, &client.0), &seq.0.to_le_bytes());
        }
        sum
    }

    fn get_in_step(&mut self, number: u64) {
        (self.tabs.number, self.tabs.in_step, self.tabs.has_state) = (number, true, true);
        self.tabs.stands_at = (self.tabs.epoch, number);
        self.pending.nothing_pushed(UNORDERED);
    }

    fn take_told(&mut self, told: Told<'_>) -> Result<(), SyncError> {
        for item in told.items {
            match item {
                Item::Confirmed(bytes) => self.take_foreign(&bytes, false),
                Item::Answered { client, seq, reply, effects } => {
                    self.tabs.better.retain(|(stored, _)| stored.client != client || stored.seq > seq);
                    self.take_answer_to(client, seq, reply.as_deref(), &effects);
                }
                Item::Pending(stored) => self.put_in_order(stored)?,
                Item::Interest(globs) => {
                    self.globs = globs;
                    self.keep_known();
                }
                Item::Forgotten(unknown) => {
                    self.holes.restore(unknown);
                    self.note_unknown();
                }
            }
        }
        (self.token, self.clock) = (told.token, told.clock);
        match told.kind {
            Kind::State => self.get_in_step(told.number),
            _ => {
                (self.tabs.number, self.tabs.in_step) = (told.number, true);
                self.tabs.stands_at = (self.tabs.epoch, told.number);
            }
        }
        Ok(())
    }

    /// Makes itself empty, for a state to come. Returns what was pending.
    fn begin_anew(&mut self) -> Vec<Pending> {
        self.take_back(&Touch::everything());
        let before = self.pending.take_all();
        self.engine.apply(self.db, &Effect::new(&[], Change::Flush));
        self.holes.clear(false);
        self.token = None;
        before
    }
}

pub(super) fn answered(client: ClientId, seq: ClientSeq, reply: Option<&[u8]>, effects: &[u8]) -> Item<'static> {
    let reply = reply.map(|reply| reply.to_vec().into());
    Item::Answered { client, seq, reply, effects: effects.to_vec().into() }
}

pub(super) fn pending_item(command: &Command) -> Item<'static> {
    Item::Pending(command.into())
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new()).unwrap_or_default()
}

/// The lead, and the number of the last news under it.
pub(super) type Place = (u64, u64);

pub(super) const MALFORMED: SyncError = SyncError::Malformed("another tab's words that can't be read");

/// Places from here on are those of a tab's own commands that the leader hasn't put in order.
pub(super) const UNORDERED: u64 = 1 << 63;

/// News that are kept while the state is on its way. If there are more, it is asked for once more.
const HELD_MAX: usize = 1024;

/// About how long a message with commands is.
const COMMANDS_BYTES_MAX: usize = 256 * 1024;
