//! The hub: puts what the engine did in order, and tells each replica what concerns it.
//!
//! It never waits and never sends by itself. After each call of the engine the shell [commits](Hub::commit); it writes
//! [what that logged](Hub::take_log), says [how far that is durable](Hub::handle_durable), and sends what
//! [`Hub::poll_transmit`] gives out. Nothing is queued for a replica that its socket can't take: each has a position in
//! the log, and a batch is made when there's room for it. So a slow reader costs a position.

mod channels;
mod classes;
mod clients;
mod incoming;
mod outgoing;
mod pause;
mod push;
mod recovery;
mod slices;
mod sweep;
#[cfg(test)]
mod tests;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

use slab::Slab;

use self::{channels::Channels, classes::Classes, clients::Clients, pause::Paused, sweep::Sweep};
use super::{
    backlog::Backlog,
    grant::Grant,
    history::{History, LogId},
    message::{CloseReason, ToReplica},
    peer::{Following, Message, Peer, PeerId},
    planted::{self, Bug},
};
use crate::{
    engine::Engine,
    env::{Env, UnixMillis},
    format::{ClientId, LogSeq, Origin, Record},
    limits::Limits,
    session::SessionId,
};

/// What a hub is made with.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// The bounds.
    pub limits: Limits,
    /// Keys that are looked at for one slice of a load: what a replica's start may cost everybody else at a time.
    pub slice_keys: usize,
    /// A database of fewer keys is sent whole to a replica that was away for too long: digests would save nothing.
    pub digest_keys_min: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), slice_keys: 4096, digest_keys_min: 256 }
    }
}

/// What a hub counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubCounts {
    /// Replicas that came and went on from where they were.
    pub resumes: u64,
    /// Replicas that came and were sent what differed.
    pub digests: u64,
    /// Replicas that came and were sent everything that they want.
    pub loads: u64,
    /// Clients whose pushed commands are remembered.
    pub clients: usize,
    /// Bytes of records that are kept for replicas that come back.
    pub backlog_bytes: usize,
}

/// Orders, logs, fans out.
#[derive(Debug)]
pub struct Hub {
    options: HubOptions,
    history: History,
    /// The last record.
    seq: LogSeq,
    /// The last record that is as durable as the shell promises.
    durable: LogSeq,
    /// The last record that the classes know of.
    indexed: LogSeq,
    /// The highest command that took effect, for each client that ever pushed one.
    clients: Clients,
    /// Records since the shell last took them.
    unwritten: Vec<u8>,
    /// Recent records, each encoded; the last one is `seq`.
    backlog: Backlog,
    /// When a replica was last connected while something was logged; the start counts where there was a log before,
    /// because those who follow it come back.
    followed_at: Option<UnixMillis>,
    may_be_followed: bool,
    peers: Slab<Peer>,
    classes: Classes,
    /// Who is connected under which identity.
    online: BTreeMap<ClientId, PeerId>,
    /// Sessions that belong to replicas, for their commands and calls.
    sessions: BTreeMap<SessionId, PeerId>,
    channels: Channels,
    ready: VecDeque<PeerId>,
    /// Replicas that have something to get once the log is durable.
    undurable: BTreeSet<PeerId>,
    closing: VecDeque<(PeerId, CloseReason)>,
    /// Tokens to be checked by the shell.
    renewals: VecDeque<(PeerId, Box<[u8]>)>,
    /// When tokens expire.
    expiries: BTreeSet<(UnixMillis, PeerId)>,
    /// Entries that may still be looked at in this round of sending.
    budget: usize,
    /// Replicas that resumed, compared digests, and loaded.
    starts: [u64; 3],
    woken: Vec<usize>,
    /// The batch that was encoded last: often others get the same.
    last_batch: Option<Message>,
    /// The common passes over databases.
    sweeps: BTreeMap<u8, Sweep>,
    /// What replicas said during a pause of clients.
    paused: Paused,
    hits: Vec<usize>,
}

impl Hub {
    /// Makes a hub at the beginning of a log. Before anything is committed, an [epoch](Hub::begin_epoch) must begin.
    pub fn new(options: HubOptions) -> Self {
        Self {
            options,
            history: History::default(),
            seq: LogSeq::default(),
            durable: LogSeq::default(),
            indexed: LogSeq::default(),
            clients: Clients::default(),
            unwritten: Vec::new(),
            backlog: Backlog::default(),
            followed_at: None,
            may_be_followed: false,
            peers: Slab::new(),
            classes: Classes::default(),
            online: BTreeMap::new(),
            sessions: BTreeMap::new(),
            channels: Channels::default(),
            ready: VecDeque::new(),
            undurable: BTreeSet::new(),
            closing: VecDeque::new(),
            renewals: VecDeque::new(),
            expiries: BTreeSet::new(),
            budget: ROUND_ENTRIES_MAX,
            starts: [0; 3],
            woken: Vec::new(),
            last_batch: None,
            sweeps: BTreeMap::new(),
            paused: Paused::default(),
            hits: Vec::new(),
        }
    }

    /// Begins an epoch: to be called once at each start, after recovery, with 64 bits that were never used before.
    pub fn begin_epoch(&mut self, log: LogId) {
        self.history.begin(log, self.seq);
        self.may_be_followed = self.seq.0 > 0;
        (self.durable, self.indexed) = (self.seq, self.seq);
    }

    /// Begins an epoch of which nobody can go on from an earlier one: the data has changed without records.
    pub fn begin_anew(&mut self, log: LogId) {
        self.history = History::default();
        self.backlog.clear();
        self.begin_epoch(log);
    }

    /// Makes what the engine's journal holds the next record of the log. Returns its position, `None` if the journal
    /// was empty. To be called after each call of the engine.
    pub fn commit(&mut self, engine: &mut Engine, now: UnixMillis) -> Option<LogSeq> {
        if engine.journal_mut().count() == 0 {
            return None;
        }
        Some(self.append(engine, now, None))
    }

    /// Takes the records since the last call, encoded one after the other, for the shell to write.
    pub fn take_log(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.unwritten)
    }

    /// The records that [`Hub::take_log`] would give.
    pub fn log(&self) -> &[u8] {
        &self.unwritten
    }

    /// Forgets the records that [`Hub::log`] showed, which the shell has written, and keeps their buffer.
    pub fn clear_log(&mut self) {
        self.unwritten.clear();
        self.unwritten.shrink_to(LOG_BYTES_KEPT);
    }

    /// Whether [`Hub::take_log`] has anything to give.
    pub fn has_log(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// The last record's position.
    pub fn seq(&self) -> LogSeq {
        self.seq
    }

    /// The last record that is as durable as the shell promises.
    pub fn durable(&self) -> LogSeq {
        self.durable
    }

    /// Connected replicas.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// What is counted of the replicas.
    pub fn counts(&self) -> HubCounts {
        let [resumes, digests, loads] = self.starts;
        let (clients, backlog_bytes) = (self.clients.len(), self.backlog.bytes());
        HubCounts { resumes, digests, loads, clients, backlog_bytes }
    }

    /// Takes in that all records up to `seq` are as durable as the shell promises: replicas may see them. Cost: follows
    /// the new records and those who want them.
    pub fn handle_durable(&mut self, seq: LogSeq) {
        debug_assert!(seq <= self.seq, "what isn't written can't be durable");
        if seq <= self.durable {
            return;
        }
        self.durable = seq;
        self.index_records();
        for id in core::mem::take(&mut self.undurable) {
            self.wake(id);
        }
    }

    /// Takes in that a replica has connected, and what it may do. Those that may do the same can share it.
    pub fn open_peer(&mut self, grant: impl Into<Arc<Grant>>) -> PeerId {
        let grant = grant.into();
        let expires_at = grant.expires_at;
        let id = PeerId(self.peers.insert(Peer::new(grant)));
        self.expiries.extend(expires_at.map(|at| (at, id)));
        id
    }

    /// Takes in that a replica's connection has ended, whoever ended it.
    pub fn close_peer(&mut self, engine: &mut Engine, env: Env, id: PeerId) {
        let Some(peer) = self.peers.try_remove(id.0) else { return };
        if peer.closing {
            self.closing.retain(|(other, _)| *other != id);
        }
        self.undurable.remove(&id);
        self.paused.forget(id);
        peer.grant.expires_at.map(|at| self.expiries.remove(&(at, id)));
        self.renewals.retain(|(other, _)| *other != id);
        if let Some(following) = peer.following {
            self.let_go(engine, env, id, &following);
        }
    }

    /// Takes in whether the shell can take messages for a replica. It can, until told otherwise.
    pub fn handle_writable(&mut self, id: PeerId, writable: bool) {
        if let Some(peer) = self.peers.get_mut(id.0) {
            peer.writable = writable;
            self.wake(id);
        }
    }

    /// Takes in a message from a replica. What it pushed has run when this returns, and waits in the log.
    pub fn handle_message(&mut self, engine: &mut Engine, env: Env, id: PeerId, bytes: &[u8]) {
        if let Err(reason) = self.try_handle_message(engine, env, id, bytes) {
            self.close(id, reason);
        }
    }

    /// Takes in what a replica's new token says, after [`Hub::poll_renewal`]; or why it isn't good, which ends the
    /// connection. What it may write, call and listen to is so from now on. Other rights to read end the connection, too:
    /// the replica comes back and gets what it then may hold.
    pub fn handle_grant(&mut self, id: PeerId, grant: Result<impl Into<Arc<Grant>>, &'static str>) {
        let Some(peer) = self.peers.get_mut(id.0) else { return };
        let grant = match grant {
            Ok(grant) => grant.into(),
            Err(why) => return self.close(id, CloseReason::Unauthorized(why)),
        };
        let calls_wait = peer.following.as_ref().is_some_and(|following| !following.calls.is_empty());
        // A call that waits runs again later, and must not do then what isn't allowed any more.
        let calls_end = calls_wait && (grant.write != peer.grant.write || grant.commands != peer.grant.commands);
        if grant.read != peer.grant.read || calls_end {
            return self.close(id, CloseReason::RightsChanged);
        }
        peer.grant.expires_at.map(|at| self.expiries.remove(&(at, id)));
        self.expiries.extend(grant.expires_at.map(|at| (at, id)));
        peer.grant = grant;
        if let Some(following) = &mut peer.following {
            self.channels.narrow(id, &peer.grant, following);
        }
    }

    /// When [`Hub::handle_timeout`] is to be called next; never if `None`.
    pub fn next_timeout(&self) -> Option<UnixMillis> {
        let expiry = self.expiries.first().map(|(at, _)| *at);
        [expiry, self.channels.next_renewal(), self.clients.next_timeout(), self.paused.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes in that time has passed: ends connections whose token has expired, keeps presence alive,
    /// forgets clients that have been away for long, and does what had to wait for the end of a pause.
    pub fn handle_timeout(&mut self, engine: &mut Engine, env: Env) {
        self.end_pause(engine, env);
        while let Some((at, id)) = self.expiries.first().copied()
            && at <= env.now
        {
            self.expiries.remove(&(at, id));
            self.close(id, CloseReason::Unauthorized("the token has expired"));
        }
        self.renew_presence(engine, env);
        let online = &self.online;
        self.clients.collect(env.now, &self.options.limits, |client| online.contains_key(&client));
    }

    /// Ends every connection, because the server goes down.
    pub fn handle_shutdown(&mut self) {
        let ids: Vec<_> = self.peers.iter().map(|(index, _)| PeerId(index)).collect();
        for id in ids {
            self.close(id, CloseReason::ShuttingDown);
        }
    }

    /// Takes in that an operator has ended a session. If it is a replica's, its connection ends, and it may come back.
    pub fn handle_killed(&mut self, session: SessionId) {
        if let Some(id) = self.sessions.get(&session).copied() {
            self.close(id, CloseReason::FellBehind);
        }
    }

    /// Begins a round of sending, in which [`Hub::poll_transmit`] looks at so many keys at most.
    pub fn begin_round(&mut self) {
        self.budget = ROUND_ENTRIES_MAX;
    }

    /// Whether [`Hub::poll_transmit`] stopped because the round's budget was used up: another round will bring more.
    pub fn wants_round(&self) -> bool {
        self.budget == 0 && (!self.ready.is_empty() || self.wants_sweep())
    }

    /// The next message to be sent, and to whom.
    pub fn poll_transmit(&mut self, engine: &Engine) -> Option<(PeerId, Message)> {
        while self.budget > 0 {
            let Some(id) = self.ready.pop_front() else {
                if self.sweep(engine) {
                    continue;
                }
                return None;
            };
            let Some(peer) = self.peers.get_mut(id.0) else { continue };
            peer.queued = false;
            if !peer.writable || peer.closing {
                continue;
            }
            if let Some(message) = self.next_message(engine, id) {
                if let Some(peer) = self.peers.get_mut(id.0) {
                    peer.spend(message.len());
                }
                self.wake(id);
                return Some((id, message));
            }
        }
        None
    }

    /// The next connection to be closed by the shell, which then calls [`Hub::close_peer`].
    pub fn poll_close(&mut self) -> Option<(PeerId, CloseReason)> {
        self.closing.pop_front()
    }

    /// The next token that the shell is to check, for [`Hub::handle_grant`].
    pub fn poll_renewal(&mut self) -> Option<(PeerId, Box<[u8]>)> {
        self.renewals.pop_front()
    }

    fn close(&mut self, id: PeerId, reason: CloseReason) {
        if let Some(peer) = self.peers.get_mut(id.0)
            && !peer.closing
        {
            peer.closing = true;
            self.closing.push_back((id, reason));
        }
    }

    /// Lets a replica be asked for what it has to get.
    fn wake(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(id.0)
            && !peer.queued
        {
            peer.queued = true;
            self.ready.push_back(id);
        }
    }

    /// Tells the classes of the records that have become durable.
    fn index_records(&mut self) {
        if self.classes.is_empty() {
            self.indexed = self.durable;
            return;
        }
        let oldest = self.oldest();
        if self.indexed.0 < oldest {
            self.close_those_behind(LogSeq(oldest));
        }
        let first = usize::try_from(self.indexed.0.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let count = usize::try_from(self.durable.0.saturating_sub(self.indexed.0.max(oldest))).unwrap_or(usize::MAX);
        let mut woken = core::mem::take(&mut self.woken);
        for record in self.backlog.range(first).take(count) {
            let Ok((record, _)) = Record::decode(record) else { continue };
            self.classes.note(record.header.seq, record.effects, &mut woken);
        }
        self.indexed = self.durable;
        for class in woken.drain(..) {
            let Some(class) = self.classes.get_mut(class) else { continue };
            class.has_woken();
            if class.wants_trimming() {
                let cursors = class.members.iter().filter_map(|id| self.peers.get(id.0)?.following.as_ref());
                let known = cursors.map(|following| following.cursor).min().unwrap_or(self.durable);
                class.trim(known);
            }
            for id in &class.members {
                if let Some(peer) = self.peers.get_mut(id.0)
                    && !peer.queued
                {
                    peer.queued = true;
                    self.ready.push_back(*id);
                }
            }
        }
        self.woken = woken;
    }

    /// Ends the connections of replicas that don't know the log up to `oldest`, some of which no class was told of.
    fn close_those_behind(&mut self, oldest: LogSeq) {
        let is_behind = |peer: &Peer| peer.following.as_ref().is_some_and(|following| following.cursor < oldest);
        let behind = self.peers.iter().filter(|(_, peer)| is_behind(peer));
        let behind: Vec<PeerId> = behind.map(|(index, _)| PeerId(index)).collect();
        for id in behind {
            self.close(id, CloseReason::FellBehind);
        }
    }

    /// The position before the oldest record that is kept.
    fn oldest(&self) -> u64 {
        self.seq.0 - self.backlog.len() as u64
    }

    fn append(&mut self, engine: &mut Engine, now: UnixMillis, origin: Option<Origin>) -> LogSeq {
        // What isn't durable yet is kept for those who connect before it is.
        let is_kept = self.is_followed(now) || self.durable != self.seq;
        let bytes_max = if is_kept { self.options.limits.backlog_bytes_max } else { 0 };
        self.seq = self.seq.next();
        if let Some(origin) = origin {
            self.clients.note(origin.client, origin.seq, self.seq, now, &self.options.limits);
        }
        let (seq, journal) = (self.seq, engine.journal_mut());
        let record = self.backlog.push(bytes_max, |out| {
            Record::encode(seq, now, origin, journal.bytes(), out);
        });
        self.unwritten.extend_from_slice(record);
        if !self.sweeps.is_empty() {
            let record = core::mem::take(engine.journal_mut());
            self.note_written(engine, record.bytes());
            *engine.journal_mut() = record;
        }
        engine.journal_mut().clear();
        if planted::has(Bug::ShownBeforeDurable) {
            self.handle_durable(self.seq);
        }
        self.seq
    }

    /// Whether there are replicas, or were not long ago: without any, the recent log would be memory for nobody.
    pub fn is_followed(&mut self, now: UnixMillis) -> bool {
        if !self.peers.is_empty() || core::mem::take(&mut self.may_be_followed) {
            self.followed_at = Some(now);
        }
        self.followed_at.is_some_and(|at| now.ms_since(at) <= BACKLOG_KEPT_MS)
    }

    fn send(&mut self, id: PeerId, message: &ToReplica<'_>) {
        let Some(peer) = self.peers.get_mut(id.0) else { return };
        let features = peer.following.as_ref().map(|following| following.features).unwrap_or_default();
        self.send_encoded(id, message.encode_for(features).into());
    }

    fn send_encoded(&mut self, id: PeerId, message: Message) {
        let Some(peer) = self.peers.get_mut(id.0) else { return };
        peer.outbox_bytes += message.len() + MESSAGE_OVERHEAD_BYTES;
        peer.outbox.push_back(message);
        if peer.outbox_bytes > self.options.limits.outbox_bytes_max.min(peer.grant.limits.pending_bytes_max) {
            self.close(id, CloseReason::FellBehind);
        }
        self.wake(id);
    }

    /// Lets go of what a connection held.
    fn let_go(&mut self, engine: &mut Engine, env: Env, id: PeerId, following: &Following) {
        self.classes.leave(following.class, id);
        self.leave_sweep(following.db, id);
        for client in &following.clients {
            if self.online.get(client) == Some(&id) {
                self.online.remove(client);
            }
        }
        for session in following.calls.keys().chain([&following.session]) {
            self.sessions.remove(session);
            engine.close_session(*session);
        }
        self.channels.leave_all(id, &following.channels);
        self.end_presence(engine, env, id, following);
    }
}

/// Capacity that the buffer of unwritten records keeps.
const LOG_BYTES_KEPT: usize = 256 * 1024;

/// How long the recent log is kept after the last replica has gone, in milliseconds: as Redis's `repl-backlog-ttl`.
const BACKLOG_KEPT_MS: u64 = 60 * 60 * 1000;

/// What a queued message costs besides its bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Keys that are looked at in one round of sending: about a millisecond's work.
const ROUND_ENTRIES_MAX: usize = 16 * 1024;
